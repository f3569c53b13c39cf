#include <tandem/base/error.h>
#include <tandem/base/text.h>
#include <tandem/data/table.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <set>

namespace tandem::data {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr std::array<std::string_view, 5> type_names{"number", "category", "text", "date", "identifier"};
constexpr int64_t enough_rows = 20;  // below, that all values differ says little

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// One column of a file, read as whatever it may be.
struct Cells {
  const Csv& csv;
  int64_t column;
  std::vector<bool> missing{};

  Cells(const Csv& csv_, int64_t column_, const std::set<std::string>& tokens) : csv(csv_), column(column_) {
    for (int64_t r = 0; r < csv.rows(); ++r) missing.push_back(tokens.contains(lower(at(r))));
  }
  [[nodiscard]] std::string_view at(int64_t row) const { return trimmed(csv.cell(row, column)); }
  [[nodiscard]] bool has(int64_t row) const { return !missing[static_cast<size_t>(row)]; }

  // Every cell by `parse`, NaN where missing; the first row it cannot read, or -1.
  template <class Parse>
  std::pair<std::vector<double>, int64_t> numbers(Parse parse) const {
    std::vector<double> out;
    int64_t bad = -1;
    for (int64_t r = 0; r < csv.rows(); ++r) {
      double value = none;
      if (has(r) && !parse(at(r), value) && bad < 0) bad = r;
      out.push_back(value);
    }
    return {out, bad};
  }
  [[nodiscard]] std::pair<std::vector<double>, int64_t> as_numbers() const {
    auto plain = numbers([](std::string_view text, double& value) { return parse_number(text, value); });
    if (plain.second < 0 || csv.delimiter() != ';') return plain;
    return numbers([](std::string_view text, double& value) { return parse_number(text, value, ','); });
  }
  [[nodiscard]] std::pair<std::vector<double>, int64_t> as_dates() const {
    return numbers([](std::string_view text, double& value) { return !std::isnan(value = parse_date(text)); });
  }
};

bool names_a_row(const std::string& name) {
  const std::string n = lower(name);
  const auto ends = [&](std::string_view end) { return n.ends_with(end); };
  return n == "id" || n == "index" || n == "uuid" || n == "key" || n == "row" || ends("_id") || ends(" id") ||
         ends("-id") || ends("_key") || ends(" number") || name.ends_with("ID") || name.ends_with("Id");
}

// Whether numbers only say which row they stand in.
std::string why_identifier(const std::string& name, const std::vector<double>& numbers) {
  std::vector<double> values;
  for (const double v : numbers)
    if (!std::isnan(v)) values.push_back(v);
  if (std::ssize(values) < enough_rows || values.size() < numbers.size()) return "";
  for (const double v : values)
    if (v != std::floor(v) || std::isinf(v)) return "";
  std::ranges::sort(values);
  if (std::ranges::adjacent_find(values) != values.end()) return "";
  if (values.back() - values.front() == static_cast<double>(values.size() - 1)) return "it counts the rows";
  if (names_a_row(name)) return "whole numbers, another in each row, and its name";
  return values.size() >= 100 ? "whole numbers, another in each row" : "";
}

struct Guess {
  ColumnType type;
  std::string reason;
};

Guess guess_words(const std::string& name, const Cells& cells) {
  std::set<std::string_view> distinct;
  int64_t present = 0, blanks = 0;
  for (int64_t r = 0; r < cells.csv.rows(); ++r) {
    if (!cells.has(r)) continue;
    ++present;
    distinct.insert(cells.at(r));
    blanks += std::ranges::count(cells.at(r), ' ');
  }
  const auto values = static_cast<int64_t>(distinct.size());
  const double words = 1 + static_cast<double>(blanks) / static_cast<double>(std::max<int64_t>(present, 1));
  if (present >= enough_rows && words > 3 && values * 2 > present)
    return {ColumnType::text, fmt::format("{:.0f} words in the mean, {} of {} different", words, values, present)};
  if (present >= enough_rows && values == present && (words <= 3 || names_a_row(name)))
    return {ColumnType::identifier, "another word in each row"};
  return {ColumnType::category, fmt::format("{} different {}", values, values == 1 ? "word" : "words")};
}

void fill(Column& column, const Cells& cells, std::vector<double> numbers) {
  if (column.numeric()) {
    for (double& v : numbers)
      if (std::isinf(v)) ++column.infinite, v = none;
    column.numbers = std::move(numbers);
    column.missing = std::ranges::count_if(column.numbers, [](double v) { return std::isnan(v); });
    return;
  }
  for (int64_t r = 0; r < cells.csv.rows(); ++r) column.words.emplace_back(cells.has(r) ? cells.at(r) : "");
  column.missing = std::ranges::count(column.words, "");
}

Column guessed(const std::string& name, const Cells& cells) {
  Column out{.name = name};
  auto [numbers, bad] = cells.as_numbers();
  const int64_t rows = cells.csv.rows();
  if (bad < 0) {
    const std::string identifier = why_identifier(name, numbers);
    out.type = identifier.empty() ? ColumnType::number : ColumnType::identifier;
    out.reason = identifier.empty() ? "every value is a number" : identifier;
    if (std::ranges::all_of(numbers, [](double v) { return std::isnan(v); })) out.reason = "it holds no value";
    fill(out, cells, std::move(numbers));
    return out;
  }
  auto [dates, no_date] = cells.as_dates();
  if (no_date < 0) {
    out.type = ColumnType::date, out.reason = "every value is a date";
    fill(out, cells, std::move(dates));
    return out;
  }
  Guess guess = guess_words(name, cells);
  const int64_t count = std::ranges::count_if(numbers, [](double v) { return !std::isnan(v); });
  if (count * 10 >= rows * 9)  // one stray word makes a column of words: worth a word itself
    guess.reason += fmt::format("; {} are numbers, but line {} holds '{}'", count, cells.csv.line(bad), cells.at(bad));
  out.type = guess.type, out.reason = guess.reason;
  fill(out, cells, {});
  return out;
}

Column given(const std::string& name, ColumnType type, const Cells& cells) {
  Column out{.name = name, .type = type, .reason = "given"};
  std::vector<double> numbers;
  if (out.numeric()) {
    auto [values, bad] = type == ColumnType::date ? cells.as_dates() : cells.as_numbers();
    if (bad >= 0)
      fail(ErrorKind::data, cells.csv.where(), "line {}: '{}' in column '{}' is no {}", cells.csv.line(bad),
           cells.at(bad), name, name_of(type));
    numbers = std::move(values);
  }
  fill(out, cells, std::move(numbers));
  return out;
}

}  // namespace

