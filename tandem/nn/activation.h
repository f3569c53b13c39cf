// Layers without parameters: activations and flatten.
#pragma once
#include <tandem/nn/module.h>
#include <tandem/ops/activation.h>
#include <tandem/ops/shape.h>

namespace tandem::nn {

/// A function of each element, by name.
template <const char* Name, Tensor (*Function)(const Tensor&)>
struct Activation : Layer<Activation<Name, Function>> {
  [[nodiscard]] std::string kind() const override { return Name; }
  [[nodiscard]] Tensor forward(const Tensor& x, Pass&) override { return Function(x); }
};

namespace names {
inline constexpr char relu[] = "relu", sigmoid[] = "sigmoid", tanh[] = "tanh", gelu[] = "gelu",
                      gelu_tanh[] = "gelu_tanh", silu[] = "silu";
}
using ReLU = Activation<names::relu, tandem::relu>;
using Sigmoid = Activation<names::sigmoid, tandem::sigmoid>;
using Tanh = Activation<names::tanh, tandem::tanh>;
using GELU = Activation<names::gelu, tandem::gelu>;
using GELUTanh = Activation<names::gelu_tanh, tandem::gelu_tanh>;
using SiLU = Activation<names::silu, tandem::silu>;

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
