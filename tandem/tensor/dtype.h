// Element types.
#pragma once
#include <tandem/base/bfloat16.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tandem {

/// f32 is for work, f64 for checking; integers hold data, labels and indices, i8 the weights of a quantised network.
/// bf16 stores images between the layers of a network that trains in mixed precision.
enum class DType : uint8_t { f32, f64, i32, i64, u8, i8, bf16 };

template <class T>
struct dtype_of;
template <>
struct dtype_of<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct dtype_of<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct dtype_of<BFloat16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct dtype_of<int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct dtype_of<int64_t> {
  static constexpr DType value = DType::i64;
};
template <>
struct dtype_of<uint8_t> {
  static constexpr DType value = DType::u8;
};
template <>
struct dtype_of<int8_t> {
  static constexpr DType value = DType::i8;
};
template <class T>
inline constexpr DType dtype_v = dtype_of<T>::value;

[[nodiscard]] constexpr size_t size_of(DType type) noexcept {
  switch (type) {
    case DType::f32:
    case DType::i32: return 4;
    case DType::f64:
    case DType::i64: return 8;
    case DType::bf16: return 2;
    case DType::u8:
    case DType::i8: return 1;
  }
  return 0;
}

[[nodiscard]] constexpr std::string_view name_of(DType type) noexcept {
  switch (type) {
    case DType::f32: return "float32";
    case DType::f64: return "float64";
    case DType::bf16: return "bfloat16";
    case DType::i32: return "int32";
    case DType::i64: return "int64";
    case DType::u8: return "uint8";
    case DType::i8: return "int8";
  }
  return "?";
}

}  // namespace tandem
