#include <tandem/base/threads.h>
#include <tandem/kernels/elementwise.h>
#include <tandem/kernels/isa.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/kernels/elementwise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
//
#include <hwy/contrib/math/math-inl.h>
#include <tandem/kernels/math-inl.h>
#include <tandem/kernels/storage-inl.h>
#include <tandem/kernels/stream-inl.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Each function below takes the tag d, vectors, and a vector p with the operation's parameter.
#define TANDEM_MATH           \
  template <class D, class V> \
  static HWY_INLINE V

// A constant in the type of d.
template <class D>
static HWY_INLINE hn::Vec<D> Const(D d, double value) {
  return hn::Set(d, static_cast<hn::TFromD<D>>(value));
}

struct Neg {
  TANDEM_MATH value(D, V x, V) { return hn::Neg(x); }
  TANDEM_MATH grad(D, V, V g, V) { return hn::Neg(g); }
};
struct Exp {
  TANDEM_MATH value(D d, V x, V) { return exp_of(d, x); }
  TANDEM_MATH grad(D, V y, V g, V) { return hn::Mul(g, y); }
};
struct Log {
  TANDEM_MATH value(D d, V x, V) {
    const V zero = hn::Zero(d), inf = hn::Inf(d);
    const auto ordinary = hn::And(hn::Gt(x, zero), hn::Lt(x, inf));
    const V edge = hn::IfThenElse(hn::Eq(x, zero), hn::Neg(inf), hn::IfThenElse(hn::Eq(x, inf), inf, hn::NaN(d)));
    return hn::IfThenElse(ordinary, hn::Log(d, x), edge);
  }
  TANDEM_MATH grad(D, V x, V g, V) { return hn::Div(g, x); }
};
struct Sqrt {
  TANDEM_MATH value(D, V x, V) { return hn::Sqrt(x); }
  TANDEM_MATH grad(D d, V y, V g, V) { return hn::Div(hn::Mul(g, hn::Set(d, 0.5F)), y); }
};
struct Abs {
  TANDEM_MATH value(D, V x, V) { return hn::Abs(x); }
  TANDEM_MATH grad(D d, V x, V g, V) {  // 0 at 0, as elsewhere
    return hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Zero(d), hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Neg(g), g));
  }
};
struct Square {
  TANDEM_MATH value(D, V x, V) { return hn::Mul(x, x); }
  TANDEM_MATH grad(D, V x, V g, V) { return hn::Mul(hn::Add(g, g), x); }
};
struct Reciprocal {
  TANDEM_MATH value(D d, V x, V) { return hn::Div(hn::Set(d, 1), x); }
  TANDEM_MATH grad(D, V y, V g, V) { return hn::Neg(hn::Mul(g, hn::Mul(y, y))); }
};
struct Relu {
  TANDEM_MATH value(D d, V x, V) { return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Zero(d), x); }  // keeps NaN
  TANDEM_MATH grad(D d, V y, V g, V) { return hn::IfThenElseZero(hn::Gt(y, hn::Zero(d)), g); }
};
struct LeakyRelu {
  TANDEM_MATH value(D d, V x, V p) { return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Mul(x, p), x); }
  TANDEM_MATH grad(D d, V x, V g, V p) { return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), g, hn::Mul(g, p)); }
};
struct Sigmoid {
  TANDEM_MATH value(D d, V x, V) { return sigmoid_of(d, x); }
  TANDEM_MATH grad(D d, V y, V g, V) { return hn::Mul(g, hn::Mul(y, hn::Sub(hn::Set(d, 1), y))); }
};
struct Tanh {
  TANDEM_MATH value(D d, V x, V) { return tanh_of(d, x); }
  TANDEM_MATH grad(D d, V y, V g, V) { return hn::Mul(g, hn::NegMulAdd(y, y, hn::Set(d, 1))); }
};
// The normal distribution: its tail Phi(-s) and its density at s, for s = |x|. For float both come from one power of
// two, e^(-s^2/2), and a fit of the Mills ratio, 5e-9 of its value off at most, so that the tail is right far out too,
// where 1 - erf would cancel; for double the C library, lane by lane, since float64 is for checking only.
template <class V>
struct Normal {
  V s, tail, density;  // s: no larger than where both are 0
};
template <class D, class V>
static HWY_INLINE Normal<V> normal(D d, V x) {
  using T = hn::TFromD<D>;
  Normal<V> out;
  if constexpr (sizeof(T) == 8) {
    HWY_ALIGN T lanes[HWY_MAX_BYTES / sizeof(T)];
    out.s = hn::Min(hn::Set(d, 40), hn::Abs(x));
    hn::Store(out.s, d, lanes);
    for (size_t i = 0; i < hn::Lanes(d); ++i) lanes[i] = 0.5 * std::erfc(lanes[i] * 0.7071067811865476);
    out.tail = hn::Load(d, lanes);
    out.density = hn::Mul(Const(d, 0.3989422804014327), exp_of(d, hn::Mul(Const(d, -0.5), hn::Mul(out.s, out.s))));
  } else {
    static constexpr float p[] = {0.5F, 0.435456067F, 0.181136981F, 0.0399271362F, 0.00401176605F};
    static constexpr float q[] = {1, 1.66879702F, 1.19377732F, 0.463932246F, 0.10008995F, 0.0100558605F};
    out.s = hn::Min(hn::Set(d, 13.268F), hn::Abs(x));  // there the power is 2^-127, which counts as 0
    const V half = hn::Mul(Const(d, 0.72134752), out.s), shift = Const(d, Power<D>::to_integer);
    const V shifted = hn::NegMulAdd(half, out.s, shift);
    const V power = Power<D>(d, hn::NegMulSub(half, out.s, hn::Sub(shifted, shift)), shifted).small(d);
    out.tail = hn::Div(hn::Mul(power, polynomial(d, out.s, p)), polynomial(d, out.s, q));
    out.density = hn::Mul(Const(d, 0.3989422804014327), power);
  }
  return out;
}
struct Gelu {  // x Phi(x) = max(x, 0) - s Phi(-s)
  TANDEM_MATH value(D d, V x, V) {
    const Normal<V> n = normal(d, x);
    return hn::NegMulAdd(n.s, n.tail, hn::Max(hn::Zero(d), x));
  }
  TANDEM_MATH grad(D d, V x, V g, V) {  // Phi(x) + x phi(x); for x > 0 it is 1 less the same of -x
    const Normal<V> n = normal(d, x);
    const V left = hn::NegMulAdd(n.s, n.density, n.tail);
    return hn::Mul(g, hn::IfThenElse(hn::Gt(x, hn::Zero(d)), hn::Sub(hn::Set(d, 1), left), left));
  }
};
struct GeluTanh {  // the tanh form of Hendrycks and Gimpel 2016, which GPT-2 uses; (1 + tanh u) / 2 = sigmoid(2u)
  TANDEM_MATH gate(D d, V x, V p) {
    const V x3 = hn::Mul(x, hn::Mul(x, x));
    return Sigmoid::value(d, hn::Mul(Const(d, 1.5957691216057308), hn::MulAdd(Const(d, 0.044715), x3, x)), p);
  }
  TANDEM_MATH value(D d, V x, V p) { return hn::Mul(x, gate(d, x, p)); }
  TANDEM_MATH grad(D d, V x, V g, V p) {  // s + x s (1 - s) (2u)'
    const V one = hn::Set(d, 1);
    const V s = gate(d, x, p);
    const V slope = hn::Mul(Const(d, 1.5957691216057308), hn::MulAdd(Const(d, 0.134145), hn::Mul(x, x), one));
    return hn::Mul(hn::Mul(g, s), hn::MulAdd(hn::Mul(x, hn::Sub(one, s)), slope, one));
  }
};
struct Silu {  // x * sigmoid(x)
  TANDEM_MATH value(D d, V x, V p) { return hn::Mul(x, Sigmoid::value(d, x, p)); }
  TANDEM_MATH grad(D d, V x, V g, V p) {
    const V one = hn::Set(d, 1);
    const V s = Sigmoid::value(d, x, p);
    return hn::Mul(g, hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one)));
  }
};
struct Softplus {  // log(1 + exp(x)), computed as max(x, 0) + log1p(exp(-|x|))
  TANDEM_MATH value(D d, V x, V p) {
    const V tail = hn::Log1p(d, Exp::value(d, hn::Neg(hn::Abs(x)), p));
    return hn::Add(hn::Max(x, hn::Zero(d)), tail);
  }
  TANDEM_MATH grad(D d, V x, V g, V p) { return hn::Mul(g, Sigmoid::value(d, x, p)); }
};
struct Scale {
  TANDEM_MATH value(D, V x, V p) { return hn::Mul(x, p); }
  TANDEM_MATH grad(D, V, V g, V p) { return hn::Mul(g, p); }
};

