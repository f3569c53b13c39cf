// Element by element: y = f(x), z = f(x, y), and their gradients. Highway vectors for float and double alike, on the
// instruction set chosen at run time; threads above elementwise_grain elements. bfloat16 is calculated in float and
// rounded once.
//
// Contract: spans of equal length (or length 1 where said); an output may be the same memory as an input of the same
// length, but not overlap it otherwise; empty spans are fine; nothing is allocated.
#pragma once
#include <tandem/base/bfloat16.h>
#include <tandem/base/shape.h>

#include <cstdint>
#include <span>

namespace tandem::kernels {

enum class Binary : uint8_t { add, sub, mul, div, max, min };

enum class Unary : uint8_t {
  neg,
  exp,
  log,
  sqrt,
  abs,
  square,
  reciprocal,
  relu,
  leaky_relu,
  sigmoid,
  tanh,
  gelu,
  gelu_tanh,
  silu,
  softplus,
  scale  // y = parameter * x
};

/// out[i] = a[i] op b[i]; a or b may have length 1 and is then repeated.
void binary(Binary op, std::span<const float> a, std::span<const float> b, std::span<float> out);
void binary(Binary op, std::span<const double> a, std::span<const double> b, std::span<double> out);
void binary(Binary op, std::span<const BFloat16> a, std::span<const BFloat16> b, std::span<BFloat16> out);

/// The same with NumPy's broadcasting: shapes are aligned at the last axis, an axis of size 1 is repeated.
/// `out_shape` is the broadcast shape.
void binary(Binary op, std::span<const float> a, const Shape& a_shape, std::span<const float> b, const Shape& b_shape,
            std::span<float> out, const Shape& out_shape);
void binary(Binary op, std::span<const double> a, const Shape& a_shape, std::span<const double> b, const Shape& b_shape,
            std::span<double> out, const Shape& out_shape);

/// y[i] = f(x[i]); `parameter` is leaky_relu's slope and scale's factor.
void unary(Unary op, double parameter, std::span<const float> x, std::span<float> y);
void unary(Unary op, double parameter, std::span<const double> x, std::span<double> y);
void unary(Unary op, double parameter, std::span<const BFloat16> x, std::span<BFloat16> y);

/// What unary_grad takes as its first span: the forward result y, the input x, or nothing that it reads (any span as
/// long as g will do).
enum class Reads : uint8_t { input, output, neither };
[[nodiscard]] constexpr Reads unary_grad_reads(Unary op) noexcept {
  switch (op) {
    case Unary::exp:
    case Unary::sqrt:
    case Unary::reciprocal:
    case Unary::relu:
    case Unary::sigmoid:
    case Unary::tanh: return Reads::output;
    case Unary::neg:
    case Unary::scale: return Reads::neither;
    default: return Reads::input;
  }
}

/// gx[i] = f'(x[i]) * g[i].
void unary_grad(Unary op, double parameter, std::span<const float> x_or_y, std::span<const float> g,
                std::span<float> gx);
void unary_grad(Unary op, double parameter, std::span<const double> x_or_y, std::span<const double> g,
                std::span<double> gx);
void unary_grad(Unary op, double parameter, std::span<const BFloat16> x_or_y, std::span<const BFloat16> g,
                std::span<BFloat16> gx);

}  // namespace tandem::kernels
