#include <tandem/base/threads.h>
#include <tandem/kernels/reduce.h>

#include <algorithm>
#include <vector>

namespace tandem::kernels {
namespace {

// 16 running values side by side: the compiler keeps them in vector registers, and the order of sums is fixed.
template <class T, class Fn>
T fold(const T* x, int64_t n, T start, Fn fn) {
  constexpr int64_t lanes = 16;
  T acc[lanes];
  std::fill_n(acc, lanes, start);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int64_t l = 0; l < lanes; ++l) acc[l] = fn(acc[l], x[i + l]);
  for (int64_t l = 0; i + l < n; ++l) acc[l] = fn(acc[l], x[i + l]);
  for (int64_t width = lanes / 2; width > 0; width /= 2)
    for (int64_t l = 0; l < width; ++l) acc[l] = fn(acc[l], acc[l + width]);
  return acc[0];
}

template <class T, class Fn>
void fold_rows(const T* x, int64_t n, int64_t inner, T* out, T start, Fn fn) {
  std::fill_n(out, inner, start);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < inner; ++j) out[j] = fn(out[j], x[i * inner + j]);
}

template <class T, class Fn>
void reduce_with(int64_t outer, int64_t n, int64_t inner, const T* x, T* out, bool sums, Fn fn) {
  const auto start = [&](const T* at) { return sums ? T{0} : *at; };  // extremes start from the first element
  if (outer > 1 || n * inner <= elementwise_grain) {
    parallel_for(outer, std::max<int64_t>(1, elementwise_grain / std::max<int64_t>(1, n * inner)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t o = begin; o < end; ++o) {
                     const T* at = x + o * n * inner;
                     if (inner == 1)
                       out[o] = fold(at, n, start(at), fn);
                     else if (sums)
                       fold_rows(at, n, inner, out + o * inner, T{0}, fn);
                     else {
                       std::copy_n(at, inner, out + o * inner);
                       for (int64_t i = 1; i < n; ++i)
                         for (int64_t j = 0; j < inner; ++j)
                           out[o * inner + j] = fn(out[o * inner + j], at[i * inner + j]);
                     }
                   }
                 });
    return;
  }
  // One long reduction: pieces of rows, then the pieces.
  const int64_t step = std::max<int64_t>(1, elementwise_grain / inner);
  const int64_t pieces = (n + step - 1) / step;
  std::vector<T> partial(static_cast<size_t>(pieces * inner));
  parallel_tasks(pieces, [&](int64_t piece) {
    const int64_t first = piece * step;
    const int64_t count = std::min(step, n - first);
    reduce_with<T>(1, count, inner, x + first * inner, partial.data() + piece * inner, sums, fn);
  });
  reduce_with<T>(1, pieces, inner, partial.data(), out, sums, fn);
}

}  // namespace

template <class T>
void reduce(Reduce op, int64_t outer, int64_t n, int64_t inner, std::span<const T> x, std::span<T> out) {
  if (out.empty()) return;
  if (n == 0) {
    std::ranges::fill(out, T{0});
    return;
  }
  switch (op) {
    case Reduce::sum: return reduce_with(outer, n, inner, x.data(), out.data(), true, [](T a, T b) { return a + b; });
    case Reduce::max:
      return reduce_with(outer, n, inner, x.data(), out.data(), false, [](T a, T b) { return a < b ? b : a; });
    case Reduce::min:
      return reduce_with(outer, n, inner, x.data(), out.data(), false, [](T a, T b) { return b < a ? b : a; });
  }
}

template <class T>
void arg_max(int64_t outer, int64_t n, int64_t inner, std::span<const T> x, std::span<int64_t> out) {
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t j = 0; j < inner; ++j) {
      const T* at = x.data() + o * n * inner + j;
      int64_t best = 0;
      for (int64_t i = 1; i < n; ++i)
        if (at[i * inner] > at[best * inner]) best = i;
      out[static_cast<size_t>(o * inner + j)] = best;
    }
}

template <class T>
void column_sums(int64_t rows, int64_t columns, std::span<const T> x, std::span<const T> y, std::span<T> out) {
  std::ranges::fill(out, T{0});
  if (columns == 0 || rows == 0) return;
  const int64_t step = std::max<int64_t>(1, elementwise_grain / columns);
  const int64_t pieces = (rows + step - 1) / step;
  std::vector<T> partial(static_cast<size_t>(pieces * columns), T{0});
  parallel_tasks(pieces, [&](int64_t piece) {
    T* sum = partial.data() + piece * columns;
    for (int64_t r = piece * step; r < std::min(rows, (piece + 1) * step); ++r) {
      const T* xr = x.data() + r * columns;
      const T* yr = y.data() + r * columns;
      if (y.empty())
        for (int64_t c = 0; c < columns; ++c) sum[c] += xr[c];
      else
        for (int64_t c = 0; c < columns; ++c) sum[c] += xr[c] * yr[c];
    }
  });
  for (int64_t piece = 0; piece < pieces; ++piece)
    for (int64_t c = 0; c < columns; ++c) out[static_cast<size_t>(c)] += partial[static_cast<size_t>(piece * columns + c)];
}

#define TANDEM_INSTANTIATE(T)                                                                             \
  template void reduce<T>(Reduce, int64_t, int64_t, int64_t, std::span<const T>, std::span<T>);           \
  template void arg_max<T>(int64_t, int64_t, int64_t, std::span<const T>, std::span<int64_t>);            \
  template void column_sums<T>(int64_t, int64_t, std::span<const T>, std::span<const T>, std::span<T>);
TANDEM_INSTANTIATE(float)
TANDEM_INSTANTIATE(double)
#undef TANDEM_INSTANTIATE

}  // namespace tandem::kernels