// out[i] = body(d, load) for n elements, stored as S, a vector at a time and a tail of fewer; `load` takes what comes
// from an operand. `past`: past the caches.
template <class S, class Fn>
HWY_INLINE void vectors(int64_t n, S* out, bool past, Fn&& body) {
  const hn::ScalableTag<Wide<S>> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  const auto load = [&](const S* from) HWY_ATTR { return load_from(d, from + i); };
  const auto some = [&](int64_t count) HWY_ATTR {
    store_first(body(d, [&](const S* from) HWY_ATTR { return load_first(d, count, from + i); }), d, count, out + i);
    i += count;
  };
  if constexpr (std::is_same_v<S, Wide<S>>) {
    if (past) {
      if (const int64_t head = std::min(before_aligned(d, out), n); head > 0) some(head);
      for (; i + lanes <= n; i += lanes) hn::Stream(body(d, load), d, out + i);
      hwy::FlushStream();
    }
  }
  for (; i + lanes <= n; i += lanes) store_to(body(d, load), d, out + i);
  if (i < n) some(n - i);
}

template <class F, class S>
void unary_loop(double parameter, bool past, const S* x, S* y, int64_t n) {
  const auto p = Const(hn::ScalableTag<Wide<S>>(), parameter);
  vectors(n, y, past, [&](auto d, auto load) HWY_ATTR { return F::value(d, load(x), p); });
}

