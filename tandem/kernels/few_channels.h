// Convolution of pictures with few channels, as the first layer of a network sees them: a direct sum over windows that
// fit into registers' reach. Highway vectors on the instruction set chosen at run time.
#pragma once
#include <tandem/kernels/conv.h>

namespace tandem::kernels {

/// Whether the function below takes this shape: windows of at most 64 numbers, outputs in sixteens, one group, no
/// dilation.
[[nodiscard]] bool few_channels_fits(const ConvShape& s) noexcept;

/// Contract as in conv.h; n is at least 1. The rounding of a pixel does not depend on the batch around it.
void few_channels_conv2d(const ConvShape& s, std::span<const float> x, std::span<const float> weight,
                         std::span<const float> bias, std::span<float> y);

}  // namespace tandem::kernels
