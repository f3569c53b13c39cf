// Normalisation by group within an example: layer and group norm.
#pragma once
#include <cstdint>
#include <span>

namespace tandem::kernels {

/// Groups of channels normalised within each example: x is n x inner x channels, a group is inner x channels/groups of
/// one example. mean and inv_std have n x groups values, gamma and beta one a channel (or both are empty).
/// Layer norm over the last axis is inner = 1, groups = 1.
struct GroupShape {
  int64_t n = 0, inner = 1, channels = 0, groups = 1;
};
template <class T>
void group_norm(const GroupShape& s, double epsilon, std::span<const T> x, std::span<const T> gamma,
                std::span<const T> beta, std::span<T> y, std::span<T> mean, std::span<T> inv_std);
/// gx from gy, and x_hat * gy into `gy_x_hat` from which the caller sums gamma's gradient. Either may be empty: it is
/// not computed then.
template <class T>
void group_norm_grad(const GroupShape& s, std::span<const T> x, std::span<const T> gamma, std::span<const T> mean,
                     std::span<const T> inv_std, std::span<const T> gy, std::span<T> gx, std::span<T> gy_x_hat);

}  // namespace tandem::kernels