std::string_view name_of(ColumnType type) { return type_names[static_cast<size_t>(type)]; }

ColumnType column_type(const std::string& name, const std::string& where) {
  for (size_t i = 0; i < type_names.size(); ++i)
    if (type_names[i] == name) return static_cast<ColumnType>(i);
  const std::vector<std::string> names(type_names.begin(), type_names.end());
  const std::string near = nearest_name(name, names);
  fail(where, "'{}' is no type of a column{}; types are {}", name,
       near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), join(names));
}

bool Column::is_missing(int64_t row) const {
  const auto r = static_cast<size_t>(row);
  return numeric() ? std::isnan(numbers[r]) : words[r].empty();
}

std::string Column::text(int64_t row) const {
  const auto r = static_cast<size_t>(row);
  if (!numeric()) return words[r];
  if (std::isnan(numbers[r])) return "";
  return type == ColumnType::date ? date_text(numbers[r]) : fmt::format("{}", numbers[r]);
}

int64_t Table::column(const std::string& name) const {
  std::vector<std::string> names;
  for (const Column& c : columns) {
    if (c.name == name) return static_cast<int64_t>(names.size());
    names.push_back(c.name);
  }
  const std::string near = nearest_name(name, names);
  fail(ErrorKind::data, source, "has no column '{}'{}; its columns are {}", name,
       near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), join(names));
}

