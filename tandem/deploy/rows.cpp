#include <tandem/base/text.h>
#include <tandem/deploy/json.h>
#include <tandem/deploy/rows.h>

#include <algorithm>
#include <cmath>

namespace tandem::deploy {
namespace {

std::string quoted(const std::string& cell) {
  std::string out = "\"";
  for (const char c : cell) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

Examples read(const ServedModel& model, std::string csv, const char* where, char delimiter, int64_t most) {
  try {
    const data::Csv read =
        data::Csv::parse(std::move(csv), where, {.delimiter = delimiter, .header = data::CsvHeader::yes});
    if (read.rows() > most)
      throw Refused(413, fmt::format("{} examples in a request, at most {} are taken", read.rows(), most));
    data::Table all = data::read_table(read, model.reading());
    data::Table own{.columns = {}, .lines = all.lines, .source = all.source};
    for (const auto& part : std::get<tasks::TableInput>(model.model().input).parts())
      own.columns.push_back(std::move(all.columns[static_cast<size_t>(all.column(part.column))]));
    return {own.rows(), std::move(own)};
  } catch (const Error& e) {
    throw Refused(400, e.what());
  }
}

}  // namespace

Examples read_csv(const ServedModel& model, std::string csv, int64_t most) {
  return read(model, std::move(csv), "the body", 0, most);
}

Columns::Columns(const ServedModel& model) : model_(model) {
  for (const auto& part : std::get<tasks::TableInput>(model.model().input).parts())
    columns_.push_back({part.column, model.reading().types.at(part.column)});
}

size_t Columns::place_of(std::string_view name) {
  const auto found = std::ranges::find(columns_, name, &Column::name);
  if (found == columns_.end()) {
    std::vector<std::string> names;
    for (const Column& c : columns_) names.push_back(c.name);
    refuse("there is no input '{}'; inputs: {}", name, join(names));
  }
  if (found->given) refuse("the input '{}' is given twice", name);
  found->given = true;
  return static_cast<size_t>(found - columns_.begin());
}

void Columns::put(size_t place, const Cell& cell) {
  Column& column = columns_[place];
  const auto bad = [&](const char* what) {
    refuse("row {} has {} in the input '{}', which holds {}", column.cells.size() + 1, what, column.name,
           column.type == data::ColumnType::date ? "dates: give text, such as 2024-03-01" : "words: give text");
  };
  std::string text;
  if (const auto* word = std::get_if<std::string_view>(&cell)) text = *word;
  if (const auto* flag = std::get_if<bool>(&cell)) {
    if (column.type != data::ColumnType::number) bad("a truth value");
    text = *flag ? "1" : "0";
  }
  if (const auto* number = std::get_if<double>(&cell)) {
    if (column.type == data::ColumnType::date) bad("a number");
    if (std::isfinite(*number)) text = fmt::format("{}", *number);  // every bit of it
  }
  column.cells.push_back(std::move(text));
}

Examples Columns::rows() const {
  std::vector<std::string> missing;
  for (const Column& c : columns_)
    if (!c.given) missing.push_back(c.name);
  if (!missing.empty()) refuse("{} missing: {}", missing.size() == 1 ? "an input is" : "inputs are", join(missing));
  const size_t rows = columns_[0].cells.size();
  std::string csv;
  for (const Column& c : columns_) {
    if (c.cells.size() != rows)
      refuse("the input '{}' has {} rows, '{}' has {}", columns_[0].name, rows, c.name, c.cells.size());
    csv += (csv.empty() ? "" : ",") + quoted(c.name);
  }
  for (size_t r = 0; r < rows; ++r) {
    for (const Column& c : columns_) csv += (&c == columns_.data() ? "\n" : ",") + quoted(c.cells[r]);
  }
  return read(model_, std::move(csv), "the inputs, as lines under one of names", ',', static_cast<int64_t>(rows));
}

}  // namespace tandem::deploy
