// Tables as data sets: how a file is read, which column is learned, and which are left out.
#pragma once
#include <tandem/base/config.h>
#include <tandem/data/dataset.h>

#include <string>
#include <utility>
#include <vector>

namespace tandem::data {

/// `data.table` of a recipe, the part that says what the file holds.
struct TableSource {
  std::string target{};  // the column to predict; "": the last one
  /// Classes with the values that belong to each: {well: [0], ill: [1, 2, 3]}. The second one is the positive one.
  std::vector<std::pair<std::string, std::vector<std::string>>> classes{};
  std::vector<std::pair<std::string, std::string>> types{};  // of columns, instead of what is guessed
  std::vector<std::string> leave_out{};                      // columns that are not to be learned from
  std::vector<std::string> keep{};     // columns to learn from although a check would leave them out
  std::vector<std::string> missing{};  // words that stand for no value; empty: the usual ones
  std::vector<std::string> names{};    // of the columns, for a file without a header
  std::string delimiter = "guess";     // guess, comma, semicolon, tab, bar
  std::string header = "guess";        // guess, yes, no
  void fields(Fields& f);
};

/// Reads `source`: a CSV or TSV file (may be packed with gzip), or a folder with train.csv, and validation.csv and
/// test.csv if it has them (.tsv likewise). All parts are read by the types of the training part. Rows without a value
/// of the target are left out. Columns that would teach nothing or too much are not used (Column::used); that, and
/// whatever else check_table finds, stands in `remarks`.
[[nodiscard]] Splits load_table(const fs::path& source, const TableSource& options);

/// Rows to predict: the same file without need of a target. Labels are all 0.
[[nodiscard]] Dataset load_rows(const fs::path& source, const TableSource& options, const TableOptions& reading,
                                const std::vector<std::string>& classes);

}  // namespace tandem::data
