// Whether an input is like those that a network learned from, judged by the network's features (the numbers before its
// last layer).
#pragma once
#include <tandem/base/config.h>
#include <tandem/tensor/tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tandem::evaluate {

/// The widest features that can be fitted.
inline constexpr int64_t most_features = 1024;

/// A normal distribution a class, all with one covariance.
struct ClassGaussians {
  Tensor means;      // (classes, d), whitened
  Tensor whitening;  // (d, d): whitening * features has unit covariance inside each class
  double limit = 1;  // the largest distance that counts as familiar

  /// From features (n, d) and labels (n). A hundredth of the mean variance is added to each, so that constant or
  /// dependent features do no harm; a class without examples repeats another's mean.
  [[nodiscard]] static ClassGaussians fit(const Tensor& features, std::span<const int32_t> labels, int64_t classes);
  /// Mahalanobis distance of each row of features (n, d) to the nearest mean.
  [[nodiscard]] std::vector<double> distances(const Tensor& features) const;
};

/// Mahalanobis distance (Lee et al. 2018, "A simple unified framework for detecting out-of-distribution samples") of
/// the features as they are and of their direction; the one that is further beyond its limit counts. Strong and odd
/// inputs (noise) stand out by the first, odd mixtures (shapes) by the second: docs/people.md has the figures.
struct Familiarity {
  ClassGaussians plain, direction;

  /// From features (n, d) and labels (n) of what the network learned from. Throws a usage error for more than
  /// most_features of them, or none.
  [[nodiscard]] static Familiarity fit(const Tensor& features, std::span<const int32_t> labels, int64_t classes);
  /// Sets the limits so that about `share` of these features (n, d) lie beyond one of them.
  void set_limits(const Tensor& features, double share);
  /// Of each row of features (n, d): 1 is the limit. Infinite where a feature is no number.
  [[nodiscard]] std::vector<double> strangeness(const Tensor& features) const;

  void fields(Fields& f);  // the limits
  [[nodiscard]] std::vector<std::pair<std::string, Tensor>> tensors() const;
  /// Takes its tensors out of `from`; false when one is missing, of another shape, or not finite.
  [[nodiscard]] bool take(const std::vector<std::pair<std::string, Tensor>>& from, int64_t classes, int64_t features);
};

}  // namespace tandem::evaluate
