// Between the types that numbers are stored in.
#pragma once
#include <tandem/tensor/tensor.h>

namespace tandem {

/// x in another floating type, rounded to the nearest; x itself when it has it already. The gradient comes back in x's.
[[nodiscard]] Tensor cast(const Tensor& x, DType type);

/// x in float32 when it is stored as bfloat16, else x itself: an operation that has no kernel for bfloat16 starts with
/// it and gives float32.
[[nodiscard]] Tensor widened(const Tensor& x);

}  // namespace tandem