template <class F, class S>
void grad_loop(double parameter, bool past, const S* x, const S* g, S* gx, int64_t n) {
  const auto p = Const(hn::ScalableTag<Wide<S>>(), parameter);
  vectors(n, gx, past, [&](auto d, auto load) HWY_ATTR { return F::grad(d, load(x), load(g), p); });
}

template <class Fn>
void choose(Unary op, Fn&& fn) {
  switch (op) {
    case Unary::neg: return fn(Neg{});
    case Unary::exp: return fn(Exp{});
    case Unary::log: return fn(Log{});
    case Unary::sqrt: return fn(Sqrt{});
    case Unary::abs: return fn(Abs{});
    case Unary::square: return fn(Square{});
    case Unary::reciprocal: return fn(Reciprocal{});
    case Unary::relu: return fn(Relu{});
    case Unary::leaky_relu: return fn(LeakyRelu{});
    case Unary::sigmoid: return fn(Sigmoid{});
    case Unary::tanh: return fn(Tanh{});
    case Unary::gelu: return fn(Gelu{});
    case Unary::gelu_tanh: return fn(GeluTanh{});
    case Unary::silu: return fn(Silu{});
    case Unary::softplus: return fn(Softplus{});
    case Unary::scale: return fn(Scale{});
  }
}

template <class S>
void unary_all(Unary op, double parameter, bool past, const S* x, S* y, int64_t n) {
  choose(op, [&](auto f) { unary_loop<decltype(f)>(parameter, past, x, y, n); });
}

template <class S>
void grad_all(Unary op, double parameter, bool past, const S* x, const S* g, S* gx, int64_t n) {
  choose(op, [&](auto f) { grad_loop<decltype(f)>(parameter, past, x, g, gx, n); });
}

