// Axes in another order.
#pragma once
#include <tandem/base/shape.h>

#include <cstddef>
#include <span>

namespace tandem::kernels {

/// Axis i of the result is axis order[i] of `from`, which has `shape`; both are row-major arrays of items of `item`
/// bytes (1, 2, 4 or 8) and do not overlap. `order` names each axis once.
void permute(size_t item, const Shape& shape, std::span<const int> order, const void* from, void* to);

}  // namespace tandem::kernels
