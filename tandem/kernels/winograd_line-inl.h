// Winograd's transforms of one line: Edge outputs of a filter of three taps from Edge + 2 inputs, by as many products
// (Toom's and Cook's product of two polynomials, read from behind). Applied to columns, then to rows. Included once for
// each instruction set, as Highway's own -inl.h files are.
#if defined(TANDEM_KERNELS_WINOGRAD_LINE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TANDEM_KERNELS_WINOGRAD_LINE_INL_H
#undef TANDEM_KERNELS_WINOGRAD_LINE_INL_H
#else
#define TANDEM_KERNELS_WINOGRAD_LINE_INL_H
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using LineTag = hn::CappedTag<float, 16>;
using LineVector = hn::Vec<LineTag>;

/// input: Bᵀ x; weight: G w; output: Aᵀ m, where m is the product of both. weight_grad: Gᵀ u; output_grad: A g.
template <int Edge>
struct Line;

/// The points 0, 1, -1 and infinity.
template <>
struct Line<2> {
  using V = LineVector;
  static HWY_INLINE void input(const V (&x)[4], V (&v)[4]) {
    v[0] = hn::Sub(x[0], x[2]), v[1] = hn::Add(x[1], x[2]);
    v[2] = hn::Sub(x[2], x[1]), v[3] = hn::Sub(x[1], x[3]);
  }
  static HWY_INLINE void weight(const V (&w)[3], V (&u)[4]) {
    const V half = hn::Set(LineTag(), 0.5F);
    const V ends = hn::Mul(half, hn::Add(w[0], w[2])), middle = hn::Mul(half, w[1]);
    u[0] = w[0], u[1] = hn::Add(ends, middle), u[2] = hn::Sub(ends, middle), u[3] = w[2];
  }
  static HWY_INLINE void weight_grad(const V (&u)[4], V (&w)[3]) {
    const V half = hn::Set(LineTag(), 0.5F), both = hn::Mul(half, hn::Add(u[1], u[2]));
    w[0] = hn::Add(u[0], both), w[1] = hn::Mul(half, hn::Sub(u[1], u[2])), w[2] = hn::Add(both, u[3]);
  }
  static HWY_INLINE void output(const V (&m)[4], V (&y)[2]) {
    y[0] = hn::Add(m[0], hn::Add(m[1], m[2])), y[1] = hn::Sub(hn::Sub(m[1], m[2]), m[3]);
  }
  static HWY_INLINE void output_grad(const V (&g)[2], V (&m)[4]) {
    m[0] = g[0], m[1] = hn::Add(g[0], g[1]), m[2] = hn::Sub(g[0], g[1]), m[3] = hn::Neg(g[1]);
  }
};

/// The points 0, a, -a, b, -b and infinity. With 5/8 and 3/2 the largest error of a sum over 64 to 256 channels is a
/// third of that with 1 and 2, which are most often taken; the squares are exact.
template <>
struct Line<4> {
  using V = LineVector;
  static constexpr float a = 0.625F, b = 1.5F, aa = a * a, bb = b * b;
  static constexpr float at_0 = 1 / (aa * bb), at_a = 1 / (2 * aa * (aa - bb)), at_b = 1 / (2 * bb * (bb - aa));
  static HWY_INLINE V times(float factor, V x) { return hn::Mul(hn::Set(LineTag(), factor), x); }
  static HWY_INLINE V plus(V sum, float factor, V x) { return hn::MulAdd(hn::Set(LineTag(), factor), x, sum); }

  static HWY_INLINE void input(const V (&x)[6], V (&v)[6]) {
    v[0] = plus(plus(x[4], aa * bb, x[0]), -(aa + bb), x[2]);
    v[5] = plus(plus(x[5], aa * bb, x[1]), -(aa + bb), x[3]);
    const V even_a = plus(x[4], -bb, x[2]), odd_a = times(a, plus(x[3], -bb, x[1]));
    v[1] = hn::Add(even_a, odd_a), v[2] = hn::Sub(even_a, odd_a);
    const V even_b = plus(x[4], -aa, x[2]), odd_b = times(b, plus(x[3], -aa, x[1]));
    v[3] = hn::Add(even_b, odd_b), v[4] = hn::Sub(even_b, odd_b);
  }
  static HWY_INLINE void weight(const V (&w)[3], V (&u)[6]) {
    const V even_a = times(at_a, plus(w[0], aa, w[2])), odd_a = times(at_a * a, w[1]);
    const V even_b = times(at_b, plus(w[0], bb, w[2])), odd_b = times(at_b * b, w[1]);
    u[0] = times(at_0, w[0]), u[5] = w[2];
    u[1] = hn::Add(even_a, odd_a), u[2] = hn::Sub(even_a, odd_a);
    u[3] = hn::Add(even_b, odd_b), u[4] = hn::Sub(even_b, odd_b);
  }
  static HWY_INLINE void weight_grad(const V (&u)[6], V (&w)[3]) {
    const V sum_a = hn::Add(u[1], u[2]), sum_b = hn::Add(u[3], u[4]);
    w[0] = plus(plus(times(at_0, u[0]), at_a, sum_a), at_b, sum_b);
    w[1] = plus(times(at_a * a, hn::Sub(u[1], u[2])), at_b * b, hn::Sub(u[3], u[4]));
    w[2] = plus(plus(u[5], at_a * aa, sum_a), at_b * bb, sum_b);
  }
  static HWY_INLINE void output(const V (&m)[6], V (&y)[4]) {
    const V sum_a = hn::Add(m[1], m[2]), sum_b = hn::Add(m[3], m[4]);
    const V difference_a = hn::Sub(m[1], m[2]), difference_b = hn::Sub(m[3], m[4]);
    y[0] = hn::Add(m[0], hn::Add(sum_a, sum_b));
    y[1] = plus(times(a, difference_a), b, difference_b);
    y[2] = plus(times(aa, sum_a), bb, sum_b);
    y[3] = plus(plus(m[5], aa * a, difference_a), bb * b, difference_b);
  }
  static HWY_INLINE void output_grad(const V (&g)[4], V (&m)[6]) {
    const V even_a = plus(g[0], aa, g[2]), odd_a = times(a, plus(g[1], aa, g[3]));
    const V even_b = plus(g[0], bb, g[2]), odd_b = times(b, plus(g[1], bb, g[3]));
    m[0] = g[0], m[5] = g[3];
    m[1] = hn::Add(even_a, odd_a), m[2] = hn::Sub(even_a, odd_a);
    m[3] = hn::Add(even_b, odd_b), m[4] = hn::Sub(even_b, odd_b);
  }
};

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
