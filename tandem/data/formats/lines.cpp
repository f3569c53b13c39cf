#include <tandem/base/error.h>
#include <tandem/data/formats/lines.h>
#include <tandem/data/text/unicode.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tandem::data {

void LineReader::Close::operator()(gzFile_s* file) const { gzclose_r(file); }

LineReader::LineReader(const fs::path& path, const LineOptions& options)
    : path_(path), options_(options), left_(options.end - std::min(options.begin, options.end)) {
  std::error_code error;
  if (fs::is_directory(path, error)) fail(ErrorKind::file, path.string(), "is a folder, expected a text file");
  file_.reset(gzopen(path.c_str(), "rb"));
  if (!file_) fail(ErrorKind::file, path.string(), "cannot be read: {}", std::strerror(errno));
  gzbuffer(file_.get(), 1 << 16);
  if (options.begin > 0 && gzseek(file_.get(), static_cast<z_off_t>(options.begin), SEEK_SET) < 0)
    fail(ErrorKind::file, path.string(), "has no byte {}", options.begin);
}

bool LineReader::fill() {
  constexpr uint64_t chunk = 1 << 16;
  buffer_.erase(0, at_);
  at_ = 0;
  const size_t have = buffer_.size();
  const uint64_t wanted = std::min(chunk, left_);
  if (wanted == 0) return false;
  buffer_.resize(have + wanted);
  const int got = gzread(file_.get(), buffer_.data() + have, static_cast<unsigned>(wanted));
  int code = Z_OK;
  const char* reason = gzerror(file_.get(), &code);
  // A gzip file that was cut off reads as if it ended there, but for this code.
  if (got < 0 || code == Z_BUF_ERROR)
    fail(ErrorKind::data, path_.string(), "is damaged after line {}: {}", line_,
         code == Z_ERRNO ? std::strerror(errno) : reason);
  buffer_.resize(have + static_cast<size_t>(got));
  left_ -= static_cast<uint64_t>(got);
  return got > 0;
}

bool LineReader::next(std::string& line) {
  size_t end = buffer_.find('\n', at_);
  while (end == std::string::npos) {
    const size_t seen = buffer_.size() - at_;
    if (seen > options_.longest)
      fail(ErrorKind::data, path_.string(), "line {} is longer than {} bytes: is it a text file?", line_ + 1,
           options_.longest);
    if (!fill()) break;
    end = buffer_.find('\n', seen);
  }
  ended_ = end != std::string::npos;
  if (!ended_) {
    if (at_ == buffer_.size()) return false;
    end = buffer_.size();
  }
  std::string_view text = std::string_view(buffer_).substr(at_, end - at_);
  at_ = std::min(end + 1, buffer_.size());
  ++line_;
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (line_ == 1 && options_.begin == 0) {
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
      fail(ErrorKind::data, path_.string(), "is UTF-16: save it as UTF-8");
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  }
  if (options_.encoding == Encoding::windows_1252) {
    line = from_windows_1252(text);
  } else {
    check_utf8(text, path_.string(), line_);
    line = text;
  }
  return true;
}

std::vector<std::string> read_lines(const fs::path& path, const LineOptions& options) {
  std::vector<std::string> out;
  LineReader reader(path, options);
  for (std::string line; reader.next(line);) out.push_back(std::move(line));
  return out;
}

}  // namespace tandem::data
