// Element by element: y = f(x), z = f(x, y), and their gradients. Highway vectors for float and double alike, on the
// instruction set chosen at run time; threads above elementwise_grain elements.
//
// Contract: spans of equal length (or length 1 where said); an output may be the same memory as an input of the same
// length, but not overlap it otherwise; empty spans are fine; nothing is allocated.
#pragma once
#include <tandem/tensor/shape.h>

#include <cstdint>
#include <span>

namespace tandem::kernels {

enum class Binary : uint8_t { add, sub, mul, div, max, min };

enum class Unary : uint8_t {
  neg, exp, log, sqrt, abs, square, reciprocal, relu, leaky_relu, sigmoid, tanh, gelu, gelu_tanh, silu, softplus,
  scale  // y = parameter * x
};

/// out[i] = a[i] op b[i]; a or b may have length 1 and is then repeated.
void binary(Binary op, std::span<const float> a, std::span<const float> b, std::span<float> out);
void binary(Binary op, std::span<const double> a, std::span<const double> b, std::span<double> out);

/// The same with NumPy's broadcasting: shapes are aligned at the last axis, an axis of size 1 is repeated.
/// `out_shape` is the broadcast shape.
void binary(Binary op, std::span<const float> a, const Shape& a_shape, std::span<const float> b, const Shape& b_shape,
            std::span<float> out, const Shape& out_shape);
void binary(Binary op, std::span<const double> a, const Shape& a_shape, std::span<const double> b,
            const Shape& b_shape, std::span<double> out, const Shape& out_shape);

/// y[i] = f(x[i]); `parameter` is leaky_relu's slope and scale's factor.
void unary(Unary op, double parameter, std::span<const float> x, std::span<float> y);
void unary(Unary op, double parameter, std::span<const double> x, std::span<double> y);

/// gx[i] = f'(x[i]) * g[i]. `y` is the forward result; which of x and y is read: see unary_grad_reads_output.
void unary_grad(Unary op, double parameter, std::span<const float> x_or_y, std::span<const float> g,
                std::span<float> gx);
void unary_grad(Unary op, double parameter, std::span<const double> x_or_y, std::span<const double> g,
                std::span<double> gx);

/// Whether unary_grad takes the forward result y (true) or the input x (false) as its first span.
[[nodiscard]] constexpr bool unary_grad_reads_output(Unary op) noexcept {
  return op == Unary::exp || op == Unary::sqrt || op == Unary::reciprocal || op == Unary::relu ||
         op == Unary::sigmoid || op == Unary::tanh;
}

}  // namespace tandem::kernels
