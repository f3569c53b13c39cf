#include <tandem/base/error.h>
#include <tandem/base/text.h>
#include <tandem/data/formats/csv.h>
#include <tandem/data/formats/gzip.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <set>

namespace tandem::data {
namespace {

// In the order of preference: a text with commas may well be separated by tabs or semicolons, hardly the reverse.
constexpr std::string_view delimiters = "\t;|,";

// Reads row after row. Quoted fields are unquoted in place: they only become shorter.
class Reader {
 public:
  Reader(std::string& text, char delimiter, bool quotes, const std::string& where)
      : text_(text), delimiter_(delimiter), quotes_(quotes), where_(where) {}

  [[nodiscard]] int64_t line() const { return started_; }  // in which the row last read begins

  /// The next row that is no empty line, or false at the end.
  bool next(std::vector<Csv::Field>& row) {
    while (at_ < text_.size() && end_of_line()) continue;
    if (at_ >= text_.size()) return false;
    row.clear();
    started_ = line_;
    do row.push_back(quotes_ && at_ < text_.size() && text_[at_] == '"' ? quoted(row.size()) : plain());
    while (delimiter());
    end_of_line();
    return true;
  }

 private:
  bool delimiter() {
    if (at_ >= text_.size() || text_[at_] != delimiter_) return false;
    ++at_;
    return true;
  }
  bool end_of_line() {
    if (at_ >= text_.size() || (text_[at_] != '\n' && text_[at_] != '\r')) return false;
    at_ += text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n' ? 2 : 1;
    ++line_;
    return true;
  }
  Csv::Field plain() {
    const size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != delimiter_ && text_[at_] != '\n' && text_[at_] != '\r') ++at_;
    return {begin, at_ - begin};
  }
  Csv::Field quoted(size_t column) {
    const int64_t opened = line_;
    const size_t begin = ++at_;
    size_t end = begin;
    for (;; ++at_) {
      if (at_ >= text_.size())
        fail(ErrorKind::data, where_, "line {}: the quote that opens field {} is never closed", opened, column + 1);
      const char c = text_[at_];
      if (c == '"') {
        if (at_ + 1 >= text_.size() || text_[at_ + 1] != '"') break;
        ++at_;  // a doubled quote is one
      }
      if (c == '\n' || (c == '\r' && (at_ + 1 >= text_.size() || text_[at_ + 1] != '\n'))) ++line_;
      text_[end++] = c;
    }
    ++at_;
    if (at_ < text_.size() && text_[at_] != delimiter_ && text_[at_] != '\n' && text_[at_] != '\r')
      fail(ErrorKind::data, where_,
           "line {}: text follows the closing quote of field {}: a quote inside a quoted field is written twice", line_,
           column + 1);
    return {begin, end - begin};
  }

  std::string& text_;
  char delimiter_;
  bool quotes_;
  const std::string& where_;
  size_t at_ = 0;
  int64_t line_ = 1, started_ = 1;
};

// Removes the byte order mark and refuses what is no UTF-8 text.
void check_text(std::string& text, const std::string& where) {
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
    fail(ErrorKind::data, where, "is UTF-16: save it as UTF-8");
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  size_t bad = first_invalid_utf8(text);
  if (const size_t zero = text.find('\0'); zero < bad) bad = zero;
  if (bad >= text.size()) return;
  int64_t line = 1;
  size_t begin = 0;
  for (size_t i = 0; i < bad; ++i)
    if (text[i] == '\n' || (text[i] == '\r' && text[i + 1] != '\n')) ++line, begin = i + 1;
  fail(ErrorKind::data, where, "line {}: byte {} of it is 0x{:02x}, which is no UTF-8 text: save the file as UTF-8",
       line, bad - begin + 1, static_cast<unsigned char>(text[bad]));
}

// The delimiter by which most rows, from the first on, have as many fields as the first, and more than one.
char guess_delimiter(const std::string& text, bool quotes, const std::string& where) {
  constexpr size_t sample_bytes = 1 << 16;
  constexpr int sample_rows = 50;
  char best = ',';
  int most = 0;
  for (const char delimiter : delimiters) {
    std::string sample = text.substr(0, sample_bytes);
    Reader reader(sample, delimiter, quotes, where);
    std::vector<Csv::Field> row;
    size_t width = 0;
    int alike = 0;
    try {
      while (alike < sample_rows && reader.next(row)) {
        if (alike == 0) width = row.size();
        if (row.size() != width || width < 2) break;
        ++alike;
      }
    } catch (const Error&) {  // a quote that another delimiter explains, or that the sample cuts
    }
    if (alike > most) most = alike, best = delimiter;
  }
  return best;
}

void check_names(const std::vector<std::string>& names, const std::string& where) {
  std::map<std::string_view, size_t> seen;
  for (size_t i = 0; i < names.size(); ++i)
    if (const auto [found, fresh] = seen.emplace(names[i], i); !fresh)
      fail(ErrorKind::data, where, "columns {} and {} are both named '{}': rename one", found->second + 1, i + 1,
           names[i]);
}

struct Ragged {
  int64_t rows = 0;
  std::vector<std::string> examples;
};

}  // namespace