// out[i] = a[i * a_step] op b[i * b_step], steps 0 or 1.
template <class S>
void binary_all(Binary op, bool past, const S* a, int64_t a_step, const S* b, int64_t b_step, S* out, int64_t n) {
  const hn::ScalableTag<Wide<S>> tag;
  const auto one = [&](const S* value) { return hn::Set(tag, static_cast<Wide<S>>(*value)); };
  const auto run = [&](auto f) {
    if (a_step && b_step)
      vectors(n, out, past, [&](auto, auto load) { return f(load(a), load(b)); });
    else if (a_step)
      vectors(n, out, past, [&](auto, auto load) { return f(load(a), one(b)); });
    else if (b_step)
      vectors(n, out, past, [&](auto, auto load) { return f(one(a), load(b)); });
    else
      vectors(n, out, past, [&](auto, auto) { return f(one(a), one(b)); });
  };
  switch (op) {
    case Binary::add: return run([](auto x, auto y) { return hn::Add(x, y); });
    case Binary::sub: return run([](auto x, auto y) { return hn::Sub(x, y); });
    case Binary::mul: return run([](auto x, auto y) { return hn::Mul(x, y); });
    case Binary::div: return run([](auto x, auto y) { return hn::Div(x, y); });
    // A NaN on either side stays.
    case Binary::max:
      return run([](auto x, auto y) { return hn::IfThenElse(hn::Or(hn::Lt(x, y), hn::IsNaN(y)), y, x); });
    case Binary::min:
      return run([](auto x, auto y) { return hn::IfThenElse(hn::Or(hn::Lt(y, x), hn::IsNaN(y)), y, x); });
  }
}

void UnaryF32(Unary op, double p, bool past, const float* x, float* y, int64_t n) { unary_all(op, p, past, x, y, n); }
void GradF32(Unary op, double p, bool past, const float* x, const float* g, float* gx, int64_t n) {
  grad_all(op, p, past, x, g, gx, n);
}
void BinaryF32(Binary op, bool past, const float* a, int64_t as, const float* b, int64_t bs, float* out, int64_t n) {
  binary_all(op, past, a, as, b, bs, out, n);
}
void UnaryBF16(Unary op, double p, bool past, const BFloat16* x, BFloat16* y, int64_t n) {
  unary_all(op, p, past, x, y, n);
}
void GradBF16(Unary op, double p, bool past, const BFloat16* x, const BFloat16* g, BFloat16* gx, int64_t n) {
  grad_all(op, p, past, x, g, gx, n);
}
void BinaryBF16(Binary op, bool past, const BFloat16* a, int64_t as, const BFloat16* b, int64_t bs, BFloat16* out,
                int64_t n) {
  binary_all(op, past, a, as, b, bs, out, n);
}
void UnaryF64(Unary op, double p, bool past, const double* x, double* y, int64_t n) { unary_all(op, p, past, x, y, n); }
void GradF64(Unary op, double p, bool past, const double* x, const double* g, double* gx, int64_t n) {
  grad_all(op, p, past, x, g, gx, n);
}
void BinaryF64(Binary op, bool past, const double* a, int64_t as, const double* b, int64_t bs, double* out, int64_t n) {
  binary_all(op, past, a, as, b, bs, out, n);
}

