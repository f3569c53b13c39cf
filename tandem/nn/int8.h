// Layers of 8-bit integers. nn::quantised() makes them of layers that have learned; they predict and do not learn.
#pragma once
#include <tandem/kernels/int8.h>
#include <tandem/nn/conv.h>
#include <tandem/nn/linear.h>

namespace tandem::nn {

/// What an 8-bit layer keeps. Weights are symmetric, with a scale for each output channel; inputs become 0 … 127:
/// x = input_scale * (q - input_zero).
struct Int8Tensors {
  Tensor weight;                   // int8, as the layer of float32 has it
  Tensor scale, bias;              // (outputs); bias may be none
  Tensor input_scale, input_zero;  // (1); uint8 (1)

  /// For a weight of that shape: zeros, scales of 1.
  void build(const Shape& shape, bool with_bias, Build& build);
  void visit(const std::string& at, const Visitor& v);
  /// Throws for a scale that is not a positive number and for a zero out of range.
  void check(const char* layer) const;
  /// The weight in float32.
  [[nodiscard]] Tensor wide_weight() const;
  [[nodiscard]] kernels::Int8Scales scales() const;
};

/// A weight laid out for the kernels; keeps the tensor that it is made of.
struct PreparedInt8 {
  Tensor weight;
  kernels::Int8Weight ready;
};

/// y = x · weightᵀ + bias on the last axis.
struct Int8Linear : Layer<Int8Linear> {
  Linear like;  // its options
  Int8Tensors tensors;

  [[nodiscard]] std::string kind() const override { return "int8_linear"; }
  void fields(Fields& f) override { like.fields(f); }
  Shape build(const Shape& in, Build& build) override;
  /// Where a gradient is asked for, it is that of in_float().
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  [[nodiscard]] Tensor forward_then(kernels::Unary f, const Tensor& x, Pass& pass, const Tensor& added) override;
  void visit(const std::string& at, const Visitor& v) override { tensors.visit(at, v); }
  void check() const override { tensors.check("int8_linear"); }
  [[nodiscard]] int64_t multiply_adds(const Shape& in) const override;
  /// The layer of float32 that has the same weights.
  [[nodiscard]] Linear in_float() const;
  /// Makes it ready for prediction: see nn/inference.h.
  void prepare();

 private:
  [[nodiscard]] Tensor run(const Tensor& x, Pass& pass, bool relu) const;
  std::shared_ptr<const PreparedInt8> prepared_;  // set by prepare()
};

/// The convolution, without groups.
struct Int8Conv2d : Layer<Int8Conv2d> {
  Conv2d like;  // its options
  Int8Tensors tensors;

  [[nodiscard]] std::string kind() const override { return "int8_conv"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  /// Where a gradient is asked for, it is that of in_float().
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  [[nodiscard]] Tensor forward_then(kernels::Unary f, const Tensor& x, Pass& pass, const Tensor& added) override;
  void visit(const std::string& at, const Visitor& v) override { tensors.visit(at, v); }
  void check() const override { tensors.check("int8_conv"); }
  [[nodiscard]] int64_t multiply_adds(const Shape& in) const override;
  [[nodiscard]] Conv2d in_float() const;
  void prepare();

 private:
  [[nodiscard]] Tensor run(const Tensor& x, Pass& pass, const Tensor& added, bool relu) const;
  [[nodiscard]] kernels::ConvShape shape_for(const Shape& images) const;
  [[nodiscard]] std::shared_ptr<const PreparedInt8> laid_out(const kernels::ConvShape& s) const;
  Shape in_;                                      // one picture, from build()
  std::shared_ptr<const PreparedInt8> prepared_;  // set by prepare()
};

/// Throws when a tensor cannot learn because it is one of these layers'.
void expect_trainable(const std::string& name, const Tensor& tensor);

}  // namespace tandem::nn
