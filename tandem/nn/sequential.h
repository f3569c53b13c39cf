// Layers one after another, and the residual block.
#pragma once
#include <tandem/nn/module.h>

#include <concepts>

namespace tandem::nn {

/// Layers in order; parts are named 0.weight, 0.bias, 1.weight, … as in PyTorch.
class Sequential : public Module {
 public:
  Sequential() = default;
  /// nn::Sequential{nn::Conv2d{32, 3}, nn::ReLU{}, nn::Flatten{}, nn::Linear{10}}
  template <std::derived_from<Module>... Layers>
  requires(sizeof...(Layers) > 0 && (!std::same_as<Layers, Sequential> && ...)) explicit Sequential(Layers... layers) {
    (add(std::make_unique<Layers>(std::move(layers))), ...);
  }
  Sequential(const Sequential& other);
  Sequential& operator=(const Sequential& other);
  Sequential(Sequential&&) noexcept = default;
  Sequential& operator=(Sequential&&) noexcept = default;

  void add(std::unique_ptr<Module> layer) { layers_.push_back(std::move(layer)); }
  [[nodiscard]] bool empty() const { return layers_.empty(); }
  [[nodiscard]] const std::vector<std::unique_ptr<Module>>& layers() const { return layers_; }

  /// A list of layers as in a recipe's `network:`; an unknown layer or key is refused with the nearest valid name.
  [[nodiscard]] static Sequential read(const Config& list);
  [[nodiscard]] Config write() const;

  [[nodiscard]] std::string kind() const override { return "sequential"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  [[nodiscard]] Tensor forward_then(kernels::Unary f, const Tensor& x, Pass& pass, const Tensor& added) override;
  [[nodiscard]] bool holds_layers() const override { return true; }
  void visit(const std::string& at, const Visitor& v) override;
  [[nodiscard]] int64_t multiply_adds(const Shape& in) const override;
  [[nodiscard]] std::unique_ptr<Module> clone() const override { return std::make_unique<Sequential>(*this); }

  /// What layers [first, last) make of `x`, the output of layer first - 1: a network may be looked into half way.
  [[nodiscard]] Tensor forward_part(size_t first, size_t last, const Tensor& x, Pass& pass) const;
  /// The last layer with trained numbers, a batch norm counting to the layer before it. What comes before it turns
  /// inputs into features, it turns features into an answer. 0 when there is none.
  [[nodiscard]] size_t head() const;

  /// The output of each layer for one example, from the last build().
  [[nodiscard]] const std::vector<Shape>& shapes() const { return shapes_; }

 private:
  std::vector<std::unique_ptr<Module>> layers_;
  std::vector<Shape> shapes_;
};

/// y = body(x) + shortcut(x); an empty shortcut is the identity. Both must give one shape.
struct Residual : Layer<Residual> {
  Sequential body, shortcut;
  [[nodiscard]] std::string kind() const override { return "residual"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  [[nodiscard]] Tensor forward_then(kernels::Unary f, const Tensor& x, Pass& pass, const Tensor& added) override;
  [[nodiscard]] bool holds_layers() const override { return true; }
  void visit(const std::string& at, const Visitor& v) override;
  [[nodiscard]] int64_t multiply_adds(const Shape& in) const override;
};

}  // namespace tandem::nn
