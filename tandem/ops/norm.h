// Normalisation and dropout.
#pragma once
#include <tandem/base/random.h>
#include <tandem/tensor/tensor.h>

namespace tandem {

/// What a batch norm works with, one value a channel each. In training the statistics are the batch's and the running
/// ones move by `momentum` (the variance unbiased, as in PyTorch); otherwise the running ones are used.
struct BatchNormParts {
  Tensor gamma, beta, running_mean, running_variance;
  bool training = false;
  double momentum = 0.1, epsilon = 1e-5;
};

/// Over all axes but the last (channels). x may be stored as bfloat16, as the result then is; the parts are float32. A
/// training batch needs more than one value a channel.
[[nodiscard]] Tensor batch_norm(const Tensor& x, const BatchNormParts& parts);

/// relu(batch_norm(x) + added), each array read once; `added` has the shape and type of x, or is none.
[[nodiscard]] Tensor batch_norm_relu(const Tensor& x, const BatchNormParts& parts, const Tensor& added = {});

/// Over the last axis of each row; float32 for an x in bfloat16.
[[nodiscard]] Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon = 1e-5);

/// x / sqrt(mean(x^2) + epsilon) * gamma over the last axis (Zhang and Sennrich 2019); float32 for an x in bfloat16.
[[nodiscard]] Tensor rms_norm(const Tensor& x, const Tensor& gamma, double epsilon = 1e-6);

/// x (n, ..., channels): over each example's group of channels; float32 for an x in bfloat16.
[[nodiscard]] Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& gamma, const Tensor& beta,
                                double epsilon = 1e-5);

/// Zeroes each element with `probability` and scales the rest by 1 / (1 - probability); the stream moves on by one.
[[nodiscard]] Tensor dropout(const Tensor& x, double probability, Rng& rng);

}  // namespace tandem
