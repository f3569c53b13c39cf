#include <tandem/base/threads.h>
#include <tandem/kernels/isa.h>
#include <tandem/kernels/softmax.h>

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/kernels/softmax.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
//
#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

// Calls fn(mask, first element) for the vectors of a row; all lanes of the mask are set but for the last vector's.
template <class D, class Fn>
HWY_INLINE void each_vector(D d, int64_t n, Fn&& fn) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto all = hn::FirstN(d, static_cast<size_t>(lanes));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) fn(all, i);
  if (i < n) fn(hn::FirstN(d, static_cast<size_t>(n - i)), i);
}

// The row stays in the nearest cache between its three walks: largest, exponentials and their sum, result. A NaN makes
// the sum, and with it the whole row, NaN.
template <class T>
void softmax_row(const T* x, int64_t n, bool logarithm, T* y) {
  const hn::ScalableTag<T> d;
  auto top = hn::Neg(hn::Inf(d));
  each_vector(d, n, [&](auto mask, int64_t i) HWY_ATTR {
    top = hn::Max(top, hn::IfThenElse(mask, hn::MaskedLoad(mask, d, x + i), hn::Neg(hn::Inf(d))));
  });
  top = hn::MaxOfLanes(d, top);
  auto sum = hn::Zero(d);
  each_vector(d, n, [&](auto mask, int64_t i) HWY_ATTR {
    const auto below = hn::Sub(hn::MaskedLoad(mask, d, x + i), top);
    const auto power = hn::IfThenElse(hn::IsNaN(below), below, hn::Exp(d, below));
    sum = hn::Add(sum, hn::IfThenElseZero(mask, power));
    hn::BlendedStore(logarithm ? below : power, mask, d, y + i);
  });
  const T total = hn::GetLane(hn::SumOfLanes(d, sum));
  const auto log_total = hn::Set(d, std::log(total)), scale = hn::Set(d, T{1} / total);
  each_vector(d, n, [&](auto mask, int64_t i) HWY_ATTR {
    const auto v = hn::MaskedLoad(mask, d, y + i);
    hn::BlendedStore(logarithm ? hn::Sub(v, log_total) : hn::Mul(v, scale), mask, d, y + i);
  });
}

void SoftmaxF32(const float* x, int64_t rows, int64_t columns, bool logarithm, float* y) {
  for (int64_t r = 0; r < rows; ++r) softmax_row(x + r * columns, columns, logarithm, y + r * columns);
}
void SoftmaxF64(const double* x, int64_t rows, int64_t columns, bool logarithm, double* y) {
  for (int64_t r = 0; r < rows; ++r) softmax_row(x + r * columns, columns, logarithm, y + r * columns);
}

}  // namespace
}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {
namespace {

HWY_EXPORT(SoftmaxF32);
HWY_EXPORT(SoftmaxF64);

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
    HWY_DYNAMIC_DISPATCH(SoftmaxF32)(x.data() + at, count, columns, logarithm, y.data() + at);
  });
}
void softmax(int64_t rows, int64_t columns, bool logarithm, std::span<const double> x, std::span<double> y) {
  row_pieces(rows, columns, [&](int64_t at, int64_t count) {
    HWY_DYNAMIC_DISPATCH(SoftmaxF64)(x.data() + at, count, columns, logarithm, y.data() + at);
  });
}

}  // namespace tandem::kernels
#endif
