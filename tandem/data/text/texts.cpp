#include <tandem/base/error.h>
#include <tandem/base/text.h>
#include <tandem/data/formats/csv.h>
#include <tandem/data/formats/gzip.h>
#include <tandem/data/formats/jsonl.h>
#include <tandem/data/text/texts.h>
#include <tandem/data/text/unicode.h>

#include <algorithm>
#include <array>
#include <map>

namespace tandem::data {
namespace {

/// An example as it stands in a file.
struct Row {
  std::string text, label, where;
};
using Parts = std::array<std::vector<Row>, 3>;

const std::array<std::vector<std::string>, 3> part_names{{{"train"}, {"validation", "val", "valid", "dev"}, {"test"}}};

/// The ending without .gz: ".csv" of "a.csv.gz".
std::string ending(const fs::path& path) {
  std::string out = (path.extension() == ".gz" ? path.stem() : path).extension().string();
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool is_table(const std::string& end) { return end == ".csv" || end == ".tsv"; }
bool is_json(const std::string& end) { return end == ".jsonl" || end == ".ndjson"; }

bool is_blank(std::string_view text) {
  for (size_t at = 0; at < text.size();)
    if (!is_space(next_character(text, at))) return false;
  return true;
}

Encoding encoding_of(const TextSource& source) {
  return source.encoding == "windows-1252" ? Encoding::windows_1252 : Encoding::utf8;
}

Csv read_csv(const fs::path& path, const TextSource& source) {
  if (encoding_of(source) == Encoding::utf8) return Csv::read(path);
  std::vector<uint8_t> bytes = read_file(path);
  if (is_gzip(bytes)) bytes = gunzip(bytes, uint64_t{1} << 32, path.string());
  return Csv::parse(from_windows_1252({reinterpret_cast<const char*>(bytes.data()), bytes.size()}), path.string());
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

/// The columns of texts and labels. Of two columns whose names say nothing, the longer is the text.
std::pair<int64_t, int64_t> columns_of(const Csv& csv, const TextSource& source) {
  const std::string text = source.column.empty() && has(csv.names(), "text") ? "text" : source.column;
  const std::string label = source.label.empty() && has(csv.names(), "label") ? "label" : source.label;
  int64_t text_column = text.empty() ? -1 : csv.column(text);
  int64_t label_column = label.empty() ? -1 : csv.column(label);
  if (csv.columns() == 2) {
    if (text_column < 0 && label_column < 0) {
      std::array<size_t, 2> bytes{};
      for (int64_t r = 0; r < csv.rows(); ++r)
        for (int64_t c = 0; c < 2; ++c) bytes[static_cast<size_t>(c)] += csv.cell(r, c).size();
      text_column = bytes[1] > bytes[0] ? 1 : 0;
    }
    if (text_column < 0) text_column = 1 - label_column;
    if (label_column < 0) label_column = 1 - text_column;
  }
  if (text_column < 0 || label_column < 0 || text_column == label_column)
    fail(ErrorKind::data, csv.where(), "has the columns {}: say which holds the texts with data.text.column, which the labels with data.text.label",
         join(csv.names()));
  return {text_column, label_column};
}

std::vector<Row> read_rows(const fs::path& path, const TextSource& source) {
  std::vector<Row> out;
  const auto add = [&](std::string text, std::string label, int64_t line) {
    out.push_back({std::move(text), std::move(label), fmt::format("{}:{}", path.string(), line)});
  };
  if (is_table(ending(path))) {
    const Csv csv = read_csv(path, source);
    const auto [text, label] = columns_of(csv, source);
    for (int64_t r = 0; r < csv.rows(); ++r) add(std::string(csv.cell(r, text)), std::string(csv.cell(r, label)), csv.line(r));
  } else {
    read_jsonl(path, {source.column.empty() ? "text" : source.column, source.label.empty() ? "label" : source.label},
               [&](const std::vector<std::string>& values, int64_t line) { add(values[0], values[1], line); });
  }
  return out;
}

/// The rows of a folder with a text file, or a folder of text files, a class. None when there is no such one.
std::vector<Row> class_rows(const fs::path& folder, const TextSource& source) {
  std::map<std::string, std::vector<fs::path>> classes;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.')) continue;
    if (entry.is_directory()) {
      std::error_code inner;
      for (const auto& file : fs::directory_iterator(entry.path(), inner))
        if (ending(file.path()) == ".txt") classes[name].push_back(file.path());
      if (inner) fail(ErrorKind::file, entry.path().string(), "cannot be read: {}", inner.message());
    } else if (ending(entry.path()) == ".txt") {
      classes[name.substr(0, name.find(".txt"))].push_back(entry.path());
    }
  }
  if (error) fail(ErrorKind::file, folder.string(), "cannot be read: {}", error.message());
  std::vector<Row> out;
  for (auto& [name, files] : classes) {
    std::ranges::sort(files);
    for (const fs::path& file : files) {
      LineReader lines(file, {.encoding = encoding_of(source)});
      for (std::string line; lines.next(line);)
        if (!is_blank(line)) out.push_back({line, name, fmt::format("{}:{}", file.string(), lines.line())});
    }
  }
  return out;
}

Parts read_parts(const fs::path& path, const TextSource& source) {
  Parts parts;
  if (!fs::is_directory(path)) {
    if (!is_text_file(path))
      fail(ErrorKind::data, path.string(), "is of no format with labels: expected .csv, .tsv or .jsonl, or a folder with a text file a class");
    parts[0] = read_rows(path, source);
    return parts;
  }
  for (size_t part = 0; part < parts.size(); ++part)
    for (const std::string& name : part_names[part]) {
      for (const char* end : {".csv", ".tsv", ".jsonl", ".ndjson", ".csv.gz", ".tsv.gz", ".jsonl.gz"})
        if (const fs::path file = path / (name + end); parts[part].empty() && fs::is_regular_file(file))
          parts[part] = read_rows(file, source);
      if (parts[part].empty() && fs::is_directory(path / name)) parts[part] = class_rows(path / name, source);
    }
  if (parts[0].empty()) parts[0] = class_rows(path, source);
  if (parts[0].empty())
    fail(ErrorKind::data, path.string(), "holds no texts: expected train.csv (or .tsv, .jsonl), or a text file a class, as in positive.txt");
  return parts;
}

/// Sorted by name, by number when all are numbers.
std::vector<std::string> class_names(const std::vector<Row>& rows) {
  std::vector<std::string> names;
  for (const Row& row : rows) names.push_back(row.label);
  const auto number = [](const std::string& text) {
    double value = 0;
    (void)parse_number(text, value);
    return value;
  };
  double unused = 0;
  const bool numbers = std::ranges::all_of(names, [&](const std::string& n) { return parse_number(n, unused); });
  std::ranges::sort(names, [&](const std::string& a, const std::string& b) {
    return numbers && number(a) != number(b) ? number(a) < number(b) : a < b;
  });
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

void check_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    if (is_blank(row.text)) fail(ErrorKind::data, row.where, "the text is empty: fill it or remove the row");
    if (is_blank(row.label)) fail(ErrorKind::data, row.where, "the label is empty: fill it or remove the row");
  }
}

}  // namespace

void TextSource::fields(Fields& f) {
  f("column", column);
  f("label", label);
  f("encoding", encoding, {"utf-8", "windows-1252"});
}

bool is_text_file(const fs::path& path) { return is_table(ending(path)) || is_json(ending(path)); }

Splits load_texts(const fs::path& path, const TextSource& source) {
  Parts parts = read_parts(path, source);
  for (const auto& part : parts) check_rows(part);
  const std::vector<std::string> classes = class_names(parts[0]);
  constexpr size_t most_classes = 10'000;
  if (classes.size() > most_classes || (classes.size() > 50 && classes.size() * 2 > parts[0].size()))
    fail(ErrorKind::data, path.string(), "has {} labels for {} texts: is data.text.label the right column?", classes.size(),
         parts[0].size());
  Splits out;
  for (size_t part = 0; part < parts.size(); ++part) {
    Dataset& set = part == 0 ? out.train : part == 1 ? out.validation : out.test;
    set.classes = classes;
    set.source = path.string();
    Texts texts;
    for (Row& row : parts[part]) {
      const auto found = std::ranges::find(classes, row.label);
      if (found == classes.end())
        fail(ErrorKind::data, row.where, "the label '{}' is never seen in training, which has {}: a network cannot learn it",
             row.label, classes.size() > 20 ? fmt::format("{} others", classes.size()) : join(classes));
      set.labels.push_back(static_cast<int32_t>(found - classes.begin()));
      texts.push_back(std::move(row.text));
    }
    set.inputs = std::move(texts);
  }
  return out;
}

std::vector<std::string> read_texts(const fs::path& path, const TextSource& source) {
  if (is_table(ending(path))) {
    const Csv csv = read_csv(path, source);
    const std::string name = source.column.empty() && has(csv.names(), "text") ? "text" : source.column;
    const int64_t column = csv.columns() == 1 && name.empty() ? 0
                           : name.empty()                     ? columns_of(csv, source).first
                                                              : csv.column(name);
    std::vector<std::string> out;
    for (int64_t r = 0; r < csv.rows(); ++r) out.emplace_back(csv.cell(r, column));
    return out;
  }
  if (is_json(ending(path))) {
    std::vector<std::string> out;
    read_jsonl(path, {source.column.empty() ? "text" : source.column},
               [&](const std::vector<std::string>& values, int64_t) { out.push_back(values[0]); });
    return out;
  }
  return read_lines(path, {.encoding = encoding_of(source)});
}

}  // namespace tandem::data
