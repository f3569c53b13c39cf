// Whether a two-class decision treats groups of people alike: each figure by group with its interval, the gaps between
// groups, and thresholds per group as an offer.
#pragma once
#include <tandem/evaluate/decision.h>

#include <optional>
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
  std::optional<Decision> own = {};  // at a threshold of the group's own, where one was chosen
  double own_threshold = std::numeric_limits<double>::quiet_NaN();
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
  std::vector<Gap> gaps = {};      // of the rates that exist in at least two groups
  std::vector<Gap> own_gaps = {};  // the same if each group had its own threshold, and the others the common one
};
/// `own`: for each example the threshold of its group, NaN where it keeps the common one; none: groups have no own.
[[nodiscard]] GroupReport by_group(const Grouping& grouping, std::span<const int32_t> labels,
                                   std::span<const float> scores, double threshold, uint64_t seed,
                                   std::span<const double> own = {});

/// Thresholds of groups for a goal, each chosen on the group's examples alone: an offer, which equal treatment may
/// forbid.
struct GroupThresholds {
  std::string column = {};
  std::vector<std::string> names = {};  // groups with too few examples are not among them
  std::vector<double> values = {};
  void fields(Fields& f);
  [[nodiscard]] double of(const std::string& name, double otherwise) const;
};
/// Chosen on validation examples, for groups with at least `least` of each class.
[[nodiscard]] GroupThresholds thresholds_by_group(const Grouping& grouping, std::span<const int32_t> labels,
                                                  std::span<const float> scores, const ThresholdGoal& goal,
                                                  int64_t least = 20);

/// For a terminal.
[[nodiscard]] std::string text_of(const GroupReport& report);

}  // namespace tandem::evaluate
