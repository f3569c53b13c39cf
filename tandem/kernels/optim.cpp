#include <tandem/base/threads.h>
#include <tandem/kernels/isa.h>
#include <tandem/kernels/optim.h>

#include <cmath>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/kernels/optim.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// Walks n elements a vector at a time; `body(load, store)`, masked for the last.
template <class Fn>
HWY_INLINE void vectors(int64_t n, Fn&& body) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    body([&](const float* from) HWY_ATTR { return hn::LoadU(d, from + i); },
         [&](V v, float* to) HWY_ATTR { hn::StoreU(v, d, to + i); });
  if (i < n) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(n - i));
    body([&](const float* from) HWY_ATTR { return hn::MaskedLoad(mask, d, from + i); },
         [&](V v, float* to) HWY_ATTR { hn::BlendedStore(v, mask, d, to + i); });
  }
}

void Sgd(const SgdStep& s, const float* g, float* v, float* p, int64_t n) {
  const D d;
  const V lr = hn::Set(d, s.lr), decay = hn::Set(d, s.weight_decay), momentum = hn::Set(d, s.momentum);
  if (s.momentum == 0)
    return vectors(n, [&](auto load, auto store) HWY_ATTR {
      const V at = load(p);
      store(hn::NegMulAdd(lr, hn::MulAdd(decay, at, load(g)), at), p);
    });
  vectors(n, [&](auto load, auto store) HWY_ATTR {
    const V at = load(p), slope = hn::MulAdd(decay, at, load(g));
    const V speed = hn::MulAdd(momentum, load(v), slope);
    store(speed, v);
    store(hn::NegMulAdd(lr, s.nesterov ? hn::MulAdd(momentum, speed, slope) : speed, at), p);
  });
}

void Adam(const AdamStep& s, const float* g, float* m, float* v, float* p, int64_t n) {
  const D d;
  const V rate = hn::Set(d, s.lr / s.correction1), scale = hn::Set(d, 1.0F / std::sqrt(s.correction2));
  const V keep = hn::Set(d, 1.0F - s.lr * s.decay), l2 = hn::Set(d, s.l2), epsilon = hn::Set(d, s.epsilon);
  const V beta1 = hn::Set(d, static_cast<float>(s.beta1)), rest1 = hn::Set(d, static_cast<float>(1 - s.beta1));
  const V beta2 = hn::Set(d, static_cast<float>(s.beta2)), rest2 = hn::Set(d, static_cast<float>(1 - s.beta2));
  vectors(n, [&](auto load, auto store) HWY_ATTR {
    const V at = load(p), slope = hn::MulAdd(l2, at, load(g));
    const V first = hn::MulAdd(beta1, load(m), hn::Mul(rest1, slope));
    const V second = hn::MulAdd(beta2, load(v), hn::Mul(hn::Mul(rest2, slope), slope));
    store(first, m);
    store(second, v);
    const V step = hn::Div(hn::Mul(rate, first), hn::MulAdd(hn::Sqrt(second), scale, epsilon));
    store(hn::MulSub(at, keep, step), p);
  });
}

void Rmsprop(const RmspropStep& s, const float* g, float* v, float* b, float* p, int64_t n) {
  const D d;
  const V lr = hn::Set(d, s.lr), decay = hn::Set(d, s.weight_decay), epsilon = hn::Set(d, s.epsilon);
  const V alpha = hn::Set(d, static_cast<float>(s.alpha)), rest = hn::Set(d, static_cast<float>(1 - s.alpha));
  const V momentum = hn::Set(d, s.momentum);
  vectors(n, [&](auto load, auto store) HWY_ATTR {
    const V at = load(p), slope = hn::MulAdd(decay, at, load(g));
    const V second = hn::MulAdd(alpha, load(v), hn::Mul(hn::Mul(rest, slope), slope));
    store(second, v);
    V step = hn::Div(slope, hn::Add(hn::Sqrt(second), epsilon));
    if (s.momentum != 0) {
      step = hn::MulAdd(momentum, load(b), step);
      store(step, b);
    }
    store(hn::NegMulAdd(lr, step, at), p);
  });
}

// In double, from floats: their squares neither overflow nor lose digits.
double SumOfSquares(const float* x, int64_t n) {
  const hn::ScalableTag<double> wide;
  const hn::Rebind<float, decltype(wide)> narrow;
  const auto lanes = static_cast<int64_t>(hn::Lanes(wide));
  auto sum0 = hn::Zero(wide), sum1 = hn::Zero(wide);
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const auto a = hn::PromoteTo(wide, hn::LoadU(narrow, x + i));
    const auto b = hn::PromoteTo(wide, hn::LoadU(narrow, x + i + lanes));
    sum0 = hn::MulAdd(a, a, sum0), sum1 = hn::MulAdd(b, b, sum1);
  }
  double sum = hn::GetLane(hn::SumOfLanes(wide, hn::Add(sum0, sum1)));
  for (; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

}  // namespace
}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {
namespace {

HWY_EXPORT(Sgd);
HWY_EXPORT(Adam);
HWY_EXPORT(Rmsprop);
HWY_EXPORT(SumOfSquares);

template <class Fn>
void pieces(std::span<float> p, Fn&& fn) {
  apply_isa_limit();
  parallel_for(static_cast<int64_t>(p.size()), elementwise_grain / 2,
               [&](int64_t begin, int64_t end) { fn(begin, end - begin); });
}

float* state_at(std::span<float> state, int64_t at) { return state.empty() ? nullptr : state.data() + at; }

}  // namespace

void sgd(const SgdStep& s, std::span<const float> g, std::span<float> v, std::span<float> p) {
  pieces(p, [&](int64_t at, int64_t n) {
    HWY_DYNAMIC_DISPATCH(Sgd)(s, g.data() + at, state_at(v, at), p.data() + at, n);
  });
}

void adam(const AdamStep& s, std::span<const float> g, std::span<float> m, std::span<float> v, std::span<float> p) {
  pieces(p, [&](int64_t at, int64_t n) {
    HWY_DYNAMIC_DISPATCH(Adam)(s, g.data() + at, m.data() + at, v.data() + at, p.data() + at, n);
  });
}

void rmsprop(const RmspropStep& s, std::span<const float> g, std::span<float> v, std::span<float> b,
             std::span<float> p) {
  pieces(p, [&](int64_t at, int64_t n) {
    HWY_DYNAMIC_DISPATCH(Rmsprop)(s, g.data() + at, v.data() + at, state_at(b, at), p.data() + at, n);
  });
}

double sum_of_squares(std::span<const float> x) {
  apply_isa_limit();
  constexpr int64_t piece = elementwise_grain;
  const auto n = static_cast<int64_t>(x.size());
  if (n <= piece) return HWY_DYNAMIC_DISPATCH(SumOfSquares)(x.data(), n);
  std::vector<double> partial(static_cast<size_t>((n + piece - 1) / piece), 0.0);
  parallel_for(n, piece, [&](int64_t begin, int64_t end) {
    partial[static_cast<size_t>(begin / piece)] = HWY_DYNAMIC_DISPATCH(SumOfSquares)(x.data() + begin, end - begin);
  });
  double total = 0;
  for (const double sum : partial) total += sum;
  return total;
}

}  // namespace tandem::kernels
#endif
