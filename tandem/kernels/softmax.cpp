#include <tandem/base/threads.h>
#include <tandem/kernels/isa.h>
#include <tandem/kernels/softmax.h>

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/kernels/softmax.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
//
#include <tandem/kernels/math-inl.h>
#include <tandem/kernels/stream-inl.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

// Calls fn(load, store) for the vectors of a row; `load` fills lanes behind its end with `rest`.
template <class D, class T, class Fn>
HWY_INLINE void each_vector(D d, int64_t n, T rest, Fn&& fn) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    fn([&](const T* from) HWY_ATTR { return hn::LoadU(d, from + i); },
       [&](auto v, T* to) HWY_ATTR { hn::StoreU(v, d, to + i); });
  if (i == n) return;
  const auto mask = hn::FirstN(d, static_cast<size_t>(n - i));
  fn([&](const T* from) HWY_ATTR { return hn::IfThenElse(mask, hn::MaskedLoad(mask, d, from + i), hn::Set(d, rest)); },
     [&](auto v, T* to) HWY_ATTR { hn::BlendedStore(v, mask, d, to + i); });
}

// The largest of a row, in all lanes.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> largest(D d, const T* x, int64_t n) {
  constexpr T least = -std::numeric_limits<T>::infinity();
  auto top = hn::Set(d, least);
  each_vector(d, n, least, [&](auto load, auto) HWY_ATTR { top = hn::Max(top, load(x)); });
  return hn::MaxOfLanes(d, top);
}

// A long sum by parts: what rounding takes grows with their length.
template <class D>
struct LongSum {
  D d;
  hn::Vec<D> sum = hn::Zero(d), part = hn::Zero(d);
  int64_t added = 0;

  HWY_INLINE void add(hn::Vec<D> v) {
    part = hn::Add(part, v);
    if (++added % 64 == 0) sum = hn::Add(sum, part), part = hn::Zero(d);
  }
  HWY_INLINE hn::TFromD<D> total() const { return hn::GetLane(hn::SumOfLanes(d, hn::Add(sum, part))); }
};

// The row stays in the nearest cache between its three walks: largest, exponentials and their sum, result. A NaN makes
// the sum, and with it the whole row, NaN.
template <class T>
void softmax_row(const T* x, int64_t n, bool logarithm, T* y) {
  constexpr T least = -std::numeric_limits<T>::infinity();
  const hn::ScalableTag<T> d;
  const auto top = largest(d, x, n);
  LongSum<decltype(d)> sum{d};
  each_vector(d, n, least, [&](auto load, auto store) HWY_ATTR {
    const auto below = hn::Sub(load(x), top);
    const auto power = exp_below_zero(d, below);
    sum.add(power);
    store(logarithm ? below : power, y);
  });
  const T total = sum.total();
  const auto by = hn::Set(d, logarithm ? std::log(total) : T{1} / total);
  each_vector(d, n, least, [&](auto load, auto store) HWY_ATTR {
    store(logarithm ? hn::Sub(load(y), by) : hn::Mul(load(y), by), y);
  });
}

// The same for R rows of K vectors, the last of which may be cut: they stay in registers, read once and written once,
// and while one row waits for what runs over its lanes another goes on.
template <int R, int K, bool logarithm>
HWY_INLINE void softmax_short(const float* x, int64_t n, float* y) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto least = hn::Neg(hn::Inf(d));
  const auto mask = hn::FirstN(d, static_cast<size_t>(n - (K - 1) * lanes));
  V v[R][K], top[R], sum[R];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
    const float* from = x + r * n;
    v[r][K - 1] = hn::IfThenElse(mask, hn::MaskedLoad(mask, d, from + (K - 1) * lanes), least);
    top[r] = v[r][K - 1];
