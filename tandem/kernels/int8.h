// Products of 8-bit integers: numbers go in and come out as float, sums are exact.
#pragma once
#include <tandem/base/memory.h>
#include <tandem/kernels/conv.h>

#include <vector>

namespace tandem::kernels {

/// Inputs are 0 … 127: without the instruction for it (VNNI), processors add two products of 8 bits in 16, which hold
/// 2 * 127 * 127 but not 2 * 255 * 127. So sums are the same everywhere.
inline constexpr int32_t int8_most = 127;
/// Products that a sum may have: so many of 127 * 127 fit into 32 bits.
inline constexpr int64_t int8_longest = 133'000;

/// What the integers stand for: x = input_scale * (q - input_zero) with q in 0 … 127, w = scale[o] * integer for
/// output o.
struct Int8Scales {
  float input_scale = 1;
  int32_t input_zero = 0;
  std::span<const float> scale, bias;  // one an output; bias may be empty
};

/// A weight of int8 (outputs x numbers each) as the functions below take it: what does not depend on the input is
/// worked out once.
struct Int8Weight {
  const int8_t* values = nullptr;  // not owned
  Block laid_out;                  // of a convolution: for inputs of height x width
  int64_t height = 0, width = 0;
  float inverse_scale = 1;  // of the input
  int32_t zero = 0;
  std::vector<float> scale, bias;  // y = scale * (sum - shift) + bias
  std::vector<int32_t> shift;      // input_zero * sum of the weights
};

[[nodiscard]] Int8Weight int8_weight(std::span<const int8_t> weight, const Int8Scales& scales);
/// … of a convolution: `s` without groups.
[[nodiscard]] Int8Weight int8_weight(const ConvShape& s, std::span<const int8_t> weight, const Int8Scales& scales);

/// q = x / scale + zero, rounded to the nearest and cut to 0 … 127; NaN becomes 0.
void quantise(std::span<const float> x, float inverse_scale, int32_t zero, std::span<uint8_t> q);

/// y (m x n) = x (m x k) · weightᵀ + bias, cut at 0 from below where `relu`. k is at most int8_longest.
void int8_linear(int64_t m, int64_t n, int64_t k, std::span<const float> x, const Int8Weight& weight, bool relu,
                 std::span<float> y);
/// y = conv(x, weight) + bias (+ added), likewise. The weight is that of this height and width. Contract as in conv.h;
/// `added` is empty or has y's size.
void int8_conv2d(const ConvShape& s, std::span<const float> x, const Int8Weight& weight, std::span<const float> added,
                 bool relu, std::span<float> y);

}  // namespace tandem::kernels
