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

// The row stays in the nearest cache between its three walks: largest, exponentials and their sum, result. A NaN makes
// the sum, and with it the whole row, NaN.
template <class T>
HWY_INLINE void softmax_row(const T* x, int64_t n, bool logarithm, T* y) {
  constexpr T least = -std::numeric_limits<T>::infinity();
  const hn::ScalableTag<T> d;
  auto top = hn::Set(d, least);
  each_vector(d, n, least, [&](auto load, auto) HWY_ATTR { top = hn::Max(top, load(x)); });
  top = hn::MaxOfLanes(d, top);
  auto sum = hn::Zero(d);
  each_vector(d, n, least, [&](auto load, auto store) HWY_ATTR {
    const auto below = hn::Sub(load(x), top);
    const auto power = exp_below_zero(d, below);
    sum = hn::Add(sum, power);
    store(logarithm ? below : power, y);
  });
  const T total = hn::GetLane(hn::SumOfLanes(d, sum));
  const auto by = hn::Set(d, logarithm ? std::log(total) : T{1} / total);
  each_vector(d, n, least, [&](auto load, auto store) HWY_ATTR {
    store(logarithm ? hn::Sub(load(y), by) : hn::Mul(load(y), by), y);
  });
}

// Results that go past the caches are gathered first, so that whole lines are written.
template <class T>
void softmax_rows(const T* x, int64_t rows, int64_t columns, bool logarithm, bool past, T* y) {
  constexpr int64_t gathered = 4096;
  HWY_ALIGN T buffer[gathered];
  const int64_t at_once = past ? gathered / columns : 0;
  for (int64_t r = 0; r < rows;) {
    if (at_once == 0) {
      softmax_row(x + r * columns, columns, logarithm, y + r * columns), ++r;
      continue;
    }
    const int64_t count = std::min(at_once, rows - r);
    for (int64_t i = 0; i < count; ++i) softmax_row(x + (r + i) * columns, columns, logarithm, buffer + i * columns);
    stream_copy(buffer, y + r * columns, count * columns);
    r += count;
  }
  if (past) hwy::FlushStream();
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

template <class T>
bool past_caches(std::span<const T> x, std::span<T> y) {
  return static_cast<int64_t>(y.size_bytes()) >= beyond_caches && y.data() != x.data();
}

template <class Fn>
void row_pieces(int64_t rows, int64_t columns, Fn&& fn) {
  if (columns == 0) return;
  apply_isa_limit();
  parallel_for(rows, std::max<int64_t>(1, elementwise_grain / 4 / columns),
               [&](int64_t begin, int64_t end) { fn(begin * columns, end - begin); });
}

}  // namespace

void softmax(int64_t rows, int64_t columns, bool logarithm, std::span<const float> x, std::span<float> y) {
  row_pieces(rows, columns, [&](int64_t at, int64_t count) {
    HWY_DYNAMIC_DISPATCH(SoftmaxF32)(x.data() + at, count, columns, logarithm, past_caches(x, y), y.data() + at);
  });
}
void softmax(int64_t rows, int64_t columns, bool logarithm, std::span<const double> x, std::span<double> y) {
  row_pieces(rows, columns, [&](int64_t at, int64_t count) {
    HWY_DYNAMIC_DISPATCH(SoftmaxF64)(x.data() + at, count, columns, logarithm, past_caches(x, y), y.data() + at);
  });
}

}  // namespace tandem::kernels
#endif
