// The fully connected layer.
#pragma once
#include <tandem/nn/module.h>
#include <tandem/ops/linear.h>

namespace tandem::nn {

/// y = x · weightᵀ + bias on the last axis. units 0: as many as there are classes.
struct Linear : Layer<Linear> {
  int64_t units = 0;
  int64_t inputs = 0;  // 0: inferred
  bool with_bias = true;
  Tensor weight, bias;  // (units, inputs), (units)

  Linear() = default;
  explicit Linear(int64_t units_, int64_t inputs_ = 0) : units(units_), inputs(inputs_) {}
  [[nodiscard]] std::string kind() const override { return "linear"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  [[nodiscard]] Tensor forward_then(kernels::Unary f, const Tensor& x, Pass& pass, const Tensor& added) override;
  void visit(const std::string& at, const Visitor& v) override;
  [[nodiscard]] int64_t multiply_adds(const Shape& in) const override;
  /// The output's shape; throws when `in` does not fit.
  [[nodiscard]] Shape output(const Shape& in, const Build& build) const;
  /// Makes it ready for prediction: see nn/inference.h.
  void prepare();

 private:
  std::shared_ptr<const PreparedLinear> prepared_;  // set by prepare()
};

}  // namespace tandem::nn
