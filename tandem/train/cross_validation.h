// Cross-validation: what networks say of examples that they did not learn from, for all of a data set that is too small
// to set a test part aside.
#pragma once
#include <tandem/train/classification.h>

#include <cstdint>
#include <vector>

namespace tandem::train {

struct CrossValidation {
  evaluate::Predictions predictions;                // each example once a repeat, repeats one after another
  std::vector<int64_t> example;                     // of each prediction: its place in the data set …
  std::vector<int32_t> repeat, fold;                // … and when it was left out
  std::vector<double> thresholds;                   // of its network's own, when the recipe has `decision:`
  std::vector<std::vector<double>> own_thresholds;  // for each of the recipe's groups: what its group's would be
};

/// The recipe's `data.folds` and `data.repeats`: a network from nothing for each fold of each repeat, with its
/// preprocessing, kept weights, confidence and threshold from its own training and validation rows alone. Folds are
/// trained beside each other; same bytes for any number of threads.
[[nodiscard]] CrossValidation cross_validate(const Recipe& recipe, const data::Dataset& all);

/// The predictions as a table, for other programs: row, line, repeat, fold, label, one probability a class.
[[nodiscard]] std::string predictions_csv(const CrossValidation& result, const data::Dataset& all);

/// What the report says of repeats and folds: mean and standard deviation over repeats.
struct RepeatScores {
  double accuracy = 0, accuracy_deviation = 0, auc = 0, auc_deviation = 0, ece = 0;
};
[[nodiscard]] RepeatScores repeat_scores(const CrossValidation& result);

}  // namespace tandem::train
