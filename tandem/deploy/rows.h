// Rows of a table as clients send them. Whatever form they come in, they are read as the CSV that they could have been,
// so that a cell means the same here as in the files of the training.
#pragma once
#include <tandem/deploy/served_model.h>

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tandem::deploy {

/// CSV with a line of names, as `tandem predict` reads it; columns that the model does not take are left out. Throws
/// Refused 400 with line and column for what is no such thing, 413 for more than `most` rows.
[[nodiscard]] Examples read_csv(const ServedModel& model, std::string csv, int64_t most);

/// A value as a client gave it; none: missing.
using Cell = std::variant<std::monostate, bool, double, std::string_view>;

/// Collects rows column by column, in any order.
class Columns {
 public:
  explicit Columns(const ServedModel& model);
  /// The place of a column. Throws Refused 400 when the model has none of that name, or it was asked for before.
  [[nodiscard]] size_t place_of(std::string_view name);
  /// The next value of a column. Throws Refused 400 when it cannot be one.
  void put(size_t place, const Cell& cell);
  /// Throws Refused 400 with the names of columns that are not there, and for what read_csv refuses.
  [[nodiscard]] Examples rows() const;

 private:
  const ServedModel& model_;
  struct Column {
    std::string name;
    data::ColumnType type;
    bool given = false;
    std::vector<std::string> cells = {};
  };
  std::vector<Column> columns_;
};

}  // namespace tandem::deploy
