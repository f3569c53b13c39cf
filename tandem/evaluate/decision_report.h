// What a two-class network is worth where something is decided by it: figures with their intervals, the decision at a
// threshold, its net benefit, and whether it treats groups alike.
#pragma once
#include <tandem/evaluate/decision.h>
#include <tandem/evaluate/groups.h>

#include <optional>
#include <string>
#include <vector>

namespace tandem::evaluate {

/// A threshold that was chosen for a goal, on examples that the network did not learn from.
struct Threshold {
  ThresholdGoal goal = {};
  double value = 0.5;
  std::vector<GroupThresholds> groups = {};  // what each group's own would be: for the report, no answer uses them
  void fields(Fields& f);
};

/// What is decided from. Repeated measurements of an example (a cross-validation's repeats) share a `unit`.
struct DecisionInput {
  std::vector<int32_t> labels = {};  // 0 or 1
  std::vector<float> scores = {};    // probability of class 1
  std::vector<int64_t> units = {};   // 0 … most, one a score; empty: each example is its own
  std::optional<ThresholdGoal> goal = {};
  std::vector<double> thresholds = {};   // with a goal: one a score, or one for all
  std::vector<Grouping> groupings = {};  // one number a score each
  /// For each grouping the threshold of each score's group, NaN where that keeps the common one; none: no group's own.
  std::vector<std::vector<double>> own_thresholds = {};
};

struct Figure {
  double value = std::numeric_limits<double>::quiet_NaN();
  Interval interval = {};  // by bootstrap over the units
};

struct DecisionReport {
  std::string positive = {};  // the class that is found
  int64_t examples = 0, units = 0, positives = 0;
  Figure auc = {}, accuracy = {}, brier = {}, ece = {};  // at 0.5; ECE of 15 bins of the top label
  Decision half = {};                                    // at 0.5
  std::optional<ThresholdGoal> goal = {};
  std::optional<Decision> chosen = {};  // at the threshold of the goal
  double threshold = 0.5;               // that; the mean when each fold has its own
  std::vector<NetBenefit> curve = {};
  std::vector<GroupReport> groups = {};  // at `threshold`
};
[[nodiscard]] DecisionReport decision_report(const DecisionInput& input, const std::string& positive, uint64_t seed);

/// For a terminal.
[[nodiscard]] std::string text_of(const DecisionReport& report);

}  // namespace tandem::evaluate
