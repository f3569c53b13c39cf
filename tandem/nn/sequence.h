// Layers over packed sequences: convolution over words, pooling to one vector a text, branches side by side.
#pragma once
#include <tandem/nn/sequential.h>
#include <tandem/ops/sequence.h>

namespace tandem::nn {

/// Along each sequence; vectors (channels) -> (filters). padding "same" keeps the number of tokens, "valid" gives an
/// output only where the whole kernel fits.
struct Conv1d : Layer<Conv1d> {
  int64_t filters = 0, kernel = 3, dilation = 1;
  std::string padding = "same";
  bool with_bias = true;
  Tensor weight, bias;  // (filters, channels, kernel), (filters)

  Conv1d() = default;
  explicit Conv1d(int64_t filters_, int64_t kernel_ = 3) : filters(filters_), kernel(kernel_) {}
  [[nodiscard]] std::string kind() const override { return "conv1d"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  void visit(const std::string& at, const Visitor& v) override;
  [[nodiscard]] int64_t multiply_adds(const Shape&) const override { return weight.numel(); }
};

/// One vector a sequence: the mean, max, last or first of its tokens. What follows sees examples, no sequences.
struct PoolSequence : Layer<PoolSequence> {
  std::string how = "mean";
  PoolSequence() = default;
  explicit PoolSequence(std::string how_) : how(std::move(how_)) {}
  [[nodiscard]] std::string kind() const override { return "pool_sequence"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
};

/// The same input through each branch, the results joined along the last axis.
struct Parallel : Layer<Parallel> {
  std::vector<Sequential> branches;
  [[nodiscard]] std::string kind() const override { return "parallel"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  void visit(const std::string& at, const Visitor& v) override;
  [[nodiscard]] int64_t multiply_adds(const Shape& in) const override;
};

}  // namespace tandem::nn