#pragma GCC unroll 8
    for (int k = 0; k < K - 1; ++k) v[r][k] = hn::LoadU(d, from + k * lanes), top[r] = hn::Max(top[r], v[r][k]);
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) top[r] = hn::MaxOfLanes(d, top[r]), sum[r] = hn::Zero(d);
#pragma GCC unroll 8
  for (int k = 0; k < K; ++k)
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      v[r][k] = hn::Sub(v[r][k], top[r]);
      const auto power = exp_below_zero(d, v[r][k]);
      sum[r] = hn::Add(sum[r], power);
      if constexpr (!logarithm) v[r][k] = power;
    }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
    sum[r] = hn::SumOfLanes(d, sum[r]);
    sum[r] = logarithm ? hn::Set(d, std::log(hn::GetLane(sum[r]))) : hn::Div(hn::Set(d, 1), sum[r]);
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
    const auto result = [&](int k) HWY_ATTR { return logarithm ? hn::Sub(v[r][k], sum[r]) : hn::Mul(v[r][k], sum[r]); };
#pragma GCC unroll 8
    for (int k = 0; k < K - 1; ++k) hn::StoreU(result(k), d, y + r * n + k * lanes);
    hn::BlendedStore(result(K - 1), mask, d, y + r * n + (K - 1) * lanes);
  }
}

template <int K, bool logarithm>
void softmax_shorts(const float* x, int64_t rows, int64_t n, float* y) {
  int64_t r = 0;
  for (; r + 2 <= rows; r += 2) softmax_short<2, K, logarithm>(x + r * n, n, y + r * n);
  if (r < rows) softmax_short<1, K, logarithm>(x + r * n, n, y + r * n);
}

template <int K>
bool softmax_in_registers(const float* x, int64_t rows, int64_t n, bool logarithm, float* y) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<float>()));
  if ((n + lanes - 1) / lanes != K) {
    if constexpr (K < 8) return softmax_in_registers<K + 1>(x, rows, n, logarithm, y);
    return false;
  }
  logarithm ? softmax_shorts<K, true>(x, rows, n, y) : softmax_shorts<K, false>(x, rows, n, y);
  return true;
}

template <class T>
void softmax_some(const T* x, int64_t rows, int64_t n, bool logarithm, T* y) {
  if constexpr (sizeof(T) == 4)
    if (softmax_in_registers<1>(x, rows, n, logarithm, y)) return;
  for (int64_t r = 0; r < rows; ++r) softmax_row(x + r * n, n, logarithm, y + r * n);
}

template <class T>
void softmax_rows(const T* x, int64_t rows, int64_t columns, bool logarithm, bool past, T* y) {
  written_past(past, rows, columns, y, [&](int64_t first, int64_t count, T* to) HWY_ATTR {
    softmax_some(x + first * columns, count, columns, logarithm, to);
  });
}

// The loss of one row, and its slope times `scale`.
template <class T>
double entropy_row(const T* x, int64_t n, int64_t label, double smoothing, double scale, T* slope) {
  constexpr T least = -std::numeric_limits<T>::infinity();
  const hn::ScalableTag<T> d;
  const auto top = largest(d, x, n);
  LongSum<decltype(d)> powers{d}, depths{d};
  each_vector(d, n, least, [&](auto load, auto store) HWY_ATTR {
    const auto power = exp_below_zero(d, hn::Sub(load(x), top));
    powers.add(power);
    store(power, slope);
  });
  const double spread = smoothing / static_cast<double>(n);
  if (smoothing > 0)
    each_vector(d, n, hn::GetLane(top), [&](auto load, auto) HWY_ATTR { depths.add(hn::Sub(load(x), top)); });
  const auto total = static_cast<double>(powers.total());
  const auto by = hn::Set(d, static_cast<T>(scale / total)), less = hn::Set(d, static_cast<T>(scale * spread));
  each_vector(d, n, least, [&](auto load, auto store) HWY_ATTR { store(hn::MulSub(load(slope), by, less), slope); });
  slope[label] -= static_cast<T>(scale * (1 - smoothing));
  const double reached = static_cast<double>(x[label]) - static_cast<double>(hn::GetLane(top));
  const double aside = smoothing > 0 ? spread * static_cast<double>(depths.total()) : 0;
  return std::log(total) - (1 - smoothing) * reached - aside;
}

template <class T>
void entropy_rows(const int64_t* label, double smoothing, double scale, const T* x, int64_t rows, int64_t columns,
                  bool past, double* loss, T* slope) {
  written_past(past, rows, columns, slope, [&](int64_t first, int64_t count, T* to) HWY_ATTR {
    for (int64_t r = first; r < first + count; ++r, to += columns)
      loss[r] = entropy_row(x + r * columns, columns, label[r], smoothing, scale, to);
  });
}

