// One step of an optimiser over one parameter's memory, in a single pass.
#pragma once
#include <cstdint>
#include <span>

namespace tandem::kernels {

// Contract: all spans have the parameter's length; `g` is read only; state spans start as zeros.

struct SgdStep {
  float lr = 0, momentum = 0, weight_decay = 0;  // weight_decay is L2: it is added to the gradient
  bool nesterov = false;
};
/// v = momentum v + g; p -= lr v (Sutskever et al. 2013, in PyTorch's form). `v` may be empty when momentum is 0.
void sgd(const SgdStep& s, std::span<const float> g, std::span<float> v, std::span<float> p);

struct AdamStep {
  double beta1 = 0.9, beta2 = 0.999;  // double: 1 - 0.999F is wrong by 1e-5
  float lr = 0, epsilon = 1e-8F;
  float l2 = 0, decay = 0;                 // l2 is added to the gradient; decay shrinks p by lr * decay (AdamW)
  float correction1 = 1, correction2 = 1;  // 1 - beta^t
};
/// Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019).
void adam(const AdamStep& s, std::span<const float> g, std::span<float> m, std::span<float> v, std::span<float> p);

struct RmspropStep {
  double alpha = 0.99;
  float lr = 0, epsilon = 1e-8F, momentum = 0, weight_decay = 0;
};
/// v = alpha v + (1 - alpha) g^2; p -= lr g / (sqrt(v) + epsilon), with a momentum buffer `b` (may be empty).
void rmsprop(const RmspropStep& s, std::span<const float> g, std::span<float> v, std::span<float> b,
             std::span<float> p);

/// Sum of squares, in double, over fixed pieces.
[[nodiscard]] double sum_of_squares(std::span<const float> x);

}  // namespace tandem::kernels
