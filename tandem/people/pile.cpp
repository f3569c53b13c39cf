#include <tandem/base/text.h>
#include <tandem/data/formats/csv_field.h>
#include <tandem/data/labels.h>
#include <tandem/people/pile.h>
#include <tandem/people/store.h>

#include <algorithm>
#include <map>
#include <set>

namespace tandem::people {
namespace {

class Pictures : public Pile {
 public:
  Pictures(fs::path folder, const data::ImageOptions& size) : folder_(std::move(folder)) {
    names_ = data::picture_files(folder_);
    examples_ = data::load_pictures(folder_, names_, {}, size);
  }
  [[nodiscard]] std::vector<std::optional<std::string>> answers() const override {
    std::vector<std::optional<std::string>> out(names_.size());
    for (const data::Label& label : data::read_labels(folder_)) {
      const auto file = std::ranges::lower_bound(names_, label.file);
      if (file != names_.end() && *file == label.file)  // else the picture is gone
        out[static_cast<size_t>(file - names_.begin())] = label.label;
    }
    return out;
  }
  void answer(int64_t i, const std::string& label, const std::string& person) override {
    data::append_label(folder_, {name(i), label, person, utc_now()});
  }
  void take_back(int64_t) override {}  // the file keeps the old line until the new answer follows it
  [[nodiscard]] fs::path kept_in() const override { return folder_ / data::labels_file; }

 private:
  fs::path folder_;
};

/// "new.csv" -> "new.labels.csv", beside it.
fs::path labels_beside(const fs::path& file) {
  fs::path stem = file.stem();
  if (file.extension() == ".gz") stem = stem.stem();
  return file.parent_path() / (stem.string() + ".labels.csv");
}

// Texts and rows: what is known of an example are cells, and the answers are a table of these cells with one more.
class Cells : public Pile {
 public:
  [[nodiscard]] std::vector<std::optional<std::string>> answers() const override {
    std::vector<std::optional<std::string>> out;
    for (const auto& cells : cells_) {
      const auto said = said_.find(cells);
      out.push_back(said == said_.end() ? std::nullopt : std::optional(class_of(said->second.label)));
    }
    return out;
  }
  void answer(int64_t i, const std::string& label, const std::string& person) override {
    const auto& cells = cells_.at(static_cast<size_t>(i));
    if (label.empty()) return take_back(i);
    if (!said_.contains(cells)) order_.push_back(cells);
    said_[cells] = {value_of(label), person, utc_now()};
    write();
  }
  void take_back(int64_t i) override {
    const auto& cells = cells_.at(static_cast<size_t>(i));
    if (said_.erase(cells) == 0) return;
    std::erase(order_, cells);
    write();
  }
  [[nodiscard]] fs::path kept_in() const override { return labels_beside(file_); }

 protected:
  using Row = std::vector<std::string>;
  struct Said {
    std::string label, person, time;
  };

  /// The columns of the cells and the one of the labels; `signed_answers`: with who said so, and when.
  Cells(fs::path file, bool signed_answers) : file_(std::move(file)), signed_(signed_answers) {}

  void begin(Row columns, std::string label_column) {
    columns_ = std::move(columns), label_column_ = std::move(label_column);
    if (std::error_code error; !fs::exists(kept_in(), error)) return;
    const data::Csv csv = data::Csv::read(kept_in(), {.delimiter = ',', .header = data::CsvHeader::yes});
    Row expected = columns_;
    expected.push_back(label_column_);
    if (signed_) expected.insert(expected.end(), {"person", "time"});
    if (csv.names() != expected)
      fail(ErrorKind::data, kept_in().string(), "has the columns {}, expected {}: move it away, or label its own file",
           join(csv.names()), join(expected));
    const auto width = std::ssize(columns_);
    for (int64_t r = 0; r < csv.rows(); ++r) {
      Row cells;
      for (int64_t c = 0; c < width; ++c) cells.emplace_back(csv.cell(r, c));
      Said said{std::string(csv.cell(r, width)), "", ""};
      if (signed_) said.person = csv.cell(r, width + 1), said.time = csv.cell(r, width + 2);
      if (said_.insert_or_assign(cells, said).second) order_.push_back(cells);
    }
  }

  std::vector<Row> cells_;                                                     // of each example
  std::vector<std::pair<std::string, std::vector<std::string>>> values_ = {};  // of the target, by class

