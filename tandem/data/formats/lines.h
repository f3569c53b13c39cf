// Text files line by line, in constant memory.
#pragma once
#include <tandem/base/files.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct gzFile_s;

namespace tandem::data {

enum class Encoding { utf8, windows_1252 };

struct LineOptions {
  Encoding encoding = Encoding::utf8;
  uint64_t longest = uint64_t{1} << 26;                 // bytes of a line; more is an error, not memory
  uint64_t begin = 0, end = ~uint64_t{0};               // only these bytes of the (unpacked) file
};

/// Reads a plain or gzip file line by line. LF and CRLF end a line, the last may have none; a byte order mark is
/// dropped. Throws a file error when it cannot be read and a data error with file, line and column at a byte that is no
/// UTF-8.
class LineReader {
 public:
  explicit LineReader(const fs::path& path, const LineOptions& options = {});
  /// The next line without its end, as UTF-8; false behind the last.
  bool next(std::string& line);
  /// The number, from 1, of the line last read.
  [[nodiscard]] int64_t line() const { return line_; }
  /// Whether the line last read had an end.
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  struct Close {
    void operator()(gzFile_s* file) const;
  };
  bool fill();

  fs::path path_;
  LineOptions options_;
  std::unique_ptr<gzFile_s, Close> file_;
  std::string buffer_;
  size_t at_ = 0;
  uint64_t left_ = 0;  // bytes that may still be read
  int64_t line_ = 0;
  bool ended_ = false;
};

/// All lines of a file.
[[nodiscard]] std::vector<std::string> read_lines(const fs::path& path, const LineOptions& options = {});

}  // namespace tandem::data
