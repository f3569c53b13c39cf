// Normalisation: by channel over a batch (columns), and by group within an example (layer and group norm).
#pragma once
#include <cstdint>
#include <span>

namespace tandem::kernels {

/// Mean and biased variance of each column of x (rows x columns); two passes, no cancellation. rows > 0.
template <class T>
void column_moments(int64_t rows, int64_t columns, std::span<const T> x, std::span<T> mean, std::span<T> variance);

/// sum_g[c] = sum over rows of g[r, c], sum_gh[c] = sum of g[r, c] * (x[r, c] - mean[c]) * inv_std[c].
template <class T>
void column_grad_sums(int64_t rows, int64_t columns, std::span<const T> g, std::span<const T> x,
                      std::span<const T> mean, std::span<const T> inv_std, std::span<T> sum_g, std::span<T> sum_gh);

/// y[r, c] = x[r, c] * scale[c] + shift[c].
template <class T>
void column_affine(int64_t rows, int64_t columns, std::span<const T> x, std::span<const T> scale,
                   std::span<const T> shift, std::span<T> y);

/// gx[r, c] = a[c] * g[r, c] + b[c] * x[r, c] + d[c].
template <class T>
void column_blend(int64_t rows, int64_t columns, std::span<const T> g, std::span<const T> x, std::span<const T> a,
                  std::span<const T> b, std::span<const T> d, std::span<T> gx);

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
