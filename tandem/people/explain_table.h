// Why a network for tables gave an answer: what each column adds to its probability, and the least that would have to
// be different for another answer.
#pragma once
#include <tandem/data/table.h>
#include <tandem/tasks/classifier.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tandem::people {

struct RowOptions {
  int64_t target = -1;        // the class that is explained; -1: the answer
  int64_t background = 32;    // training rows whose values stand in for columns that are taken away
  int64_t permutations = 64;  // when there are too many columns to try every set of them
  int64_t exact_up_to = 12;   // columns
  uint64_t seed = 1;
};

/// Shapley values of the columns: what knowing each adds to the probability of the target, over the mean of the
/// background (Lundberg and Lee 2017, "A unified approach to interpreting model predictions", with interventions). They
/// sum to probability - usual.
struct RowExplanation {
  int32_t target = 0;
  double probability = 0;  // of the target, calibrated if the model is
  double usual = 0;        // its mean over the background
  bool exact = true;       // false: by sampling, with standard errors
  struct Part {
    std::string column = {}, value = {};  // value: as the row has it
    double adds = 0, error = 0;
  };
  std::vector<Part> parts = {};  // the largest first
};
/// `training`: the table that the model learned from. Throws a usage error for a model of something else, or an unknown
/// class. Same numbers for any number of threads.
[[nodiscard]] RowExplanation explain_row(const tasks::Classifier& model, const data::Table& table, int64_t row,
                                         const data::Table& training, const RowOptions& options = {});

struct CounterfactualOptions {
  int64_t target = -1;                  // the answer that is wanted; -1: the most probable other one
  std::vector<std::string> fixed = {};  // columns that must stay: an age, a sex
  int64_t most = 3;                     // changes
  int64_t values = 24;                  // of a column that are tried, spread over what training rows have
};

/// A row as near as possible that is answered otherwise, made of values that training rows have.
struct Counterfactual {
  bool found = false;
  int32_t target = 0;
  double probability = 0;  // of the target after the changes; when none was found, the best that was reached
  struct Change {
    std::string column = {}, from = {}, to = {};
  };
  std::vector<Change> changes = {};
  double distance = 0;  // sum of changes, in standard deviations; a word for another one counts 1
};
/// The cheapest of what a beam search over single changes finds, as few changes as suffice (Wachter et al. 2017 for the
/// idea; actual values in place of gradients keep words and whole numbers what they are).
[[nodiscard]] Counterfactual counterfactual(const tasks::Classifier& model, const data::Table& table, int64_t row,
                                            const data::Table& training, const CounterfactualOptions& options = {});

}  // namespace tandem::people
