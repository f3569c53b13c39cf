// CSV, TSV and their relatives: rows of fields as text. Source of the format: RFC 4180.
#pragma once
#include <tandem/base/files.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::data {

enum class CsvHeader { guess, yes, no };

struct CsvOptions {
  char delimiter = 0;                   // 0: guessed among tab ; | ,
  CsvHeader header = CsvHeader::guess;  // whether the first row names the columns
  bool quotes = true;                   // false: " is a letter like others, as in many TSV files
  std::vector<std::string> names{};     // of the columns, for a file without a header
  uint64_t limit = uint64_t{1} << 32;   // bytes, unpacked
};

/// A file as rows of fields. Fields are kept in the file's own bytes, 16 more each: a value, copied and moved freely.
///
/// Read is what RFC 4180 says, and beyond it: LF, CRLF and CR end a row, a byte order mark is dropped, empty lines are
/// left out, a " inside a field that does not begin with one is a letter, and a file may be packed with gzip.
/// Refused, each by a data error with file and line: rows of another number of fields than the first, two columns of
/// one name, bytes that are no UTF-8 or are 0, a quote that is never closed or has text behind it, and no row at all.
class Csv {
 public:
  [[nodiscard]] static Csv read(const fs::path& path, const CsvOptions& options = {});
  /// The same of text already read; `where` names it in errors.
  [[nodiscard]] static Csv parse(std::string text, const std::string& where, const CsvOptions& options = {});

  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }  // "column 3" where none is given
  [[nodiscard]] int64_t rows() const { return static_cast<int64_t>(lines_.size()); }
  [[nodiscard]] int64_t columns() const { return static_cast<int64_t>(names_.size()); }
  /// Unquoted; lives as long as this object stays where it is.
  [[nodiscard]] std::string_view cell(int64_t row, int64_t column) const {
    const Field& f = fields_[static_cast<size_t>(row) * names_.size() + static_cast<size_t>(column)];
    return std::string_view(text_).substr(f.begin, f.size);
  }
  /// The line of the file, from 1, in which a row begins.
  [[nodiscard]] int64_t line(int64_t row) const { return lines_[static_cast<size_t>(row)]; }
  /// The column of that name; throws a data error with the nearest name otherwise.
  [[nodiscard]] int64_t column(const std::string& name) const;

  [[nodiscard]] char delimiter() const { return delimiter_; }
  [[nodiscard]] bool has_header() const { return has_header_; }  // given or guessed: worth saying when guessed
  [[nodiscard]] const std::string& where() const { return where_; }

  struct Field {
    uint64_t begin = 0, size = 0;
  };

 private:
  std::string text_, where_;
  std::vector<std::string> names_;
  std::vector<Field> fields_;   // row after row
  std::vector<int64_t> lines_;  // one a row
  char delimiter_ = ',';
  bool has_header_ = false;
};

/// The whole of `text` (blanks around it aside) as a finite or infinite number, or nothing. `decimal` is '.' or ','.
[[nodiscard]] bool parse_number(std::string_view text, double& value, char decimal = '.');

}  // namespace tandem::data
