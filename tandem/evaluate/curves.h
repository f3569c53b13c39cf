// Curves of a two-class decision over all thresholds: labels are 0 or 1, a higher score means 1. Equal scores move
// together, so that the order of the examples never matters. Points are scikit-learn's.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace tandem::evaluate {

struct RocPoint {
  double fpr = 0, tpr = 0;
  double threshold = 0;  // an example is called positive when its score >= threshold; the first one is infinite
};

struct PrecisionRecallPoint {
  double precision = 0, recall = 0;
  double threshold = 0;  // infinite for the last point (precision 1, recall 0)
};

/// From (0, 0) to (1, 1), thresholds falling. Points inside a straight piece are left out unless `all_points`.
/// All of these throw for empty or unequal sizes, labels other than 0 and 1, NaN scores, or a missing class.
[[nodiscard]] std::vector<RocPoint> roc(std::span<const int32_t> labels, std::span<const float> scores,
                                        bool all_points = false);

/// Thresholds rising, recall falling from 1 to 0. Needs a positive; negatives may be missing.
[[nodiscard]] std::vector<PrecisionRecallPoint> precision_recall(std::span<const int32_t> labels,
                                                                 std::span<const float> scores);

/// Area under y(x) by trapezoids; x must be monotonic and have at least two points.
[[nodiscard]] double auc(std::span<const double> x, std::span<const double> y);

[[nodiscard]] double roc_auc(std::span<const int32_t> labels, std::span<const float> scores);

/// Sum of precision times the step of recall (no interpolation). Needs a positive.
[[nodiscard]] double average_precision(std::span<const int32_t> labels, std::span<const float> scores);

}  // namespace tandem::evaluate
