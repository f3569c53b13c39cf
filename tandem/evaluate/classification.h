// How good a classifier is, from its probabilities. Definitions equal scikit-learn's with zero_division=0; figures that
// do not exist for the data (an AUC without positives) are NaN.
#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace tandem::evaluate {

/// What a network said about a set of labelled examples.
struct Predictions {
  std::vector<std::string> classes = {};
  std::vector<int32_t> labels = {};  // (n), the truth: an index into `classes`
  std::vector<float> probabilities =
      {};  // (n, classes), row-major; a binary network with one output p is written {1 - p, p}

  [[nodiscard]] int64_t size() const { return static_cast<int64_t>(labels.size()); }
  [[nodiscard]] std::span<const float> row(int64_t example) const {
    return std::span(probabilities).subspan(static_cast<size_t>(example) * classes.size(), classes.size());
  }
  /// The class with the highest probability; the first of equals.
  [[nodiscard]] int32_t predicted(int64_t example) const;
};

struct Scores {
  double precision = 0, recall = 0, f1 = 0;
};

struct ClassScores : Scores {
  std::string name;
  int64_t support = 0;                                    // examples whose true class this is
  double auc = std::numeric_limits<double>::quiet_NaN();  // ROC, one against the rest
  double average_precision = std::numeric_limits<double>::quiet_NaN();
};

/// The examples whose highest probability lies in (low, high].
struct ReliabilityBin {
  double low = 0, high = 0;
  int64_t count = 0;
  double confidence = 0, accuracy = 0;  // means over the bin; 0 when it is empty
};

struct Interval {
  double low = 0, high = 0;
};

struct Classification {
  int64_t examples = 0;
  int64_t errors = 0;
  double loss = 0;  // mean cross-entropy in nats, probabilities clipped to [eps, 1 - eps] with float32's eps
  double accuracy = 0;
  Interval accuracy_interval;  // Wilson, 95 %
  Scores macro, weighted;      // macro: over the classes that occur among the labels or the predictions
  std::vector<ClassScores> classes;
  std::vector<std::vector<int64_t>> confusion;  // [true][predicted]
  double ece = 0;                               // expected calibration error over `reliability`, top label
  std::vector<ReliabilityBin> reliability;      // 15 bins of equal width
  double balanced_accuracy = 0;                 // mean recall of the classes that have examples
  double mcc = 0;                               // Matthews correlation, many classes
  double brier = 0;  // squared error summed over classes, halved for two classes: in [0, 1] then, else in [0, 2]
  double macro_auc = std::numeric_limits<double>::quiet_NaN();  // mean over the classes that have one
  double top5 = std::numeric_limits<double>::quiet_NaN();       // only with more than five classes
};

/// Throws for an empty set, sizes that disagree, labels outside the classes, and rows that are no probabilities
/// (numeric error for NaN; a hint when they look like logits).
[[nodiscard]] Classification classification(const Predictions& predictions);

/// Wilson score interval of `hits` among `trials` (> 0); z = 1.96 gives 95 %.
[[nodiscard]] Interval wilson(int64_t hits, int64_t trials, double z = 1.959963984540054);

}  // namespace tandem::evaluate
