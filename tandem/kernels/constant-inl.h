// Numbers known when the program runs as constants of the code that uses them, for loops that must unroll. Included
// once for each instruction set, as Highway's own -inl.h files are.
#if defined(TANDEM_KERNELS_CONSTANT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TANDEM_KERNELS_CONSTANT_INL_H
#undef TANDEM_KERNELS_CONSTANT_INL_H
#else
#define TANDEM_KERNELS_CONSTANT_INL_H
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {

/// Calls fn with the constant `value`, 1 <= value <= Most.
template <int Most, class Fn>
HWY_INLINE void with_constant(int64_t value, Fn&& fn) {
  if constexpr (Most > 1)
    if (value < Most) return with_constant<Most - 1>(value, fn);
  fn(std::integral_constant<int, Most>());
}

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // TANDEM_KERNELS_CONSTANT_INL_H
