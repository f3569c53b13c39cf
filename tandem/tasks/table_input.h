// How the rows of a table become a network's input: fitted on the training rows alone, kept in the model file.
#pragma once
#include <tandem/base/config.h>
#include <tandem/base/random.h>
#include <tandem/data/table.h>
#include <tandem/tensor/tensor.h>

#include <span>
#include <string>
#include <vector>

namespace tandem::tasks {

/// `data.table` of a recipe: how columns are read and prepared.
struct TableOptions {
  /// Of numbers. standard: less the mean, by the standard deviation. quantile: their rank among the training rows, on a
  /// normal distribution. piecewise: the piecewise-linear encoding of Gorishniy et al. 2022 ("On embeddings for
  /// numerical features in tabular deep learning", section 3.2) with quantiles as bins, which the network's first
  /// linear layer turns into embeddings.
  std::string numbers = "standard";
  int64_t bins = 8;             // piecewise: at most that many a column
  std::string fill = "median";  // what a missing number is taken for: median or mean; a mark says that it is missing
  void fields(Fields& f);
};

/// A column of numbers or dates.
struct NumberInput {
  std::string name{};
  bool date = false;
  double fill = 0;              // stands for a missing value
  bool marked = false;          // values were missing among the training rows: one input says where
  double mean = 0, std = 1;     // of the training rows
  double low = 0, high = 0;     // their range: what lies beyond is said, and cut when encoded
  std::vector<double> knots{};  // piecewise: ends of the bins; quantile: 0, 1/(n-1), … quantiles; else none
  void fields(Fields& f);
};

/// A column of words: one input for each, and the first for words that training did not teach.
struct CategoryInput {
  std::string name{};
  std::vector<std::string> values{};
  void fields(Fields& f);
};

struct TableInput {
  std::string numbers = "standard";
  std::vector<NumberInput> number_columns{};
  std::vector<CategoryInput> category_columns{};
  void fields(Fields& f);
  /// Throws a data error naming `where` when the values cannot be: no columns, a scale of 0, knots that do not rise.
  void check(const std::string& where) const;
  [[nodiscard]] int64_t width() const;  // numbers a row
  [[nodiscard]] Shape shape() const { return {width()}; }
  /// Columns in the order of the input, and how many numbers each takes.
  struct Part {
    std::string column{};
    int64_t size = 0;
  };
  [[nodiscard]] std::vector<Part> parts() const;
  /// Types to read a file with, so that its columns fit.
  [[nodiscard]] data::TableOptions reading() const;
};

/// Fits on the rows of a training part alone, on the columns that are to be used; texts and identifiers are refused. A
/// word that only one row has is not taught: it trains the input for unknown words.
[[nodiscard]] TableInput fit_input(const data::Table& training, const TableOptions& options);

/// Rows of a table, whatever the order of its columns, as (n, width) float32. Throws a data error with the names when a
/// column is missing or of another kind.
[[nodiscard]] Tensor make_batch(const TableInput& input, const data::Table& table, std::span<const int64_t> rows);

/// Adds Gaussian noise to what the columns of numbers became in a batch of these rows: marks of missing values and
/// words stay. Each row has the stream rng.split(row).
void add_noise(const TableInput& input, double deviation, std::span<const int64_t> rows, const Rng& rng, Tensor& batch);

/// What of a row training has not seen: numbers outside the range, words that are new. For people.
[[nodiscard]] std::vector<std::string> unseen(const TableInput& input, const data::Table& table, int64_t row);

}  // namespace tandem::tasks
