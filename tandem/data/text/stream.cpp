#include <tandem/base/error.h>
#include <tandem/base/random.h>
#include <tandem/base/text.h>
#include <tandem/data/text/stream.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace tandem::data {

struct TokenStream::File {
  int descriptor = -1;

  File() {
    std::string name = (fs::temp_directory_path() / "tandem-tokens-XXXXXX").string();
    descriptor = ::mkstemp(name.data());
    if (descriptor < 0)
      fail(ErrorKind::file, name, "cannot be made: {}: set TMPDIR to a folder on a disk", std::strerror(errno));
    ::unlink(name.c_str());  // nobody else needs it, and nothing is left behind, however this ends
  }
  ~File() { ::close(descriptor); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void append(std::span<const int32_t> tokens) const {
    const auto* at = reinterpret_cast<const char*>(tokens.data());
    for (size_t left = tokens.size_bytes(); left > 0;) {
      const ssize_t wrote = ::write(descriptor, at, left);
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote <= 0)
        fail(ErrorKind::file, fs::temp_directory_path().string(),
             "cannot take more tokens: {}: set TMPDIR to a larger disk", std::strerror(errno));
      at += wrote;
      left -= static_cast<size_t>(wrote);
    }
  }
};

TokenStream TokenStream::encode(LineReader& lines, const Tokenizer& tokenizer) {
  if (tokenizer.size() > tokenizer.tokens())
    fail("tokenizer", "n-grams have no place in a running text: leave tokenizer.ngrams out");
  constexpr size_t chunk = 1 << 16;
  auto file = std::make_shared<const File>();
  TokenStream out;
  std::vector<int32_t> waiting;
  const auto flush = [&] {
    file->append(waiting);
    out.size_ += std::ssize(waiting);
    for (const int32_t id : waiting) out.unknown_ += id == tokenizer.special().unknown;
    waiting.clear();
  };
  const auto add = [&](std::string_view text) {
    const std::vector<int32_t> ids = tokenizer.encode(text);
    waiting.insert(waiting.end(), ids.begin(), ids.end());
    if (waiting.size() >= chunk) flush();
  };
  std::string lines_together;  // byte pairs may reach from a line end into the blanks behind it
  const bool together = tokenizer.options().type == "byte_bpe";
  for (std::string line; lines.next(line);) {
    if (!together) {
      add(line);
      if (lines.ended()) waiting.push_back(tokenizer.line_end());
      continue;
    }
    const bool cut = !line.empty() && static_cast<signed char>(line.front()) > ' ';
    if (cut || lines_together.size() > chunk) add(std::exchange(lines_together, {}));
    lines_together += line + (lines.ended() ? "\n" : "");
  }
  add(lines_together);
  flush();
  if (out.size_ == 0) fail(ErrorKind::data, "text", "holds no token");
  out.file_ = std::move(file);
  return out;
}

void TokenStream::read(int64_t first, std::span<int32_t> into) const {
  if (first < 0 || first + std::ssize(into) > size_)
    fail("tokens", "{} to {} are out of range for a text of {}", first, first + std::ssize(into), size_);
  auto* at = reinterpret_cast<char*>(into.data());
  auto offset = static_cast<off_t>(first * static_cast<int64_t>(sizeof(int32_t)));
  for (size_t left = into.size_bytes(); left > 0;) {
    const ssize_t got = ::pread(file_->descriptor, at, left, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail(ErrorKind::file, "tokens", "the temporary file cannot be read: {}", std::strerror(errno));
    at += got;
    offset += got;
    left -= static_cast<size_t>(got);
  }
}

std::vector<int64_t> windows(int64_t tokens, int64_t length, uint64_t seed, int64_t epoch) {
  if (length < 1) fail("windows", "a length of {} is not possible: give 1 or more", length);
  if (tokens < length + 1)
    fail(ErrorKind::data, "text",
         "has {} tokens, a window takes {} and the next one: give more text or a shorter context", grouped(tokens),
         length);
  Rng rng = Rng(seed, "windows").split(static_cast<uint64_t>(epoch));
  const int64_t spare = (tokens - 1) % length, count = (tokens - 1) / length;
  // The first place moves over the tokens that do not fill a window, or over a whole one where that costs one window.
  const int64_t phase = count > 1 ? rng.below(length) : rng.below(spare + 1);
  std::vector<int64_t> out = rng.permutation(phase <= spare ? count : count - 1);
  for (int64_t& window : out) window = phase + window * length;
  return out;
}

}  // namespace tandem::data
