// + - * / with NumPy's broadcasting, and elementary functions. float32 and float64; gradients for all.
#pragma once
#include <tandem/tensor/tensor.h>

namespace tandem {

/// Shapes are aligned at their last axes; sizes must be equal or 1. Throws with both shapes otherwise. + of two
/// bfloat16 of one shape gives bfloat16, of one with float32 or another shape float32; the others do not take bfloat16.
[[nodiscard]] Tensor operator+(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor operator-(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor operator*(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor operator/(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor maximum(const Tensor& a, const Tensor& b);  // where both are equal each gets half the gradient
[[nodiscard]] Tensor minimum(const Tensor& a, const Tensor& b);

[[nodiscard]] Tensor operator+(const Tensor& a, double b);
[[nodiscard]] Tensor operator-(const Tensor& a, double b);
[[nodiscard]] Tensor operator*(const Tensor& a, double b);
[[nodiscard]] Tensor operator/(const Tensor& a, double b);
[[nodiscard]] inline Tensor operator+(double a, const Tensor& b) { return b + a; }
[[nodiscard]] inline Tensor operator*(double a, const Tensor& b) { return b * a; }
[[nodiscard]] Tensor operator-(double a, const Tensor& b);
[[nodiscard]] Tensor operator/(double a, const Tensor& b);
[[nodiscard]] Tensor operator-(const Tensor& x);

[[nodiscard]] Tensor exp(const Tensor& x);
[[nodiscard]] Tensor log(const Tensor& x);
[[nodiscard]] Tensor sqrt(const Tensor& x);
[[nodiscard]] Tensor abs(const Tensor& x);
[[nodiscard]] Tensor square(const Tensor& x);
[[nodiscard]] Tensor reciprocal(const Tensor& x);

/// The shape that two operands broadcast to; throws, naming `where`, when they do not fit.
[[nodiscard]] Shape broadcast_shape(std::string_view where, const Shape& a, const Shape& b);
/// Sums `x` down to a shape that was broadcast to x's: the gradient of broadcasting. Not on the tape.
[[nodiscard]] Tensor sum_to(const Tensor& x, const Shape& shape);

}  // namespace tandem