 private:
  [[nodiscard]] std::string value_of(const std::string& label) const {
    const auto found = std::ranges::find(values_, label, &std::pair<std::string, std::vector<std::string>>::first);
    return found == values_.end() ? label : found->second.front();
  }
  [[nodiscard]] std::string class_of(const std::string& value) const {
    for (const auto& [name, of] : values_)
      if (std::ranges::find(of, value) != of.end()) return name;
    return value;
  }
  void write() const {
    std::string text;
    const auto line = [&](const Row& cells) {
      for (size_t c = 0; c < cells.size(); ++c) text += (c > 0 ? "," : "") + data::csv_field(cells[c]);
      text += "\n";
    };
    Row heading = columns_;
    heading.push_back(label_column_);
    if (signed_) heading.insert(heading.end(), {"person", "time"});
    line(heading);
    for (const Row& cells : order_) {
      const Said& said = said_.at(cells);
      Row whole = cells;
      whole.push_back(said.label);
      if (signed_) whole.insert(whole.end(), {said.person, said.time});
      line(whole);
    }
    write_text(kept_in(), text);
  }

  fs::path file_;
  bool signed_;
  Row columns_;
  std::string label_column_;
  std::map<Row, Said> said_;
  std::vector<Row> order_;  // as they were answered
};

class TextPile : public Cells {
 public:
  TextPile(const fs::path& file, const data::TextSource& source) : Cells(file, true) {
    data::Texts texts;
    std::set<std::string> seen;
    int64_t number = 0;
    for (std::string& text : data::read_texts(file, source)) {
      ++number;
      if (text.find_first_not_of(" \t\r\n") == std::string::npos || !seen.insert(text).second) continue;
      names_.push_back(fmt::format("{}:{}", file.filename().string(), number));
      cells_.push_back({text});
      texts.push_back(std::move(text));
    }
    if (texts.empty()) fail(ErrorKind::data, file.string(), "holds no text to label");
    examples_ = {.inputs = {}, .labels = std::vector<int32_t>(texts.size(), 0), .classes = {}, .source = file.string()};
    examples_.inputs = std::move(texts);
    begin({"text"}, "label");
  }
};

class RowPile : public Cells {
 public:
  RowPile(const fs::path& file, const data::TableSource& source, const data::TableOptions& reading)
      : Cells(file, false) {
    values_ = source.classes;
    const data::Dataset all = data::load_rows(file, source, reading, {});
    const std::string target = source.target.empty() ? "label" : source.target;
    data::Table table = all.table();
    Row columns;
    std::vector<const data::Column*> own;
    for (data::Column& column : table.columns) {
      const bool left_out = std::ranges::find(source.leave_out, column.name) != source.leave_out.end();
      if (column.name == target || left_out || column.type == data::ColumnType::identifier ||
          column.type == data::ColumnType::text)
        column.used = false;
      if (column.name == target) continue;
      columns.push_back(column.name);
      own.push_back(&column);
    }
    std::set<Row> seen;
    std::vector<int64_t> kept;
    for (int64_t r = 0; r < table.rows(); ++r) {
      Row cells;
      for (const data::Column* column : own) cells.push_back(column->text(r));
      if (!seen.insert(cells).second) continue;
      names_.push_back(fmt::format("{}:{}", file.filename().string(), table.lines[static_cast<size_t>(r)]));
      cells_.push_back(std::move(cells));
      kept.push_back(r);
    }
    examples_ = {.inputs = {}, .labels = std::vector<int32_t>(kept.size(), 0), .classes = {}, .source = file.string()};
    examples_.inputs = data::subset(table, kept);
    begin(std::move(columns), target);
  }
};

}  // namespace

std::unique_ptr<Pile> pictures_in(const fs::path& folder, const data::ImageOptions& size) {
  return std::make_unique<Pictures>(folder, size);
}
std::unique_ptr<Pile> texts_in(const fs::path& file, const data::TextSource& source) {
  return std::make_unique<TextPile>(file, source);
}
std::unique_ptr<Pile> rows_in(const fs::path& file, const data::TableSource& source,
                              const data::TableOptions& reading) {
  return std::make_unique<RowPile>(file, source, reading);
}

}  // namespace tandem::people
