// Normalisation by group within an example: layer and group norm. Highway vectors for float and double alike.
#pragma once
#include <cstdint>
#include <span>

namespace tandem::kernels {

/// Groups of channels normalised within each example: x is n x inner x channels, a group is inner x channels/groups of
/// one example. mean and inv_std have n x groups values, gamma and beta one a channel. Layer norm over the last axis is
/// inner = 1, groups = 1.
struct GroupShape {
  int64_t n = 0, inner = 1, channels = 0, groups = 1;
};

/// y = (x - mean) * inv_std * gamma + beta; fills mean and inv_std.
template <class T>
void group_norm(const GroupShape& s, double epsilon, std::span<const T> x, std::span<const T> gamma,
                std::span<const T> beta, std::span<T> y, std::span<T> mean, std::span<T> inv_std);

/// gx from gy, and the gradients of gamma and beta, summed over examples by pieces that are added in order. An empty
/// output is not computed.
template <class T>
void group_norm_grad(const GroupShape& s, std::span<const T> x, std::span<const T> gamma, std::span<const T> mean,
                     std::span<const T> inv_std, std::span<const T> gy, std::span<T> gx, std::span<T> g_gamma,
                     std::span<T> g_beta);

}  // namespace tandem::kernels
