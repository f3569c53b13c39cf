// Activation functions.
#pragma once
#include <tandem/tensor/tensor.h>

namespace tandem {

[[nodiscard]] Tensor relu(const Tensor& x);
[[nodiscard]] Tensor leaky_relu(const Tensor& x, double slope = 0.01);
[[nodiscard]] Tensor sigmoid(const Tensor& x);
[[nodiscard]] Tensor tanh(const Tensor& x);
[[nodiscard]] Tensor gelu(const Tensor& x);       // x * Phi(x), exact form
[[nodiscard]] Tensor gelu_tanh(const Tensor& x);  // its tanh approximation
[[nodiscard]] Tensor silu(const Tensor& x);       // x * sigmoid(x), also called swish
[[nodiscard]] Tensor softplus(const Tensor& x);

/// Along one axis; sums to 1, in float32 for an x in bfloat16. The maximum is subtracted first, so large inputs do not
/// overflow.
[[nodiscard]] Tensor softmax(const Tensor& x, int axis = -1);
[[nodiscard]] Tensor log_softmax(const Tensor& x, int axis = -1);

}  // namespace tandem
