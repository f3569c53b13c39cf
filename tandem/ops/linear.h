// Matrix products.
#pragma once
#include <tandem/kernels/elementwise.h>
#include <tandem/tensor/tensor.h>

#include <atomic>
#include <optional>

namespace tandem {

/// (m, k) · (k, n) -> (m, n); a leading batch axis of equal size may stand on both: (b, m, k) · (b, k, n).
[[nodiscard]] Tensor matmul(const Tensor& a, const Tensor& b);

/// f((..., in) · (out, in)ᵀ + (out)) -> (..., out); `bias` and f may be none. f is a function whose gradient reads its
/// own result: relu, sigmoid, tanh. An x in bfloat16 is widened first. With `bf16` the operands of its products, those
/// of the gradients too, are rounded to bfloat16; sums and results are float32.
[[nodiscard]] Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias,
                            std::optional<kernels::Unary> f = std::nullopt, bool bf16 = false);

/// A linear layer for prediction. Few examples at a time take as long as the weight takes to come from a farther cache:
/// every other call goes through it backwards and begins with what the last one left in the nearer.
struct PreparedLinear {
  Tensor weight, bias;
  mutable std::atomic<uint32_t> calls = 0;
};
/// The same as linear() of its weight and bias, without a gradient.
[[nodiscard]] Tensor linear(const Tensor& x, const PreparedLinear& prepared,
                            std::optional<kernels::Unary> f = std::nullopt);

/// Rows of a table (n, d) for int32 or int64 indices of any shape -> (..., d); an index out of range throws. The
/// gradient of an entry sums its rows in their order.
[[nodiscard]] Tensor embedding(const Tensor& table, const Tensor& indices);

}  // namespace tandem
