// Other shapes of the same numbers, with gradients.
#pragma once
#include <tandem/tensor/tensor.h>

namespace tandem {

/// The same memory under another shape; one size may be -1 and is inferred.
[[nodiscard]] Tensor reshape(const Tensor& x, std::span<const int64_t> sizes);
[[nodiscard]] inline Tensor reshape(const Tensor& x, std::initializer_list<int64_t> sizes) {
  return reshape(x, std::span(sizes.begin(), sizes.size()));
}
/// Axes reordered: axis i of the result is axis order[i] of x.
[[nodiscard]] Tensor permute(const Tensor& x, const std::vector<int>& order);
/// Part [first, last) of one axis.
[[nodiscard]] Tensor slice(const Tensor& x, int axis, int64_t first, int64_t last);
/// Joined along one axis; all other sizes must agree.
[[nodiscard]] Tensor concat(const std::vector<Tensor>& parts, int axis);

}  // namespace tandem
