#include <tandem/base/threads.h>
#include <tandem/kernels/group_norm.h>
#include <tandem/kernels/isa.h>

#include <algorithm>
#include <cmath>
#include <vector>

#ifndef TANDEM_GROUP_NORM_SHAPES  // this file is compiled once for each instruction set; this part is common to all
#define TANDEM_GROUP_NORM_SHAPES
namespace tandem::kernels {
namespace {

template <class T>
struct Forward {
  GroupShape s;
  double epsilon;
  const T *x, *gamma, *beta;
  T *y, *mean, *inv_std;
  bool past;  // the caches
};

template <class T>
struct Backward {
  GroupShape s;
  const T *x, *gamma, *mean, *inv_std, *gy;
  T *gx, *g_gamma, *g_beta;  // null where not wanted; the last two are a piece's own sums
};

}  // namespace
}  // namespace tandem::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/kernels/group_norm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
//
#include <tandem/kernels/stream-inl.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

// Calls fn(load, store, offset in the example, channel) for the vectors of one group of an example. `load(from, rest)`
// fills lanes behind the group's channels with `rest`.
template <class D, class Fn>
HWY_INLINE void each_vector(D d, const GroupShape& s, int64_t group, Fn&& fn) {
  using T = hn::TFromD<D>;
  const int64_t size = s.channels / s.groups, begin = group * size, end = begin + size;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto mask = hn::FirstN(d, static_cast<size_t>(size % lanes));
  for (int64_t i = 0; i < s.inner; ++i) {
    const int64_t line = i * s.channels;
    int64_t c = begin;
    for (; c + lanes <= end; c += lanes)
      fn([&](const T* from, auto) HWY_ATTR { return hn::LoadU(d, from); },
         [&](auto v, T* to) HWY_ATTR { hn::StoreU(v, d, to); }, line + c, c);
    if (c < end)
      fn([&](const T* from, auto rest) HWY_ATTR { return hn::IfThenElse(mask, hn::MaskedLoad(mask, d, from), rest); },
         [&](auto v, T* to) HWY_ATTR { hn::BlendedStore(v, mask, d, to); }, line + c, c);
  }
}

// R examples at once: while one waits for the sum over its lanes another goes on. Sums run over the distance from the
// first element, then from the mean: a large common offset costs no digits.
template <int R, class T>
HWY_INLINE void forward(const Forward<T>& f, int64_t example, T* y) {
  const hn::ScalableTag<T> d;
  const auto zero = hn::Zero(d);
  const GroupShape& s = f.s;
  const int64_t size = s.inner * s.channels, width = s.channels / s.groups;
  const T* x = f.x + example * size;
  const T share = T{1} / static_cast<T>(s.inner * width);
  for (int64_t group = 0; group < s.groups; ++group) {
    T mean[R], variance[R];
    for (int r = 0; r < R; ++r) {
      const T first = x[r * size + group * width];
      const auto origin = hn::Set(d, first);
      auto sum = zero;
      each_vector(d, s, group, [&](auto load, auto, int64_t at, int64_t) HWY_ATTR {
        sum = hn::Add(sum, hn::Sub(load(x + r * size + at, origin), origin));
      });
      mean[r] = first + hn::GetLane(hn::SumOfLanes(d, sum)) * share;
    }
    for (int r = 0; r < R; ++r) {
      const auto middle = hn::Set(d, mean[r]);
      auto squares = zero;
      each_vector(d, s, group, [&](auto load, auto, int64_t at, int64_t) HWY_ATTR {
        const auto v = hn::Sub(load(x + r * size + at, middle), middle);
        squares = hn::MulAdd(v, v, squares);
      });
      variance[r] = hn::GetLane(hn::SumOfLanes(d, squares)) * share;
    }
    for (int r = 0; r < R; ++r) {
      const T inv_std = static_cast<T>(1.0 / std::sqrt(static_cast<double>(variance[r]) + f.epsilon));
      f.mean[(example + r) * s.groups + group] = mean[r], f.inv_std[(example + r) * s.groups + group] = inv_std;
      const auto middle = hn::Set(d, mean[r]), scale = hn::Set(d, inv_std);
      each_vector(d, s, group, [&](auto load, auto store, int64_t at, int64_t c) HWY_ATTR {
        const auto hat = hn::Mul(hn::Sub(load(x + r * size + at, zero), middle), scale);
        store(hn::MulAdd(hat, load(f.gamma + c, zero), load(f.beta + c, zero)), y + r * size + at);
      });
    }
  }
}

