// MixUp and CutMix: two examples of a batch become one, and so do their targets.
#pragma once
#include <tandem/base/config.h>
#include <tandem/base/random.h>
#include <tandem/tensor/tensor.h>

#include <vector>

namespace tandem::tasks {

/// Each is the alpha of the Beta(alpha, alpha) that an example's share in the mixture is drawn from: near 0 hardly
/// mixed, 1 any share alike; 0: not at all. With both, each example takes one of the two by a coin.
struct MixingOptions {
  double mixup = 0;   // the weighted sum of two examples (Zhang et al. 2018)
  double cutmix = 0;  // of pictures: a rectangle of the other one (Yun et al. 2019)
  void fields(Fields& f);
  [[nodiscard]] bool any() const { return mixup > 0 || cutmix > 0; }
};

/// Example i is `share[i]` of itself, and the rest of example `partner[i]` of the batch.
struct Mixture {
  std::vector<int64_t> partner;
  std::vector<float> share;
  /// Targets (n, classes) in the same shares.
  [[nodiscard]] Tensor of(const Tensor& targets) const;
};

/// A batch mixed with a permutation of itself: pictures (n, h, w, c) or rows (n, width). Example i draws from
/// rng.split(i): same bytes for any number of threads.
struct MixedBatch {
  Tensor x;
  Mixture mixture;
};
[[nodiscard]] MixedBatch mixed(const MixingOptions& options, const Tensor& x, const Rng& rng);

/// One for the label's class, (n, classes).
[[nodiscard]] Tensor one_hot(const std::vector<int32_t>& labels, int64_t classes);

}  // namespace tandem::tasks
