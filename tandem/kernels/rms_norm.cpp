#include <tandem/base/threads.h>
#include <tandem/kernels/isa.h>
#include <tandem/kernels/rms_norm.h>

#include <algorithm>
#include <cmath>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/kernels/rms_norm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

// Calls fn(load, store, column) for the vectors of a row; lanes behind its end are 0.
template <class D, class Fn>
HWY_INLINE void each_vector(D d, int64_t columns, Fn&& fn) {
  using T = hn::TFromD<D>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + lanes <= columns; c += lanes)
    fn([&](const T* from) HWY_ATTR { return hn::LoadU(d, from + c); },
       [&](auto v, T* to) HWY_ATTR { hn::StoreU(v, d, to + c); });
  if (c == columns) return;
  const auto mask = hn::FirstN(d, static_cast<size_t>(columns - c));
  fn([&](const T* from) HWY_ATTR { return hn::MaskedLoad(mask, d, from + c); },
     [&](auto v, T* to) HWY_ATTR { hn::BlendedStore(v, mask, d, to + c); });
}

template <class T>
void forward_row(int64_t columns, double epsilon, const T* x, const T* gamma, T* y, T* inv_rms) {
  const hn::ScalableTag<T> d;
  auto squares = hn::Zero(d);
  each_vector(d, columns, [&](auto load, auto) HWY_ATTR {
    const auto v = load(x);
    squares = hn::MulAdd(v, v, squares);
  });
  const double mean = static_cast<double>(hn::GetLane(hn::SumOfLanes(d, squares))) / static_cast<double>(columns);
  *inv_rms = static_cast<T>(1 / std::sqrt(mean + epsilon));
  const auto scale = hn::Set(d, *inv_rms);
  each_vector(d, columns,
              [&](auto load, auto store) HWY_ATTR { store(hn::Mul(hn::Mul(load(x), scale), load(gamma)), y); });
}

// With h = x * inv_rms and w = gamma * gy: gx = inv_rms * (w - h * mean(w * h)).
template <class T>
void backward_row(int64_t columns, const T* x, const T* gamma, T inv_rms, const T* gy, T* gx, T* g_gamma) {
  const hn::ScalableTag<T> d;
  const auto scale = hn::Set(d, inv_rms);
  auto sum = hn::Zero(d);
  each_vector(d, columns, [&](auto load, auto store) HWY_ATTR {
    const auto hat = hn::Mul(load(x), scale);
    const auto g_hat = hn::Mul(load(gy), hat);
    sum = hn::MulAdd(g_hat, load(gamma), sum);
    if (g_gamma) store(hn::Add(load(g_gamma), g_hat), g_gamma);
  });
  if (!gx) return;
  const auto mean = hn::Set(d, hn::GetLane(hn::SumOfLanes(d, sum)) / static_cast<T>(columns));
  each_vector(d, columns, [&](auto load, auto store) HWY_ATTR {
    const auto hat = hn::Mul(load(x), scale);
    store(hn::Mul(scale, hn::NegMulAdd(hat, mean, hn::Mul(load(gy), load(gamma)))), gx);
  });
}

void ForwardF32(int64_t n, double e, const float* x, const float* gamma, float* y, float* r) {
  forward_row(n, e, x, gamma, y, r);
}
void ForwardF64(int64_t n, double e, const double* x, const double* gamma, double* y, double* r) {
  forward_row(n, e, x, gamma, y, r);
}
void BackwardF32(int64_t n, const float* x, const float* gamma, float r, const float* gy, float* gx, float* gg) {
  backward_row(n, x, gamma, r, gy, gx, gg);
}
void BackwardF64(int64_t n, const double* x, const double* gamma, double r, const double* gy, double* gx, double* gg) {
  backward_row(n, x, gamma, r, gy, gx, gg);
}

}  // namespace
}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {
namespace {

HWY_EXPORT(ForwardF32);
HWY_EXPORT(ForwardF64);
HWY_EXPORT(BackwardF32);
HWY_EXPORT(BackwardF64);

void forward(int64_t n, double e, const float* x, const float* gamma, float* y, float* r) {
  HWY_DYNAMIC_DISPATCH(ForwardF32)(n, e, x, gamma, y, r);
}
void forward(int64_t n, double e, const double* x, const double* gamma, double* y, double* r) {
  HWY_DYNAMIC_DISPATCH(ForwardF64)(n, e, x, gamma, y, r);
}
void backward(int64_t n, const float* x, const float* gamma, float r, const float* gy, float* gx, float* gg) {
  HWY_DYNAMIC_DISPATCH(BackwardF32)(n, x, gamma, r, gy, gx, gg);
}
void backward(int64_t n, const double* x, const double* gamma, double r, const double* gy, double* gx, double* gg) {
  HWY_DYNAMIC_DISPATCH(BackwardF64)(n, x, gamma, r, gy, gx, gg);
}

int64_t rows_a_task(int64_t columns) { return std::max<int64_t>(1, elementwise_grain / std::max<int64_t>(1, columns)); }

}  // namespace

template <class T>
void rms_norm(int64_t rows, int64_t columns, double epsilon, std::span<const T> x, std::span<const T> gamma,
              std::span<T> y, std::span<T> inv_rms) {
  if (x.empty()) return;
  apply_isa_limit();
  parallel_for(rows, rows_a_task(columns), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      forward(columns, epsilon, x.data() + r * columns, gamma.data(), y.data() + r * columns, inv_rms.data() + r);
  });
}

template <class T>
void rms_norm_grad(int64_t rows, int64_t columns, std::span<const T> x, std::span<const T> gamma,
                   std::span<const T> inv_rms, std::span<const T> gy, std::span<T> gx, std::span<T> g_gamma) {
  std::ranges::fill(g_gamma, T{0});
  if (x.empty()) return;
  apply_isa_limit();
  // At most 64 pieces, so that their sums take little memory.
  const int64_t step = std::max(rows_a_task(columns), (rows + 63) / 64), pieces = (rows + step - 1) / step;
  std::vector<T> parts(g_gamma.empty() ? 0 : static_cast<size_t>(pieces * columns), T{0});
  parallel_for(rows, step, [&](int64_t begin, int64_t end) {
    T* part = parts.empty() ? nullptr : parts.data() + begin / step * columns;
    for (int64_t r = begin; r < end; ++r)
      backward(columns, x.data() + r * columns, gamma.data(), inv_rms[static_cast<size_t>(r)], gy.data() + r * columns,
               gx.empty() ? nullptr : gx.data() + r * columns, part);
  });
  for (size_t c = 0; c < g_gamma.size(); ++c) {
    double sum = 0;
    for (size_t piece = 0; piece < static_cast<size_t>(pieces); ++piece)
      sum += static_cast<double>(parts[piece * g_gamma.size() + c]);
    g_gamma[c] = static_cast<T>(sum);
  }
}

#define TANDEM_INSTANTIATE(T)                                                                                  \
  template void rms_norm<T>(int64_t, int64_t, double, std::span<const T>, std::span<const T>, std::span<T>,    \
                            std::span<T>);                                                                     \
  template void rms_norm_grad<T>(int64_t, int64_t, std::span<const T>, std::span<const T>, std::span<const T>, \
                                 std::span<const T>, std::span<T>, std::span<T>);
TANDEM_INSTANTIATE(float)
TANDEM_INSTANTIATE(double)
#undef TANDEM_INSTANTIATE

}  // namespace tandem::kernels
#endif