#undef TANDEM_MATH
}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {
namespace {

HWY_EXPORT(UnaryF32);
HWY_EXPORT(UnaryF64);
HWY_EXPORT(UnaryBF16);
HWY_EXPORT(GradF32);
HWY_EXPORT(GradF64);
HWY_EXPORT(GradBF16);
HWY_EXPORT(BinaryF32);
HWY_EXPORT(BinaryF64);
HWY_EXPORT(BinaryBF16);

void unary_piece(Unary op, double p, bool past, const float* x, float* y, int64_t n) {
  HWY_DYNAMIC_DISPATCH(UnaryF32)(op, p, past, x, y, n);
}
void grad_piece(Unary op, double p, bool past, const float* x, const float* g, float* gx, int64_t n) {
  HWY_DYNAMIC_DISPATCH(GradF32)(op, p, past, x, g, gx, n);
}
void binary_piece(Binary op, bool past, const float* a, int64_t as, const float* b, int64_t bs, float* out, int64_t n) {
  HWY_DYNAMIC_DISPATCH(BinaryF32)(op, past, a, as, b, bs, out, n);
}
void unary_piece(Unary op, double p, bool past, const double* x, double* y, int64_t n) {
  HWY_DYNAMIC_DISPATCH(UnaryF64)(op, p, past, x, y, n);
}
void grad_piece(Unary op, double p, bool past, const double* x, const double* g, double* gx, int64_t n) {
  HWY_DYNAMIC_DISPATCH(GradF64)(op, p, past, x, g, gx, n);
}
void binary_piece(Binary op, bool past, const double* a, int64_t as, const double* b, int64_t bs, double* out,
                  int64_t n) {
  HWY_DYNAMIC_DISPATCH(BinaryF64)(op, past, a, as, b, bs, out, n);
}
void unary_piece(Unary op, double p, bool past, const BFloat16* x, BFloat16* y, int64_t n) {
  HWY_DYNAMIC_DISPATCH(UnaryBF16)(op, p, past, x, y, n);
}
void grad_piece(Unary op, double p, bool past, const BFloat16* x, const BFloat16* g, BFloat16* gx, int64_t n) {
  HWY_DYNAMIC_DISPATCH(GradBF16)(op, p, past, x, g, gx, n);
}
void binary_piece(Binary op, bool past, const BFloat16* a, int64_t as, const BFloat16* b, int64_t bs, BFloat16* out,
                  int64_t n) {
  HWY_DYNAMIC_DISPATCH(BinaryBF16)(op, past, a, as, b, bs, out, n);
}

// A result that takes its operand's place is in the caches anyway.
template <class T>
bool past_caches(std::span<T> out, const T* a, const T* b) {
  return static_cast<int64_t>(out.size_bytes()) >= beyond_caches && out.data() != a && out.data() != b;
}

template <class T>
void binary_flat(Binary op, std::span<const T> a, std::span<const T> b, std::span<T> out) {
  apply_isa_limit();
  const int64_t as = a.size() == out.size() ? 1 : 0;
  const int64_t bs = b.size() == out.size() ? 1 : 0;
  const bool past = past_caches(out, a.data(), b.data());
  parallel_for(static_cast<int64_t>(out.size()), elementwise_grain, [&](int64_t begin, int64_t end) {
    binary_piece(op, past, a.data() + begin * as, as, b.data() + begin * bs, bs, out.data() + begin, end - begin);
  });
}

// Both operands as strides over the output's axes, neighbouring axes merged where both allow it.
struct Walk {
  std::array<int64_t, Shape::max_rank> size{}, a{}, b{};
  int axes = 0;
};

Walk plan(const Shape& a, const Shape& b, const Shape& out) {
  Walk walk;
  int64_t a_stride = 1, b_stride = 1;
  for (int i = 1; i <= out.rank(); ++i) {  // from the last axis outwards; index 0 of `walk` is the innermost
    const int64_t an = i <= a.rank() ? a[-i] : 1;
    const int64_t bn = i <= b.rank() ? b[-i] : 1;
    const int64_t n = out[-i];
    if (n != 1) {
      const int64_t as = an == 1 ? 0 : a_stride;
      const int64_t bs = bn == 1 ? 0 : b_stride;
      const auto last = static_cast<size_t>(walk.axes - 1);
      if (walk.axes > 0 && as == walk.a[last] * walk.size[last] && bs == walk.b[last] * walk.size[last]) {
        walk.size[last] *= n;
      } else {
        const auto at = static_cast<size_t>(walk.axes++);
        walk.size[at] = n, walk.a[at] = as, walk.b[at] = bs;
      }
    }
    a_stride *= an, b_stride *= bn;
  }
  return walk;
}

template <class T>
void binary_broadcast(Binary op, std::span<const T> a, const Shape& a_shape, std::span<const T> b, const Shape& b_shape,
                      std::span<T> out, const Shape& out_shape) {
  if (out.empty()) return;
  apply_isa_limit();
  const Walk walk = plan(a_shape, b_shape, out_shape);
  if (walk.axes <= 1) return binary_flat(op, a, b, out);
  const int64_t inner = walk.size[0];
  const int64_t lines = static_cast<int64_t>(out.size()) / inner;
  const bool past = inner >= 1024 && past_caches(out, a.data(), b.data());  // short lines meet in the middle of vectors
  parallel_for(lines, std::max<int64_t>(1, elementwise_grain / inner), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      int64_t a_at = 0, b_at = 0, rest = line;
      for (int axis = 1; axis < walk.axes; ++axis) {
        const auto i = static_cast<size_t>(axis);
        a_at += rest % walk.size[i] * walk.a[i];
        b_at += rest % walk.size[i] * walk.b[i];
        rest /= walk.size[i];
      }
      binary_piece(op, past, a.data() + a_at, walk.a[0], b.data() + b_at, walk.b[0], out.data() + line * inner, inner);
    }
  });
}

