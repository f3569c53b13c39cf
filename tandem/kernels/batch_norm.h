// Batch normalisation: x is rows x columns, one mean and variance a column (channel). Highway vectors for float and
// double alike; every array is read once a call. Rows stored as S may be bfloat16: statistics, parameters and sums are
// then float.
//
// Contract: spans have rows * columns or `columns` values; outputs overlap no input; rows > 0. Sums are cut by size and
// added in order: the threads do not matter.
#pragma once
#include <tandem/base/bfloat16.h>

#include <cstdint>
#include <span>

namespace tandem::kernels {

/// Mean and biased variance of each column, from blocks whose moments are joined (Chan et al. 1983): no cancellation.
template <class S>
void column_moments(int64_t rows, int64_t columns, std::span<const S> x, std::span<Wide<S>> mean,
                    std::span<Wide<S>> variance);

/// y = x * scale + shift, + added where that is not empty, cut at 0 from below where `relu`.
template <class S>
void column_affine(int64_t rows, int64_t columns, std::span<const S> x, std::span<const Wide<S>> scale,
                   std::span<const Wide<S>> shift, std::span<const S> added, bool relu, std::span<S> y);

/// What the gradients below need of the forward pass; relu: g counts only where x * scale + shift is above 0.
template <class S>
struct ColumnGrad {
  int64_t rows = 0, columns = 0;
  std::span<const S> g, x;
  std::span<const Wide<S>> scale, shift;
  bool relu = false;
};

/// sum_g[c] = sum over rows of g[r, c], sum_gh[c] = sum of g[r, c] * (x[r, c] - mean[c]) * inv_std[c].
template <class S>
void column_grad_sums(const ColumnGrad<S>& s, std::span<const Wide<S>> mean, std::span<const Wide<S>> inv_std,
                      std::span<Wide<S>> sum_g, std::span<Wide<S>> sum_gh);

/// gx[r, c] = a[c] * g[r, c] + b[c] * x[r, c] + d[c].
template <class S>
void column_blend(const ColumnGrad<S>& s, std::span<const Wide<S>> a, std::span<const Wide<S>> b,
                  std::span<const Wide<S>> d, std::span<S> gx);

}  // namespace tandem::kernels
