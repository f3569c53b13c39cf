// Batch normalisation: x is rows x columns, one mean and variance a column (channel). Highway vectors for float and
// double alike; every array is read once a call.
//
// Contract: spans have rows * columns or `columns` values; outputs overlap no input; rows > 0. Sums are cut by size and
// added in order: the threads do not matter.
#pragma once
#include <cstdint>
#include <span>

namespace tandem::kernels {

/// Mean and biased variance of each column, from blocks whose moments are joined (Chan et al. 1983): no cancellation.
template <class T>
void column_moments(int64_t rows, int64_t columns, std::span<const T> x, std::span<T> mean, std::span<T> variance);

/// y = x * scale + shift, + added where that is not empty, cut at 0 from below where `relu`.
template <class T>
void column_affine(int64_t rows, int64_t columns, std::span<const T> x, std::span<const T> scale,
                   std::span<const T> shift, std::span<const T> added, bool relu, std::span<T> y);

/// What the gradients below need of the forward pass; relu: g counts only where x * scale + shift is above 0.
template <class T>
struct ColumnGrad {
  int64_t rows = 0, columns = 0;
  std::span<const T> g, x;
  std::span<const T> scale, shift;
  bool relu = false;
};

/// sum_g[c] = sum over rows of g[r, c], sum_gh[c] = sum of g[r, c] * (x[r, c] - mean[c]) * inv_std[c].
template <class T>
void column_grad_sums(const ColumnGrad<T>& s, std::span<const T> mean, std::span<const T> inv_std, std::span<T> sum_g,
                      std::span<T> sum_gh);

/// gx[r, c] = a[c] * g[r, c] + b[c] * x[r, c] + d[c].
template <class T>
void column_blend(const ColumnGrad<T>& s, std::span<const T> a, std::span<const T> b, std::span<const T> d,
                  std::span<T> gx);

}  // namespace tandem::kernels
