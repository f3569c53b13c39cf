// Matrix products without a gradient, of which operations and their gradients are made.
#pragma once
#include <tandem/tensor/tensor.h>

namespace tandem {

/// op(a) · op(b) (+ bias on every row) of matrices that fit, or of each pair of a batch; `backwards` as in MatmulShape.
/// Operands in bfloat16 give float32, and have their bias in it.
[[nodiscard]] Tensor product(const Tensor& a, bool ta, const Tensor& b, bool tb, const Tensor& bias = {},
                             bool backwards = false);

/// (rows, columns) -> (columns): how a bias gets its gradient.
[[nodiscard]] Tensor column_sum(const Tensor& x);

}  // namespace tandem
