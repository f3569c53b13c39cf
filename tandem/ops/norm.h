// Normalisation and dropout.
#pragma once
#include <tandem/base/random.h>
#include <tandem/tensor/tensor.h>

namespace tandem {

/// Over all axes but the last (channels). gamma and beta have one value a channel. In training the statistics are the
/// batch's and the running ones move by `momentum` (the variance unbiased, as in PyTorch); otherwise the running ones
/// are used. A training batch needs more than one value a channel.
[[nodiscard]] Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                                const Tensor& running_variance, bool training, double momentum = 0.1,
                                double epsilon = 1e-5);

/// Over the last axis of each row.
[[nodiscard]] Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon = 1e-5);

/// x (n, ..., channels): over each example's group of channels.
[[nodiscard]] Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& gamma, const Tensor& beta,
                                double epsilon = 1e-5);

/// Zeroes each element with `probability` and scales the rest by 1 / (1 - probability); the stream moves on by one.
[[nodiscard]] Tensor dropout(const Tensor& x, double probability, Rng& rng);

}  // namespace tandem
