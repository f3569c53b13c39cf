// A two-class decision at a threshold: what it finds, what it costs, and which threshold serves a stated goal. Labels
// are 0 or 1 (ill, say), an example is called positive when its score >= threshold. Shares that do not exist for the
// data (sensitivity without positives) are NaN.
#pragma once
#include <tandem/base/config.h>
#include <tandem/evaluate/classification.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace tandem::evaluate {

/// A share with its 95 % interval (Wilson).
struct Share {
  double value = std::numeric_limits<double>::quiet_NaN();
  Interval interval = {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
};
/// NaN for 0 trials.
[[nodiscard]] Share share_of(int64_t hits, int64_t trials);

struct Decision {
  double threshold = 0.5;
  int64_t true_positive = 0, false_negative = 0, false_positive = 0, true_negative = 0;
  [[nodiscard]] int64_t positives() const { return true_positive + false_negative; }
  [[nodiscard]] int64_t negatives() const { return false_positive + true_negative; }
  [[nodiscard]] int64_t examples() const { return positives() + negatives(); }
  [[nodiscard]] Share sensitivity() const { return share_of(true_positive, positives()); }
  [[nodiscard]] Share specificity() const { return share_of(true_negative, negatives()); }
  [[nodiscard]] Share ppv() const { return share_of(true_positive, true_positive + false_positive); }
  [[nodiscard]] Share npv() const { return share_of(true_negative, true_negative + false_negative); }
  [[nodiscard]] Share accuracy() const { return share_of(true_positive + true_negative, examples()); }
  [[nodiscard]] Share called() const { return share_of(true_positive + false_positive, examples()); }
};
/// All of these throw for unequal or no sizes, labels other than 0 and 1, and scores that are NaN.
[[nodiscard]] Decision decide(std::span<const int32_t> labels, std::span<const float> scores, double threshold);
/// Each example by a threshold of its own: counts only, `threshold` is NaN.
[[nodiscard]] Decision decide(std::span<const int32_t> labels, std::span<const float> scores,
                              std::span<const double> thresholds);

/// What a threshold is chosen for, on examples that the network did not learn from.
struct ThresholdGoal {
  std::string kind = "accuracy";  // sensitivity, specificity: at least `least`; accuracy, youden, f1: the highest
  double least = 0.95;
  void fields(Fields& f);
  [[nodiscard]] std::string text() const;  // "sensitivity of at least 95 %"
};

/// The threshold for a goal. Sensitivity: the highest that keeps it; specificity: the lowest. Where several thresholds
/// are alike, the middle between two scores. A class that is missing is a data error.
[[nodiscard]] double choose_threshold(std::span<const int32_t> labels, std::span<const float> scores,
                                      const ThresholdGoal& goal);

/// Net benefit of acting on the scores at each threshold (Vickers and Elkin 2006): true positives less false ones, the
/// latter weighted by the odds of the threshold, as a share of all. Beside acting on everyone; acting on none is 0.
struct NetBenefit {
  double threshold = 0, model = 0, all = 0;
};
/// Thresholds 0.01 … 0.99.
[[nodiscard]] std::vector<NetBenefit> decision_curve(std::span<const int32_t> labels, std::span<const float> scores);

/// Percentile interval of a figure over `samples` resamplings of `units` (Efron 1979). `figure` gets the drawn units,
/// `units` of them, and gives NaN where it does not exist, which is left out. A unit is an example, or a patient with
/// all that is known of him. Same numbers for any number of threads; `figure` is called from several at once.
[[nodiscard]] Interval bootstrap(int64_t units, const std::function<double(std::span<const int64_t>)>& figure,
                                 uint64_t seed, int64_t samples = 1000, double level = 0.95);

}  // namespace tandem::evaluate
