// bfloat16: the upper half of a float, for storage. It has float's range and 8 bits of precision (a relative rounding
// of at most 2^-8); arithmetic is done in float.
#pragma once
#include <bit>
#include <cstdint>

namespace tandem {

struct BFloat16 {
  uint16_t bits = 0;

  BFloat16() = default;
  /// Rounds to the nearest, to even in the middle; a NaN stays one.
  explicit constexpr BFloat16(float value) {
    const auto wide = std::bit_cast<uint32_t>(value);
    const uint32_t rounded = wide + 0x7fffU + (wide >> 16 & 1U);
    bits = static_cast<uint16_t>((value != value ? wide | 0x0040'0000U : rounded) >> 16);
  }
  explicit constexpr operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

/// The type that numbers stored as T are calculated in, and that their sums, statistics and parameters have.
template <class T>
struct wide_type {
  using type = T;
};
template <>
struct wide_type<BFloat16> {
  using type = float;
};
template <class T>
using Wide = typename wide_type<T>::type;

}  // namespace tandem
