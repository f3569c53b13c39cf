// Whether an input is like those that a network learned from, judged by the network's features (the numbers before its
// last layer).
#pragma once
#include <tandem/tensor/tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace tandem::evaluate {

/// The widest features that can be fitted.
inline constexpr int64_t most_features = 1024;

/// Mahalanobis distance to the nearest class mean under one covariance that all classes share (Lee et al. 2018, "A
/// simple unified framework for detecting out-of-distribution samples"), of the features' direction and the logarithm of
/// their length: m = d + 1 numbers. Direction alone tells strange shapes best, length tells noise; docs/people.md has
/// what was measured.
struct Familiarity {
  Tensor means;      // (classes, m), whitened
  Tensor whitening;  // (m, m): whitening * (direction, log length) has unit covariance inside each class
  double limit = 0;  // a distance above it is not like the training data

  /// Fits means and covariance on features (n, d) and labels (n); a small multiple of the unit matrix is added, so that
  /// constant or dependent features do no harm. `limit` is left to the caller. Throws a usage error for more than
  /// most_features of them, or none.
  [[nodiscard]] static Familiarity fit(const Tensor& features, std::span<const int32_t> labels, int64_t classes);
  /// The distance of each row of features (n, d).
  [[nodiscard]] std::vector<double> distances(const Tensor& features) const;
};

}  // namespace tandem::evaluate
