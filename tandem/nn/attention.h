// Multi-head attention over packed sequences.
#pragma once
#include <tandem/nn/memory.h>
#include <tandem/nn/module.h>

namespace tandem::nn {

/// Vectors (width) -> (width): each token looks at the others of its sequence, or at those of `Pass::source`. Parts are
/// named and laid out as in PyTorch's MultiheadAttention; with fewer heads of keys the parts of k and v are smaller.
struct Attention : Layer<Attention> {
  int64_t heads = 0, key_heads = 0;  // key_heads 0: as many as heads
  bool causal = false;               // no token sees a later one
  bool cross = false;                // looks at the pass's source in place of its own sequence
  bool rotary = false;               // positions turn queries and keys; not with `cross`
  double rotary_base = 10000;
  bool with_bias = true;
  Tensor in_weight, in_bias;    // ((heads + 2 key_heads) * size, width): q, k, v
  Tensor out_weight, out_bias;  // (width, width), (width)
  /// When set, it is told the weights() of every forward pass: for who wants to see what a token looks at.
  std::function<void(const Tensor& weights)> watch = {};

  Attention() = default;
  explicit Attention(int64_t heads_, bool causal_ = false) : heads(heads_), causal(causal_) {}
  [[nodiscard]] std::string kind() const override { return "attention"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  void visit(const std::string& at, const Visitor& v) override;
  /// How much each token of one sequence x (n, width) looks at each other: (n, n), the mean over heads; rows sum to 1.
  /// What forward() weighs values by, but written out; not with `cross`.
  [[nodiscard]] Tensor weights(const Tensor& x, const Pass& pass) const;
  /// Of a token, without what grows with the length of its sequence.
  [[nodiscard]] int64_t multiply_adds(const Shape&) const override { return in_weight.numel() + out_weight.numel(); }

 private:
  [[nodiscard]] AttentionOptions options() const { return {heads, key_heads, causal}; }
  [[nodiscard]] Tensor attend_self(const Tensor& x, Pass& pass) const;
  [[nodiscard]] Tensor attend_source(const Tensor& x, Pass& pass) const;
};

}  // namespace tandem::nn
