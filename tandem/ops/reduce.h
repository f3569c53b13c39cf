// Sums, means and extremes.
#pragma once
#include <tandem/tensor/tensor.h>

namespace tandem {

/// Over all elements, giving a shape without axes. The mean of nothing throws.
[[nodiscard]] Tensor sum(const Tensor& x);
[[nodiscard]] Tensor mean(const Tensor& x);
/// Over one axis, which is dropped, or kept with size 1.
[[nodiscard]] Tensor sum(const Tensor& x, int axis, bool keep = false);
[[nodiscard]] Tensor mean(const Tensor& x, int axis, bool keep = false);
/// The extreme over one axis; its gradient goes to all elements that reach it, in equal parts. Throws on an empty axis.
[[nodiscard]] Tensor max(const Tensor& x, int axis, bool keep = false);
[[nodiscard]] Tensor min(const Tensor& x, int axis, bool keep = false);
/// int64 position of the first largest element along an axis. No gradient.
[[nodiscard]] Tensor arg_max(const Tensor& x, int axis = -1);

}  // namespace tandem
