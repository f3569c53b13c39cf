// The one operation behind every function of a single tensor, element by element.
#pragma once
#include <tandem/kernels/elementwise.h>
#include <tandem/tensor/tensor.h>

namespace tandem {

/// y = f(x); keeps x or y for the gradient, whichever f' is written in.
[[nodiscard]] Tensor elementwise(const char* name, kernels::Unary op, const Tensor& x, double parameter = 0);

}  // namespace tandem