Table read_table(const Csv& csv, const TableOptions& options) {
  Table out{.columns = {}, .lines = {}, .source = csv.where()};
  for (const auto& [name, type] : options.types) (void)csv.column(name);  // throws for one that is not there
  std::set<std::string> missing;
  for (const std::string& token : options.missing) missing.insert(lower(trimmed(token)));
  for (int64_t r = 0; r < csv.rows(); ++r) out.lines.push_back(csv.line(r));
  for (int64_t c = 0; c < csv.columns(); ++c) {
    const std::string& name = csv.names()[static_cast<size_t>(c)];
    const Cells cells(csv, c, missing);
    const auto type = options.types.find(name);
    out.columns.push_back(type == options.types.end() ? guessed(name, cells) : given(name, type->second, cells));
  }
  return out;
}

Table subset(const Table& table, std::span<const int64_t> rows) {
  Table out{.columns = {}, .lines = {}, .source = table.source};
  for (const int64_t r : rows) out.lines.push_back(table.lines.at(static_cast<size_t>(r)));
  for (const Column& from : table.columns) {
    Column& into = out.columns.emplace_back(
        Column{.name = from.name, .type = from.type, .numbers = {}, .words = {}, .reason = from.reason});
    for (const int64_t r : rows) {
      if (from.numeric())
        into.numbers.push_back(from.numbers[static_cast<size_t>(r)]);
      else
        into.words.push_back(from.words[static_cast<size_t>(r)]);
      into.missing += from.is_missing(r);
    }
  }
  return out;
}

double parse_date(std::string_view text) {
  // Numbers between separators that are all alike: 2024-03-01, 2024/3/1, 1.3.2024.
  std::array<int, 3> part{};
  std::array<size_t, 3> digits{};
  const char* at = text.data();
  const char* const end = at + text.size();
  char separator = 0;
  for (size_t i = 0; i < 3; ++i) {
    if (i > 0) {
      if (at == end || (*at != '-' && *at != '/' && *at != '.') || (i == 2 && *at != separator)) return none;
      separator = *at++;
    }
    if (at == end || *at < '0' || *at > '9') return none;
    const auto [next, error] = std::from_chars(at, end, part[i]);
    if (error != std::errc()) return none;
    digits[i] = static_cast<size_t>(next - at);
    at = next;
  }
  double share = 0;  // of the day
  if (at != end) {   // T12:30, or a blank before it; seconds and a zone may follow
    if (*at != 'T' && *at != ' ') return none;
    int hour = 0, minute = 0;
    const auto [colon, error] = std::from_chars(at + 1, end, hour);
    if (error != std::errc() || colon == end || *colon != ':' || hour < 0 || hour > 23) return none;
    if (std::from_chars(colon + 1, end, minute).ec != std::errc() || minute < 0 || minute > 59) return none;
    share = (hour + minute / 60.0) / 24;
  }
  const bool year_first = digits[0] == 4 && separator != '.', day_first = digits[2] == 4 && separator == '.';
  if (!year_first && !day_first) return none;  // 1/3/2024 is January or March: nobody can tell
  const std::chrono::year_month_day day{std::chrono::year(year_first ? part[0] : part[2]),
                                        std::chrono::month(static_cast<unsigned>(part[1])),
                                        std::chrono::day(static_cast<unsigned>(year_first ? part[2] : part[0]))};
  if (!day.ok()) return none;
  return static_cast<double>(std::chrono::sys_days(day).time_since_epoch().count()) + share;
}

std::string date_text(double days) {
  const std::chrono::year_month_day day{
      std::chrono::sys_days(std::chrono::days(static_cast<int64_t>(std::floor(days))))};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                     static_cast<unsigned>(day.day()));
}

}  // namespace tandem::data
