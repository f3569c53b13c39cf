// Pictures of another size.
#pragma once
#include <tandem/tensor/tensor.h>

namespace tandem::data {

/// uint8 (H, W, C) to (height, width, C): a triangle filter, as wide as a source pixel when growing (bilinear) and as a
/// target pixel when shrinking (every source pixel counts, nothing flickers). Throws when a size is below 1.
[[nodiscard]] Tensor resize(const Tensor& image, int64_t height, int64_t width);

}  // namespace tandem::data
