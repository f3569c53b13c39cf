// 3x3 convolution with stride 1 by Winograd's minimal filtering (Lavin and Gray 2016): a 2x2 tile of the output takes
// 16 products a channel where the plain sum takes 36; a 4x4 tile, where channels are many, 36 where it takes 144.
// Rounding errors are about twice those of the plain sum, of the large tiles some eight times. Highway vectors on the
// instruction set chosen at run time.
#pragma once
#include <tandem/base/bfloat16.h>
#include <tandem/base/memory.h>
#include <tandem/kernels/conv.h>

namespace tandem::kernels {

/// Whether the functions below take this shape: 3x3, stride and dilation 1, one group, channels in sixteens, padding of
/// at most 2.
[[nodiscard]] bool winograd_fits(const ConvShape& s) noexcept;

// Contract as in conv.h; n is at least 1. The rounding of a pixel does not depend on the batch around it.

void winograd_conv2d(const ConvShape& s, std::span<const float> x, std::span<const float> weight,
                     std::span<const float> bias, std::span<float> y);
/// A weight transformed once (for small tiles), for many convolutions with it and images of any size: y = (x * weight +
/// bias + added), cut at 0 from below where `relu`. bias and added may be empty.
[[nodiscard]] Block winograd_weight(const ConvShape& s, std::span<const float> weight);
void winograd_conv2d(const ConvShape& s, std::span<const float> x, const Block& weight, std::span<const float> bias,
                     std::span<const float> added, bool relu, std::span<float> y);

void winograd_grad_input(const ConvShape& s, std::span<const float> gy, std::span<const float> weight,
                         std::span<float> gx);
void winograd_grad_weight(const ConvShape& s, std::span<const float> x, std::span<const float> gy, std::span<float> gw);

// Images in bfloat16, weights in float (winograd_bf16.cpp); only where has_bf16_dot(). The transformed numbers are
// rounded to bfloat16: an error of about 2^-8 of the largest results.

void winograd_conv2d(const ConvShape& s, std::span<const BFloat16> x, std::span<const float> weight,
                     std::span<const float> bias, std::span<BFloat16> y);
void winograd_grad_input(const ConvShape& s, std::span<const BFloat16> gy, std::span<const float> weight,
                         std::span<BFloat16> gx);
void winograd_grad_weight(const ConvShape& s, std::span<const BFloat16> x, std::span<const BFloat16> gy,
                          std::span<float> gw);

}  // namespace tandem::kernels