Csv Csv::read(const fs::path& path, const CsvOptions& options) {
  std::vector<uint8_t> bytes = read_file(path, options.limit);
  if (is_gzip(bytes)) bytes = gunzip(bytes, options.limit, path.string());
  return parse(std::string(bytes.begin(), bytes.end()), path.string(), options);
}

Csv Csv::parse(std::string text, const std::string& where, const CsvOptions& options) {
  if (options.delimiter != 0 && (options.delimiter == '"' || options.delimiter == '\n' || options.delimiter == '\r'))
    fail("csv", "a quote or the end of a line cannot be the delimiter: give one of , ; | or a tab");
  Csv out;
  out.where_ = where;
  out.text_ = std::move(text);
  check_text(out.text_, where);
  out.delimiter_ = options.delimiter != 0 ? options.delimiter : guess_delimiter(out.text_, options.quotes, where);

  Reader reader(out.text_, out.delimiter_, options.quotes, where);
  std::vector<Field> row;
  size_t width = 0;
  int64_t first_line = 0;
  Ragged ragged;
  while (reader.next(row)) {
    if (width == 0) width = row.size(), first_line = reader.line();
    if (row.size() != width) {
      if (++ragged.rows <= 5) ragged.examples.push_back(fmt::format("line {} has {}", reader.line(), row.size()));
      continue;
    }
    out.fields_.insert(out.fields_.end(), row.begin(), row.end());
    out.lines_.push_back(reader.line());
  }
  if (width == 0) fail(ErrorKind::data, where, "holds no row");
  if (ragged.rows > 0)
    fail(ErrorKind::data, where, "{} {} not the {} fields of line {}: {}{}", ragged.rows,
         ragged.rows == 1 ? "row has" : "rows have", width, first_line, join(ragged.examples),
         ragged.rows > 5 ? fmt::format(" and {} more", ragged.rows - 5) : "");

  const auto field = [&](size_t index) {
    return std::string_view(out.text_).substr(out.fields_[index].begin, out.fields_[index].size);
  };
  // A first row names the columns when it holds different words and no number. Words above numbers are names; in a file
  // of words alone they are values when one of them comes again in its column.
  const auto looks_like_names = [&] {
    constexpr size_t looked_at = 50;
    const size_t rows = out.lines_.size(), some = std::min(rows, looked_at + 1);
    std::set<std::string_view> seen;
    bool above_numbers = false, comes_again = false;
    for (size_t c = 0; c < width; ++c) {
      double number = 0;
      const std::string_view name = field(c);
      if (parse_number(name, number) || !seen.insert(name).second) return false;
      if (name.empty() && c > 0) return false;  // the first is often left empty: row numbers
      size_t numbers = 0;
      for (size_t r = 1; r < some; ++r) numbers += parse_number(field(r * width + c), number);
      const bool word = std::ranges::any_of(name, [](char letter) {
        return std::isalpha(static_cast<unsigned char>(letter)) != 0 || (letter & 0x80) != 0;
      });
      above_numbers = above_numbers || (word && 2 * numbers > some - 1);
      for (size_t r = 1; r < rows && !comes_again; ++r) comes_again = field(r * width + c) == name;
    }
    return rows > 1 && (above_numbers || !comes_again);
  };
  out.has_header_ = options.header == CsvHeader::yes ||
                    (options.header == CsvHeader::guess && options.names.empty() && looks_like_names());
  for (size_t c = 0; c < width; ++c) {
    std::string name(out.has_header_ ? field(c) : "");
    out.names_.push_back(name.empty() ? fmt::format("column {}", c + 1) : name);
  }
  if (!options.names.empty()) {
    if (options.names.size() != width)
      fail(ErrorKind::data, where, "{} names are given for {} columns", options.names.size(), width);
    out.names_ = options.names;
  }
  check_names(out.names_, where);
  if (out.has_header_) {
    out.fields_.erase(out.fields_.begin(), out.fields_.begin() + static_cast<ptrdiff_t>(width));
    out.lines_.erase(out.lines_.begin());
  }
  if (out.lines_.empty()) fail(ErrorKind::data, where, "holds the names of columns and no row below them");
  return out;
}

int64_t Csv::column(const std::string& name) const {
  const auto found = std::ranges::find(names_, name);
  if (found != names_.end()) return found - names_.begin();
  const std::string nearest = nearest_name(name, names_);
  fail(ErrorKind::data, where_, "has no column '{}'{}; its columns are {}", name,
       nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest), join(names_));
}

bool parse_number(std::string_view text, double& value, char decimal) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-' && text[1] != '+') text.remove_prefix(1);
  if (text.empty()) return false;
  std::string mended;
  if (decimal != '.') {
    if (text.find('.') != std::string_view::npos) return false;
    mended = text;
    std::ranges::replace(mended, decimal, '.');
    text = mended;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace tandem::data
