#include <tandem/base/threads.h>
#include <tandem/kernels/elementwise.h>
#include <tandem/kernels/isa.h>

#include <array>
#include <cmath>
#include <numbers>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/kernels/elementwise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
//
#include <hwy/contrib/math/math-inl.h>
#include <tandem/kernels/storage-inl.h>

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
  TANDEM_MATH value(D d, V x, V) {
    // contrib/math's Exp does not overflow to infinity and turns NaN into 0: beyond its range x + inf is what we want.
    const V big = hn::Set(d, sizeof(hn::TFromD<D>) == 4 ? 88.722839F : 709.782712893384);
    return hn::IfThenElse(hn::Le(x, big), hn::Exp(d, x), hn::Add(x, hn::Inf(d)));
  }
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
  TANDEM_MATH value(D d, V x, V p) {
    const V one = hn::Set(d, 1);
    return hn::Div(one, hn::Add(one, Exp::value(d, hn::Neg(x), p)));
  }
  TANDEM_MATH grad(D d, V y, V g, V) { return hn::Mul(g, hn::Mul(y, hn::Sub(hn::Set(d, 1), y))); }
};
struct Tanh {
  TANDEM_MATH value(D d, V x, V) {  // beyond 20 it is 1 in double precision too; clamping keeps infinities right
    const V y = hn::Tanh(d, hn::Max(hn::Set(d, -20), hn::Min(x, hn::Set(d, 20))));
    return hn::IfThenElse(hn::Eq(x, x), y, x);
  }
  TANDEM_MATH grad(D d, V y, V g, V) { return hn::Mul(g, hn::NegMulAdd(y, y, hn::Set(d, 1))); }
};
// The normal distribution function Phi(x) = erfc(-x / sqrt 2) / 2: for float the rational Chebyshev fit of erfc of
// Press et al., Numerical Recipes, 6.2 (relative error below 1.2e-7, also far in the tail, where 1 + erf would cancel);
// for double the C library, lane by lane, since float64 is for checking only.
TANDEM_MATH Phi(D d, V x) {
  using T = hn::TFromD<D>;
  if constexpr (sizeof(T) == 8) {
    HWY_ALIGN T lanes[HWY_MAX_BYTES / sizeof(T)];
    hn::Store(x, d, lanes);
    for (size_t i = 0; i < hn::Lanes(d); ++i) lanes[i] = 0.5 * std::erfc(-lanes[i] * 0.7071067811865476);
    return hn::Load(d, lanes);
  } else {
    static constexpr T fit[] = {0.17087277F,  -0.82215223F, 1.48851587F, -1.13520398F, 0.27886807F,
                                -0.18628806F, 0.09678418F,  0.37409196F, 1.00002368F,  -1.26551223F};
    const V half = hn::Set(d, 0.5F), one = hn::Set(d, 1);
    const V size = hn::Min(hn::Abs(x), hn::Set(d, 16));  // Phi(-16) is 0 in float
    const V t =
        hn::Div(one, hn::MulAdd(Const(d, 0.35355339059327373), size, one));  // 1 / (1 + z / 2), z = |x| / sqrt 2
    V sum = hn::Set(d, fit[0]);
    for (size_t i = 1; i < 10; ++i) sum = hn::MulAdd(sum, t, hn::Set(d, fit[i]));
    const V tail = hn::Mul(hn::Mul(half, t), hn::Exp(d, hn::NegMulAdd(hn::Mul(half, size), size, sum)));
    return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(one, tail));
  }
}
struct Gelu {
  TANDEM_MATH value(D d, V x, V) { return hn::Mul(x, Phi(d, x)); }
  TANDEM_MATH grad(D d, V x, V g, V p) {  // Phi(x) + x phi(x)
    const V phi = hn::Mul(Const(d, 0.3989422804014327), Exp::value(d, hn::Mul(Const(d, -0.5), hn::Mul(x, x)), p));
    return hn::Mul(g, hn::MulAdd(x, phi, Phi(d, x)));
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

// Walks n elements, stored as S, a vector at a time; `body(d, load, store)` with a tail of fewer.
template <class S, class Fn>
HWY_INLINE void vectors(int64_t n, Fn&& body) {
  const hn::ScalableTag<Wide<S>> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    body(
        d, [&](const S* from) { return load_from(d, from + i); }, [&](auto v, S* to) { store_to(v, d, to + i); });
  if (i < n)
    body(
        d, [&](const S* from) { return load_first(d, n - i, from + i); },
        [&](auto v, S* to) { store_first(v, d, n - i, to + i); });
}

template <class F, class S>
void unary_loop(double parameter, const S* x, S* y, int64_t n) {
  const auto p = Const(hn::ScalableTag<Wide<S>>(), parameter);
  vectors<S>(n, [&](auto d, auto load, auto store) { store(F::value(d, load(x), p), y); });
}

template <class F, class S>
void grad_loop(double parameter, const S* x, const S* g, S* gx, int64_t n) {
  const auto p = Const(hn::ScalableTag<Wide<S>>(), parameter);
  vectors<S>(n, [&](auto d, auto load, auto store) { store(F::grad(d, load(x), load(g), p), gx); });
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
void unary_all(Unary op, double parameter, const S* x, S* y, int64_t n) {
  choose(op, [&](auto f) { unary_loop<decltype(f)>(parameter, x, y, n); });
}

template <class S>
void grad_all(Unary op, double parameter, const S* x, const S* g, S* gx, int64_t n) {
  choose(op, [&](auto f) { grad_loop<decltype(f)>(parameter, x, g, gx, n); });
}

// out[i] = a[i * a_step] op b[i * b_step], steps 0 or 1.
template <class S>
void binary_all(Binary op, const S* a, int64_t a_step, const S* b, int64_t b_step, S* out, int64_t n) {
  const hn::ScalableTag<Wide<S>> tag;
  const auto one = [&](const S* value) { return hn::Set(tag, static_cast<Wide<S>>(*value)); };
  const auto run = [&](auto f) {
    if (a_step && b_step)
      vectors<S>(n, [&](auto, auto load, auto store) { store(f(load(a), load(b)), out); });
    else if (a_step)
      vectors<S>(n, [&](auto, auto load, auto store) { store(f(load(a), one(b)), out); });
    else if (b_step)
      vectors<S>(n, [&](auto, auto load, auto store) { store(f(one(a), load(b)), out); });
    else
      vectors<S>(n, [&](auto, auto, auto store) { store(f(one(a), one(b)), out); });
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

void UnaryF32(Unary op, double p, const float* x, float* y, int64_t n) { unary_all(op, p, x, y, n); }
void UnaryBF16(Unary op, double p, const BFloat16* x, BFloat16* y, int64_t n) { unary_all(op, p, x, y, n); }
void UnaryF64(Unary op, double p, const double* x, double* y, int64_t n) { unary_all(op, p, x, y, n); }
void GradF32(Unary op, double p, const float* x, const float* g, float* gx, int64_t n) { grad_all(op, p, x, g, gx, n); }
void GradBF16(Unary op, double p, const BFloat16* x, const BFloat16* g, BFloat16* gx, int64_t n) {
  grad_all(op, p, x, g, gx, n);
}
void GradF64(Unary op, double p, const double* x, const double* g, double* gx, int64_t n) {
  grad_all(op, p, x, g, gx, n);
}
void BinaryF32(Binary op, const float* a, int64_t as, const float* b, int64_t bs, float* out, int64_t n) {
  binary_all(op, a, as, b, bs, out, n);
}
void BinaryBF16(Binary op, const BFloat16* a, int64_t as, const BFloat16* b, int64_t bs, BFloat16* out, int64_t n) {
  binary_all(op, a, as, b, bs, out, n);
}
void BinaryF64(Binary op, const double* a, int64_t as, const double* b, int64_t bs, double* out, int64_t n) {
  binary_all(op, a, as, b, bs, out, n);
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

void unary_piece(Unary op, double p, const float* x, float* y, int64_t n) {
  HWY_DYNAMIC_DISPATCH(UnaryF32)(op, p, x, y, n);
}
void unary_piece(Unary op, double p, const double* x, double* y, int64_t n) {
  HWY_DYNAMIC_DISPATCH(UnaryF64)(op, p, x, y, n);
}
void unary_piece(Unary op, double p, const BFloat16* x, BFloat16* y, int64_t n) {
  HWY_DYNAMIC_DISPATCH(UnaryBF16)(op, p, x, y, n);
}
void grad_piece(Unary op, double p, const float* x, const float* g, float* gx, int64_t n) {
  HWY_DYNAMIC_DISPATCH(GradF32)(op, p, x, g, gx, n);
}
void grad_piece(Unary op, double p, const double* x, const double* g, double* gx, int64_t n) {
  HWY_DYNAMIC_DISPATCH(GradF64)(op, p, x, g, gx, n);
}
void grad_piece(Unary op, double p, const BFloat16* x, const BFloat16* g, BFloat16* gx, int64_t n) {
  HWY_DYNAMIC_DISPATCH(GradBF16)(op, p, x, g, gx, n);
}
void binary_piece(Binary op, const float* a, int64_t as, const float* b, int64_t bs, float* out, int64_t n) {
  HWY_DYNAMIC_DISPATCH(BinaryF32)(op, a, as, b, bs, out, n);
}
void binary_piece(Binary op, const double* a, int64_t as, const double* b, int64_t bs, double* out, int64_t n) {
  HWY_DYNAMIC_DISPATCH(BinaryF64)(op, a, as, b, bs, out, n);
}

void binary_piece(Binary op, const BFloat16* a, int64_t as, const BFloat16* b, int64_t bs, BFloat16* out, int64_t n) {
  HWY_DYNAMIC_DISPATCH(BinaryBF16)(op, a, as, b, bs, out, n);
}

template <class T>
void binary_flat(Binary op, std::span<const T> a, std::span<const T> b, std::span<T> out) {
  apply_isa_limit();
  const int64_t as = a.size() == out.size() ? 1 : 0;
  const int64_t bs = b.size() == out.size() ? 1 : 0;
  parallel_for(static_cast<int64_t>(out.size()), elementwise_grain, [&](int64_t begin, int64_t end) {
    binary_piece(op, a.data() + begin * as, as, b.data() + begin * bs, bs, out.data() + begin, end - begin);
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
  parallel_for(lines, std::max<int64_t>(1, elementwise_grain / inner), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      int64_t a_at = 0, b_at = 0, rest = line;
      for (int axis = 1; axis < walk.axes; ++axis) {
        const auto i = static_cast<size_t>(axis);
        a_at += rest % walk.size[i] * walk.a[i];
        b_at += rest % walk.size[i] * walk.b[i];
        rest /= walk.size[i];
      }
      binary_piece(op, a.data() + a_at, walk.a[0], b.data() + b_at, walk.b[0], out.data() + line * inner, inner);
    }
  });
}

template <class T>
void unary_flat(Unary op, double parameter, std::span<const T> x, std::span<T> y) {
  apply_isa_limit();
  parallel_for(static_cast<int64_t>(y.size()), elementwise_grain, [&](int64_t begin, int64_t end) {
    unary_piece(op, parameter, x.data() + begin, y.data() + begin, end - begin);
  });
}

template <class T>
void grad_flat(Unary op, double parameter, std::span<const T> x, std::span<const T> g, std::span<T> gx) {
  apply_isa_limit();
  parallel_for(static_cast<int64_t>(gx.size()), elementwise_grain, [&](int64_t begin, int64_t end) {
    grad_piece(op, parameter, x.data() + begin, g.data() + begin, gx.data() + begin, end - begin);
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