template <class T>
void unary_flat(Unary op, double parameter, std::span<const T> x, std::span<T> y) {
  apply_isa_limit();
  const bool past = past_caches(y, x.data(), x.data());
  parallel_for(static_cast<int64_t>(y.size()), elementwise_grain, [&](int64_t begin, int64_t end) {
    unary_piece(op, parameter, past, x.data() + begin, y.data() + begin, end - begin);
  });
}

template <class T>
void grad_flat(Unary op, double parameter, std::span<const T> x, std::span<const T> g, std::span<T> gx) {
  apply_isa_limit();
  const bool past = past_caches(gx, x.data(), g.data());
  parallel_for(static_cast<int64_t>(gx.size()), elementwise_grain, [&](int64_t begin, int64_t end) {
    grad_piece(op, parameter, past, x.data() + begin, g.data() + begin, gx.data() + begin, end - begin);
  });
}

}  // namespace

void binary(Binary op, std::span<const float> a, std::span<const float> b, std::span<float> out) {
  binary_flat(op, a, b, out);
}
void binary(Binary op, std::span<const double> a, std::span<const double> b, std::span<double> out) {
  binary_flat(op, a, b, out);
}
void binary(Binary op, std::span<const BFloat16> a, std::span<const BFloat16> b, std::span<BFloat16> out) {
  binary_flat(op, a, b, out);
}
void binary(Binary op, std::span<const float> a, const Shape& a_shape, std::span<const float> b, const Shape& b_shape,
            std::span<float> out, const Shape& out_shape) {
  binary_broadcast(op, a, a_shape, b, b_shape, out, out_shape);
}
void binary(Binary op, std::span<const double> a, const Shape& a_shape, std::span<const double> b, const Shape& b_shape,
            std::span<double> out, const Shape& out_shape) {
  binary_broadcast(op, a, a_shape, b, b_shape, out, out_shape);
}
void unary(Unary op, double parameter, std::span<const float> x, std::span<float> y) {
  unary_flat(op, parameter, x, y);
}
void unary(Unary op, double parameter, std::span<const double> x, std::span<double> y) {
  unary_flat(op, parameter, x, y);
}
void unary(Unary op, double parameter, std::span<const BFloat16> x, std::span<BFloat16> y) {
  unary_flat(op, parameter, x, y);
}
void unary_grad(Unary op, double parameter, std::span<const float> x, std::span<const float> g, std::span<float> gx) {
  grad_flat(op, parameter, x, g, gx);
}
void unary_grad(Unary op, double parameter, std::span<const double> x, std::span<const double> g,
                std::span<double> gx) {
  grad_flat(op, parameter, x, g, gx);
}
void unary_grad(Unary op, double parameter, std::span<const BFloat16> x, std::span<const BFloat16> g,
                std::span<BFloat16> gx) {
  grad_flat(op, parameter, x, g, gx);
}

}  // namespace tandem::kernels
#endif
