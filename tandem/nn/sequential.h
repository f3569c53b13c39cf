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
  void visit(const std::string& at, const Visitor& v) override;
  [[nodiscard]] int64_t multiply_adds(const Shape& in) const override;
  [[nodiscard]] std::unique_ptr<Module> clone() const override { return std::make_unique<Sequential>(*this); }

  /// The output of each layer for one example, from the last build().
  [[nodiscard]] const std::vector<Shape>& shapes() const { return shapes_; }

 private:
  [[nodiscard]] Tensor run(size_t count, const Tensor& x, Pass& pass) const;

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
  void visit(const std::string& at, const Visitor& v) override;
  [[nodiscard]] int64_t multiply_adds(const Shape& in) const override;
};

}  // namespace tandem::nn