template <class T>
void forward_some(const Forward<T>& f, int64_t begin, int64_t end, T* y) {
  constexpr int together = 4;
  constexpr int64_t short_example = 1024;  // of which so many stay in the nearest cache
  const int64_t size = f.s.inner * f.s.channels;
  int64_t i = begin;
  for (; size <= short_example && i + together <= end; i += together) forward<together>(f, i, y + (i - begin) * size);
  for (; i < end; ++i) forward<1>(f, i, y + (i - begin) * size);
}

template <class T>
void forward_all(const Forward<T>& f, int64_t begin, int64_t end) {
  const int64_t size = f.s.inner * f.s.channels;
  written_past(f.past, end - begin, size, f.y + begin * size, [&](int64_t first, int64_t count, T* to) HWY_ATTR {
    forward_some(f, begin + first, begin + first + count, to);
  });
}

// With h = x_hat and w = gamma * gy: gx = inv_std * (w - mean(w) - h * mean(w * h)), means over the group.
template <class T>
void backward(const Backward<T>& b, int64_t example) {
  const hn::ScalableTag<T> d;
  const auto zero = hn::Zero(d);
  const GroupShape& s = b.s;
  const int64_t start = example * s.inner * s.channels;
  const T *x = b.x + start, *gy = b.gy + start;
  const T share = T{1} / static_cast<T>(s.inner * (s.channels / s.groups));
  for (int64_t group = 0; group < s.groups; ++group) {
    const auto middle = hn::Set(d, b.mean[example * s.groups + group]);
    const auto scale = hn::Set(d, b.inv_std[example * s.groups + group]);
    auto sum_w = zero, sum_wh = zero;
    each_vector(d, s, group, [&](auto load, auto store, int64_t at, int64_t c) HWY_ATTR {
      const auto g = load(gy + at, zero);
      const auto hat = hn::Mul(hn::Sub(load(x + at, zero), middle), scale);
      const auto w = hn::Mul(g, load(b.gamma + c, zero));
      sum_w = hn::Add(sum_w, w);
      sum_wh = hn::MulAdd(w, hat, sum_wh);
      if (b.g_gamma) {
        store(hn::MulAdd(g, hat, load(b.g_gamma + c, zero)), b.g_gamma + c);
        store(hn::Add(g, load(b.g_beta + c, zero)), b.g_beta + c);
      }
    });
    if (!b.gx) continue;
    const auto mean_w = hn::Set(d, hn::GetLane(hn::SumOfLanes(d, sum_w)) * share);
    const auto mean_wh = hn::Set(d, hn::GetLane(hn::SumOfLanes(d, sum_wh)) * share);
    each_vector(d, s, group, [&](auto load, auto store, int64_t at, int64_t c) HWY_ATTR {
      const auto hat = hn::Mul(hn::Sub(load(x + at, zero), middle), scale);
      const auto w = hn::Mul(load(gy + at, zero), load(b.gamma + c, zero));
      store(hn::Mul(scale, hn::NegMulAdd(hat, mean_wh, hn::Sub(w, mean_w))), b.gx + start + at);
    });
  }
}

