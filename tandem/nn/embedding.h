// Tokens to vectors, their positions, and the head that shares the embedding's weight.
#pragma once
#include <tandem/nn/module.h>

namespace tandem::nn {

/// Ids (int32, one a token) to rows of a table. vocabulary 0: as many entries as the task's vocabulary has.
struct Embedding : Layer<Embedding> {
  int64_t width = 0, vocabulary = 0;
  double deviation = 1;  // of the first values, which are normal
  bool trained = true;   // false: as loaded
  Tensor weight;         // (vocabulary, width)

  Embedding() = default;
  explicit Embedding(int64_t width_, int64_t vocabulary_ = 0) : width(width_), vocabulary(vocabulary_) {}
  [[nodiscard]] std::string kind() const override { return "embedding"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& ids, Pass& pass) override;
  void visit(const std::string& at, const Visitor& v) override;
};

/// Ids to rows of the embedding that the pass went through before: a decoder that shares the encoder's, where both
/// languages have one vocabulary. It has no weight of its own.
struct TiedEmbedding : Layer<TiedEmbedding> {
  [[nodiscard]] std::string kind() const override { return "tied_embedding"; }
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& ids, Pass& pass) override;
};

/// Adds to each token's vector one for its position in its sequence, from 0 on: learned, or sines and cosines (Vaswani
/// et al. 2017). A sequence of more than `most` tokens is refused. Rotary positions belong to attention.
struct Positions : Layer<Positions> {
  std::string how = "learned";
  int64_t most = 512;
  double deviation = 0.02;  // of the first values of learned ones
  Tensor weight;            // (most, width)
  [[nodiscard]] std::string kind() const override { return "positions"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  void visit(const std::string& at, const Visitor& v) override;
};

/// Scores of all words from a vector as wide as the embedding's: y = x · (the embedding's weight)ᵀ + bias (Press and
/// Wolf 2017). It has no weight of its own: the pass brings it.
struct TiedHead : Layer<TiedHead> {
  bool with_bias = false;
  Tensor bias;  // (vocabulary)
  [[nodiscard]] std::string kind() const override { return "tied_head"; }
  void fields(Fields& f) override;
  Shape build(const Shape& in, Build& build) override;
  [[nodiscard]] Tensor forward(const Tensor& x, Pass& pass) override;
  void visit(const std::string& at, const Visitor& v) override;
  [[nodiscard]] int64_t multiply_adds(const Shape&) const override { return products_; }

 private:
  int64_t products_ = 0;
};

}  // namespace tandem::nn
