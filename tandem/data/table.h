// A table whose columns know what they hold, and what is suspicious about them before anything is learned.
#pragma once
#include <tandem/data/formats/csv.h>

#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::data {

enum class ColumnType {
  number,
  category,    // a few words that come again
  text,        // sentences: for the text tasks
  date,        // as days since 1970-01-01
  identifier,  // another value in each row: says who, not what
};
[[nodiscard]] std::string_view name_of(ColumnType type);
/// The type of that name; throws a usage error naming `where` with the nearest one.
[[nodiscard]] ColumnType column_type(const std::string& name, const std::string& where);

struct Column {
  std::string name{};
  ColumnType type = ColumnType::number;
  std::vector<double> numbers{};     // of number and date columns: one a row, NaN where missing
  std::vector<std::string> words{};  // of the others: one a row, "" where missing
  std::string reason{};              // why it was taken for that type
  int64_t missing = 0;               // rows without a value, infinite ones included …
  int64_t infinite = 0;              // … which are these

  [[nodiscard]] bool numeric() const { return type == ColumnType::number || type == ColumnType::date; }
  [[nodiscard]] bool is_missing(int64_t row) const;
  /// What stands in a row as text; "" where missing.
  [[nodiscard]] std::string text(int64_t row) const;
};

struct Table {
  std::vector<Column> columns{};
  std::vector<int64_t> lines{};  // of the file, one a row
  std::string source{};

  [[nodiscard]] int64_t rows() const { return static_cast<int64_t>(lines.size()); }
  /// The place of a column; throws a data error with the nearest name.
  [[nodiscard]] int64_t column(const std::string& name) const;
};

struct TableOptions {
  /// Types of columns by name, instead of what would be guessed.
  std::map<std::string, ColumnType> types{};
  /// What stands for no value, whatever its case; blanks around it do not count.
  std::vector<std::string> missing{"", "?", "na", "n/a", "nan", "null"};
};

/// Types are guessed from all rows and the reason is kept. Numbers take a decimal comma when fields are separated by
/// semicolons; dates are 2024-03-01 (a time of day may follow), 2024/03/01 or 1.3.2024. Throws a data error with the
/// line of a cell that does not hold what `types` says, and one for a name in `types` that is no column.
[[nodiscard]] Table read_table(const Csv& csv, const TableOptions& options = {});

/// The rows at `rows`, in that order.
[[nodiscard]] Table subset(const Table& table, std::span<const int64_t> rows);

/// The column that is to be predicted, as classes.
struct Target {
  std::string column{};  // "": the last one
  /// Classes with the values that belong to each, in this order; empty: every value is a class, in order of size or
  /// name.
  std::vector<std::pair<std::string, std::vector<std::string>>> classes{};
};
struct Labels {
  std::vector<std::string> classes{};
  std::vector<int32_t> labels{};  // one a row; -1 where there is none
  int64_t column = 0;
};
/// Throws a data error for a column of other numbers than small whole ones, for more than a thousand classes, and for
/// a value that belongs to none of the given classes (with its line).
[[nodiscard]] Labels labels_of(const Table& table, const Target& target);

/// What someone should know of a column before training on it.
struct Finding {
  std::string column{};
  std::string what{};     // "is constant: …"
  bool left_out = false;  // the column would teach nothing, or too much
};

/// Constant columns, identifiers, texts, copies of the target and of other columns, missing and infinite values.
[[nodiscard]] std::vector<Finding> check_table(const Table& table, const Labels& labels);

/// Days since 1970-01-01 of a date in one of the forms above, or NaN.
[[nodiscard]] double parse_date(std::string_view text);
/// 2024-03-01.
[[nodiscard]] std::string date_text(double days);

}  // namespace tandem::data