void ForwardF32(const Forward<float>& f, int64_t begin, int64_t end) { forward_all(f, begin, end); }
void ForwardF64(const Forward<double>& f, int64_t begin, int64_t end) { forward_all(f, begin, end); }
void BackwardF32(const Backward<float>& b, int64_t begin, int64_t end) {
  for (int64_t example = begin; example < end; ++example) backward(b, example);
}
void BackwardF64(const Backward<double>& b, int64_t begin, int64_t end) {
  for (int64_t example = begin; example < end; ++example) backward(b, example);
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

void run(const Forward<float>& f, int64_t begin, int64_t end) { HWY_DYNAMIC_DISPATCH(ForwardF32)(f, begin, end); }
void run(const Forward<double>& f, int64_t begin, int64_t end) { HWY_DYNAMIC_DISPATCH(ForwardF64)(f, begin, end); }
void run(const Backward<float>& b, int64_t begin, int64_t end) { HWY_DYNAMIC_DISPATCH(BackwardF32)(b, begin, end); }
void run(const Backward<double>& b, int64_t begin, int64_t end) { HWY_DYNAMIC_DISPATCH(BackwardF64)(b, begin, end); }

int64_t examples_a_task(const GroupShape& s) {
  return std::max<int64_t>(1, elementwise_grain / std::max<int64_t>(1, s.inner * s.channels));
}

}  // namespace

template <class T>
void group_norm(const GroupShape& s, double epsilon, std::span<const T> x, std::span<const T> gamma,
                std::span<const T> beta, std::span<T> y, std::span<T> mean, std::span<T> inv_std) {
  if (x.empty()) return;
  apply_isa_limit();
  const bool past = static_cast<int64_t>(y.size_bytes()) >= beyond_caches;
  const Forward<T> f{s, epsilon, x.data(), gamma.data(), beta.data(), y.data(), mean.data(), inv_std.data(), past};
  parallel_for(s.n, examples_a_task(s), [&](int64_t begin, int64_t end) { run(f, begin, end); });
}

template <class T>
void group_norm_grad(const GroupShape& s, std::span<const T> x, std::span<const T> gamma, std::span<const T> mean,
                     std::span<const T> inv_std, std::span<const T> gy, std::span<T> gx, std::span<T> g_gamma,
                     std::span<T> g_beta) {
  std::ranges::fill(g_gamma, T{0});
  std::ranges::fill(g_beta, T{0});
  if (x.empty()) return;
  apply_isa_limit();
  // At most 64 pieces, so that their sums take little memory.
  const bool sums = !g_gamma.empty() || !g_beta.empty();
  const int64_t step = std::max(examples_a_task(s), (s.n + 63) / 64), pieces = (s.n + step - 1) / step;
  const auto channels = static_cast<size_t>(s.channels);
  std::vector<T> parts(sums ? static_cast<size_t>(pieces) * 2 * channels : 0, T{0});
  parallel_for(s.n, step, [&](int64_t begin, int64_t end) {
    T* part = sums ? parts.data() + static_cast<size_t>(begin / step) * 2 * channels : nullptr;
    run(Backward<T>{s, x.data(), gamma.data(), mean.data(), inv_std.data(), gy.data(), gx.empty() ? nullptr : gx.data(),
                    part, sums ? part + channels : nullptr},
        begin, end);
  });
  const auto total = [&](std::span<T> out, size_t offset) {
    for (size_t c = 0; c < out.size(); ++c) {
      double sum = 0;
      for (size_t piece = 0; piece < static_cast<size_t>(pieces); ++piece)
        sum += static_cast<double>(parts[piece * 2 * channels + offset + c]);
      out[c] = static_cast<T>(sum);
    }
  };
  total(g_gamma, 0);
  total(g_beta, channels);
}

#define TANDEM_INSTANTIATE(T)                                                                                        \
  template void group_norm<T>(const GroupShape&, double, std::span<const T>, std::span<const T>, std::span<const T>, \
                              std::span<T>, std::span<T>, std::span<T>);                                             \
  template void group_norm_grad<T>(const GroupShape&, std::span<const T>, std::span<const T>, std::span<const T>,    \
                                   std::span<const T>, std::span<const T>, std::span<T>, std::span<T>, std::span<T>);
TANDEM_INSTANTIATE(float)
TANDEM_INSTANTIATE(double)
#undef TANDEM_INSTANTIATE

}  // namespace tandem::kernels
#endif
