// Whether a two-class decision treats groups of people alike: each figure by group with its interval, the gaps between
// groups, and thresholds per group as an offer.
#pragma once
#include <tandem/evaluate/decision.h>

#include <string>
#include <vector>

namespace tandem::evaluate {

/// Which group each example belongs to: `of[i]` indexes `names`; -1: none.
struct Grouping {
  std::string column = {};
  std::vector<std::string> names = {};
  std::vector<int32_t> of = {};
};
/// Groups from a column of words: each is one.
[[nodiscard]] Grouping grouping(const std::string& column, const std::vector<std::string>& values);
/// Groups from a column of numbers: each different one when they are at most `most`, else thirds by size. NaN: none.
[[nodiscard]] Grouping grouping(const std::string& column, std::span<const double> values, int64_t most = 6);

struct GroupScores {
  std::string name = {};
  Decision decision = {};                                 // rates with intervals
  double auc = std::numeric_limits<double>::quiet_NaN();  // NaN when a class is missing
  Interval auc_interval = {};                             // by bootstrap
  double brier = 0;
  double mean_score = 0;  // beside positives / examples: whether the group's scores are calibrated in the large
};

/// The largest difference of a rate between two groups.
struct Gap {
  std::string rate = {};  // "sensitivity", "specificity", "ppv", "called" (demographic parity), "accuracy"
  double gap = 0;
  Interval interval = {};  // by bootstrap of the difference between these two groups
  std::string highest = {}, lowest = {};
};

struct GroupReport {
  std::string column = {};
  std::vector<GroupScores> groups = {};
  std::vector<Gap> gaps = {};  // of the rates that exist in at least two groups
};
[[nodiscard]] GroupReport by_group(const Grouping& grouping, std::span<const int32_t> labels,
                                   std::span<const float> scores, double threshold, uint64_t seed);

/// A threshold for each group of its own that reaches the goal there: an offer, which equal treatment may forbid. Where
/// a group has fewer than `least` examples of a class, it keeps `otherwise`. Chosen on validation examples.
[[nodiscard]] std::vector<double> thresholds_by_group(const Grouping& grouping, std::span<const int32_t> labels,
                                                      std::span<const float> scores, const ThresholdGoal& goal,
                                                      double otherwise, int64_t least = 20);

/// For a terminal.
[[nodiscard]] std::string text_of(const GroupReport& report);

}  // namespace tandem::evaluate
