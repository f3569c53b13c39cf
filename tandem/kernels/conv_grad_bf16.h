// The gradient of a convolution's weight from images in bfloat16, for processors that multiply tiles of them.
#pragma once
#include <tandem/kernels/conv.h>

namespace tandem::kernels {

/// Whether the convolution has a step of 1 and enough channels for it to be the fastest way.
[[nodiscard]] bool long_products_fit(const ConvShape& shape) noexcept;

/// gw from x and gy, as conv2d_grad_weight() gives it: sums are float.
void long_products_grad_weight(const ConvShape& shape, std::span<const BFloat16> x, std::span<const BFloat16> gy,
                               std::span<float> gw);

}  // namespace tandem::kernels
