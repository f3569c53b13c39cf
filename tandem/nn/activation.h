// Layers without parameters: activations and flatten.
#pragma once
#include <tandem/nn/module.h>
#include <tandem/ops/activation.h>
#include <tandem/ops/shape.h>

namespace tandem::nn {

/// A function of each element, by name.
template <const char* Name, Tensor (*Function)(const Tensor&), kernels::Unary Kernel>
struct Activation : Layer<Activation<Name, Function, Kernel>> {
  [[nodiscard]] std::string kind() const override { return Name; }
  [[nodiscard]] std::optional<kernels::Unary> function() const override { return Kernel; }
  [[nodiscard]] Tensor forward(const Tensor& x, Pass&) override { return Function(x); }
};

namespace names {
inline constexpr char relu[] = "relu", sigmoid[] = "sigmoid", tanh[] = "tanh", gelu[] = "gelu",
                      gelu_tanh[] = "gelu_tanh", silu[] = "silu";
}
using ReLU = Activation<names::relu, tandem::relu, kernels::Unary::relu>;
using Sigmoid = Activation<names::sigmoid, tandem::sigmoid, kernels::Unary::sigmoid>;
using Tanh = Activation<names::tanh, tandem::tanh, kernels::Unary::tanh>;
using GELU = Activation<names::gelu, tandem::gelu, kernels::Unary::gelu>;
using GELUTanh = Activation<names::gelu_tanh, tandem::gelu_tanh, kernels::Unary::gelu_tanh>;
using SiLU = Activation<names::silu, tandem::silu, kernels::Unary::silu>;

struct LeakyReLU : Layer<LeakyReLU> {
  double slope = 0.01;
  [[nodiscard]] std::string kind() const override { return "leaky_relu"; }
  void fields(Fields& f) override { f("slope", slope, {0, 1}); }
  [[nodiscard]] Tensor forward(const Tensor& x, Pass&) override { return leaky_relu(x, slope); }
};

/// Over the last axis. A classifier does not need it: its loss takes logits.
struct Softmax : Layer<Softmax> {
  [[nodiscard]] std::string kind() const override { return "softmax"; }
  [[nodiscard]] Tensor forward(const Tensor& x, Pass&) override { return softmax(x, -1); }
};

/// All axes but the batch's become one: (height, width, channels) -> (height * width * channels).
struct Flatten : Layer<Flatten> {
  [[nodiscard]] std::string kind() const override { return "flatten"; }
  Shape build(const Shape& in, Build&) override { return {in.numel()}; }
  [[nodiscard]] Tensor forward(const Tensor& x, Pass&) override {
    return reshape(x, {x.size(0), x.shape().product(1, x.rank())});
  }
};

}  // namespace tandem::nn
