// Normalisation layers and dropout.
#pragma once
#include <tandem/nn/module.h>
#include <tandem/ops/norm.h>

namespace tandem::nn {

/// Over the batch, one mean and variance a channel (the last axis).
struct BatchNorm : Layer<BatchNorm> {
  double momentum = 0.1, epsilon = 1e-5;
  Tensor weight, bias, running_mean, running_var;  // (channels) each
  [[nodiscard]] std::string kind() const override { return "batch_norm"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  [[nodiscard]] Tensor forward_then(kernels::Unary f, const Tensor& x, Pass& pass, const Tensor& added) override;
  void visit(const std::string& at, const Visitor& v) override;

 private:
  [[nodiscard]] BatchNormParts parts(const Pass& pass) const;
};

/// Over the last axis of each position.
struct LayerNorm : Layer<LayerNorm> {
  double epsilon = 1e-5;
  Tensor weight, bias;  // (channels)
  [[nodiscard]] std::string kind() const override { return "layer_norm"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  void visit(const std::string& at, const Visitor& v) override;
};

/// Divides each position by its root mean square over the last axis.
struct RMSNorm : Layer<RMSNorm> {
  double epsilon = 1e-6;
  Tensor weight;  // (channels)
  [[nodiscard]] std::string kind() const override { return "rms_norm"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  void visit(const std::string& at, const Visitor& v) override;
};

/// Over each example's group of channels.
struct GroupNorm : Layer<GroupNorm> {
  int64_t groups = 8;
  double epsilon = 1e-5;
  Tensor weight, bias;  // (channels)
  [[nodiscard]] std::string kind() const override { return "group_norm"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  void visit(const std::string& at, const Visitor& v) override;
};

/// Drops values in training only.
struct Dropout : Layer<Dropout> {
  double probability = 0.5;
  bool locked = false;  // the same columns in all rows of a packed sequence
  Dropout() = default;
  explicit Dropout(double probability_) : probability(probability_) {}
  [[nodiscard]] std::string kind() const override { return "dropout"; }
  void fields(Fields& f) override;
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
};

}  // namespace tandem::nn
