// Exponentials and what is made of them, in vectors: shorter than Highway's where a float is wanted, and right at the
// edges. For double, which is for checking only, they are Highway's. Included once for each instruction set, as
// Highway's own -inl.h files are.
#if defined(TANDEM_KERNELS_MATH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TANDEM_KERNELS_MATH_INL_H
#undef TANDEM_KERNELS_MATH_INL_H
#else
#define TANDEM_KERNELS_MATH_INL_H
#endif

#include <hwy/highway.h>
//
#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// c[0] + c[1] x + … + c[N-1] x^(N-1), by Horner's rule.
template <class D, size_t N>
HWY_INLINE hn::Vec<D> polynomial(D d, hn::Vec<D> x, const float (&c)[N]) {
  auto sum = hn::Set(d, c[N - 1]);
  for (size_t i = 1; i < N; ++i) sum = hn::MulAdd(sum, x, hn::Set(d, c[N - 1 - i]));
  return sum;
}

/// 2^w = fraction * 2^n for w = n + f, |f| <= 1/2: `shifted` is n + to_integer, whose last bits are the integer n.
template <class D>
struct Power {
  static constexpr float to_integer = 12582912;  // 1.5 * 2^23: adding it rounds to an integer
  hn::Vec<D> fraction, shifted;

  // A minimax fit of (2^f - 1) / f, 1e-8 off at most.
  HWY_INLINE Power(D d, hn::Vec<D> f, hn::Vec<D> n_shifted) : shifted(n_shifted) {
    static constexpr float fit[] = {
        1, 0.693147182F, 0.240226492F, 0.0555035733F, 0.00961823761F, 0.00133907353F, 0.000154035093F};
    fraction = polynomial(d, f, fit);
  }
  /// Right for n = -127 … 127, where 2^-127 counts as 0; a NaN stays.
  HWY_INLINE hn::Vec<D> small(D d) const {
    const hn::RebindToUnsigned<D> bits;
    const auto exponent = hn::Add(hn::BitCast(bits, shifted), hn::Set(bits, 127));
    return hn::Mul(fraction, hn::BitCast(d, hn::ShiftLeft<23>(exponent)));
  }
  /// Right for every w whose power is a normal number.
  HWY_INLINE hn::Vec<D> normal(D d) const {
    const hn::RebindToUnsigned<D> bits;
    return hn::BitCast(d, hn::Add(hn::BitCast(bits, fraction), hn::ShiftLeft<23>(hn::BitCast(bits, shifted))));
  }
};

/// e^x as a power of two; log2(e) in two parts, of which the first product is not rounded.
template <class D>
HWY_INLINE Power<D> power_of_e(D d, hn::Vec<D> x) {
  const auto high = hn::Set(d, 1.44269502F), low = hn::Set(d, 1.92596299e-8F);
  const auto shift = hn::Set(d, Power<D>::to_integer);
  const auto shifted = hn::MulAdd(x, high, shift);
  const auto n = hn::Sub(shifted, shift);
  return Power<D>(d, hn::MulAdd(x, low, hn::MulSub(x, high, n)), shifted);
}

/// e^x: infinity above the largest float, 0 where the result is not a normal number, NaN for NaN.
template <class D>
HWY_INLINE hn::Vec<D> exp_of(D d, hn::Vec<D> x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const auto y = hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -87.336545F)), power_of_e(d, x).normal(d));
    return hn::IfThenElse(hn::Le(x, hn::Set(d, 88.722839F)), y, hn::Add(x, hn::Inf(d)));
  } else {  // Highway's does not overflow to infinity and turns NaN into 0: beyond its range x + inf is what we want
    return hn::IfThenElse(hn::Le(x, hn::Set(d, 709.782712893384)), hn::Exp(d, x), hn::Add(x, hn::Inf(d)));
  }
}

/// e^x for x <= 0, where less can happen; NaN for NaN.
template <class D>
HWY_INLINE hn::Vec<D> exp_below_zero(D d, hn::Vec<D> x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4)
    return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -87.336545F)), power_of_e(d, x).small(d));
  else
    return hn::IfThenElse(hn::IsNaN(x), x, hn::Exp(d, x));
}

/// 1 / (1 + e^-x).
template <class D>
HWY_INLINE hn::Vec<D> sigmoid_of(D d, hn::Vec<D> x) {
  const auto one = hn::Set(d, 1);
  return hn::Div(one, hn::Add(one, exp_of(d, hn::Neg(x))));
}

/// For float x P(x^2) / Q(x^2), a fit 2.2e-8 off at most up to 9.05, where tanh is 1. An operand that may be NaN stands
/// second in Min and Max: x86 gives that one back.
template <class D>
HWY_INLINE hn::Vec<D> tanh_of(D d, hn::Vec<D> x) {
  if constexpr (sizeof(hn::TFromD<D>) == 8) {  // clamping keeps infinities right
    const auto y = hn::Tanh(d, hn::Max(hn::Set(d, -20), hn::Min(x, hn::Set(d, 20))));
    return hn::IfThenElse(hn::Eq(x, x), y, x);
  } else {
    static constexpr float p[] = {1, 0.133777186F, 0.00349166058F, 2.05444067e-05F, 1.32648903e-08F};
    static constexpr float q[] = {1, 0.467110336F, 0.0258620419F, 0.000327921007F, 7.73985334e-07F};
    const auto one = hn::Set(d, 1), least = hn::Set(d, -1);
    const auto size = hn::Max(hn::Set(d, -9.05F), hn::Min(hn::Set(d, 9.05F), x));
    const auto square = hn::Mul(size, size);
    const auto y = hn::Div(hn::Mul(size, polynomial(d, square, p)), polynomial(d, square, q));
    return hn::Max(least, hn::Min(one, y));
  }
}

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