void EntropyF32(const int64_t* label, double smoothing, double scale, const float* x, int64_t rows, int64_t columns,
                bool past, double* loss, float* slope) {
  entropy_rows(label, smoothing, scale, x, rows, columns, past, loss, slope);
}
void EntropyF64(const int64_t* label, double smoothing, double scale, const double* x, int64_t rows, int64_t columns,
                bool past, double* loss, double* slope) {
  entropy_rows(label, smoothing, scale, x, rows, columns, past, loss, slope);
}

void SoftmaxF32(const float* x, int64_t rows, int64_t columns, bool logarithm, bool past, float* y) {
  softmax_rows(x, rows, columns, logarithm, past, y);
}
void SoftmaxF64(const double* x, int64_t rows, int64_t columns, bool logarithm, bool past, double* y) {
  softmax_rows(x, rows, columns, logarithm, past, y);
}

}  // namespace
}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {
namespace {

HWY_EXPORT(SoftmaxF32);
HWY_EXPORT(SoftmaxF64);
HWY_EXPORT(EntropyF32);
HWY_EXPORT(EntropyF64);

template <class T>
bool past_caches(std::span<const T> x, std::span<T> y) {
  return static_cast<int64_t>(y.size_bytes()) >= beyond_caches && y.data() != x.data();
}

template <class Fn>
void row_pieces(int64_t rows, int64_t columns, Fn&& fn) {
  if (columns == 0) return;
  apply_isa_limit();
  parallel_for(rows, std::max<int64_t>(1, elementwise_grain / 4 / columns),
               [&](int64_t begin, int64_t end) { fn(begin, end - begin); });
}

template <class T, class Kernel>
void softmax_pieces(int64_t rows, int64_t columns, bool logarithm, std::span<const T> x, std::span<T> y,
                    Kernel&& kernel) {
  row_pieces(rows, columns, [&](int64_t first, int64_t count) {
    const int64_t at = first * columns;
    kernel(x.data() + at, count, columns, logarithm, past_caches(x, y), y.data() + at);
  });
}

template <class T, class Kernel>
void entropy_pieces(std::span<const int64_t> label, double smoothing, std::span<const T> x, std::span<double> loss,
                    std::span<T> slope, Kernel&& kernel) {
  const auto rows = std::ssize(label), columns = std::ssize(x) / std::max<int64_t>(1, rows);
  row_pieces(rows, columns, [&](int64_t first, int64_t count) {
    const int64_t at = first * columns;
    kernel(label.data() + first, smoothing, 1 / static_cast<double>(rows), x.data() + at, count, columns,
           past_caches(x, slope), loss.data() + first, slope.data() + at);
  });
}

}  // namespace

void softmax(int64_t rows, int64_t columns, bool logarithm, std::span<const float> x, std::span<float> y) {
  softmax_pieces(rows, columns, logarithm, x, y, [](auto... a) { HWY_DYNAMIC_DISPATCH(SoftmaxF32)(a...); });
}
void softmax(int64_t rows, int64_t columns, bool logarithm, std::span<const double> x, std::span<double> y) {
  softmax_pieces(rows, columns, logarithm, x, y, [](auto... a) { HWY_DYNAMIC_DISPATCH(SoftmaxF64)(a...); });
}

void softmax_entropy(std::span<const int64_t> label, double smoothing, std::span<const float> x, std::span<double> loss,
                     std::span<float> slope) {
  entropy_pieces(label, smoothing, x, loss, slope, [](auto... a) { HWY_DYNAMIC_DISPATCH(EntropyF32)(a...); });
}
void softmax_entropy(std::span<const int64_t> label, double smoothing, std::span<const double> x,
                     std::span<double> loss, std::span<double> slope) {
  entropy_pieces(label, smoothing, x, loss, slope, [](auto... a) { HWY_DYNAMIC_DISPATCH(EntropyF64)(a...); });
}

}  // namespace tandem::kernels
#endif
