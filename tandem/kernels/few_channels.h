// Convolution of pictures with few channels, as the first layer of a network sees them: a direct sum over windows that
// fit into registers' reach. Highway vectors on the instruction set chosen at run time.
#pragma once
#include <tandem/base/memory.h>
#include <tandem/kernels/conv.h>

namespace tandem::kernels {

/// Whether the functions below take this shape: windows of at most 64 numbers, 16 or 32 outputs (of more oneDNN
/// makes quicker work), one group, no dilation.
[[nodiscard]] bool few_channels_fits(const ConvShape& s) noexcept;

/// Contract as in conv.h; n is at least 1. The rounding of a pixel does not depend on the batch around it.
void few_channels_conv2d(const ConvShape& s, std::span<const float> x, std::span<const float> weight,
                         std::span<const float> bias, std::span<float> y);
/// A weight laid out once, for many convolutions with it: y = x * weight + bias, cut at 0 from below where `relu`.
[[nodiscard]] Block few_channels_weight(const ConvShape& s, std::span<const float> weight);
void few_channels_conv2d(const ConvShape& s, std::span<const float> x, const Block& weight, std::span<const float> bias,
                         bool relu, std::span<float> y);

}  // namespace tandem::kernels
