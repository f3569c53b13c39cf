// Losses: each returns the mean over the batch as a single number.
#pragma once
#include <tandem/tensor/tensor.h>

namespace tandem {

struct CrossEntropyOptions {
  double label_smoothing = 0;  // share of the target spread evenly over all classes, in [0, 1)
  Tensor class_weights = {};   // (classes), or none; the mean is then the weighted one
};
/// Logits (n, classes) against int32/int64 classes (n), or against a share of each class (n, classes) in the logits'
/// type; softmax and logarithm are inside. The targets are data and get no gradient: shares that require it throw. With
/// class weights the mean is over the weights of the targets, of shares as of single classes.
[[nodiscard]] Tensor cross_entropy(const Tensor& logits, const Tensor& targets,
                                   const CrossEntropyOptions& options = {});

/// Targets in [0, 1] of the same shape. The first takes probabilities (logarithms are cut at -100, as in PyTorch), the
/// second logits. The targets are data and get no gradient: one that requires it throws.
[[nodiscard]] Tensor binary_cross_entropy(const Tensor& probabilities, const Tensor& targets);
[[nodiscard]] Tensor binary_cross_entropy_logits(const Tensor& logits, const Tensor& targets);

/// Losses of x - target; both get a gradient.
[[nodiscard]] Tensor mse_loss(const Tensor& x, const Tensor& target);
[[nodiscard]] Tensor l1_loss(const Tensor& x, const Tensor& target);
/// Squared below `delta`, linear above it.
[[nodiscard]] Tensor huber_loss(const Tensor& x, const Tensor& target, double delta = 1);

}  // namespace tandem
