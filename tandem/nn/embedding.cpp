#include <tandem/nn/embedding.h>
#include <tandem/nn/memory.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/linear.h>

#include <cmath>

namespace tandem::nn {

void Embedding::fields(Fields& f) {
  f("width", width, {1, 1e6});
  f("vocabulary", vocabulary, {0, 1e9});
  f("deviation", deviation, {0, 1e3});
  f("trained", trained);
}

Shape Embedding::build(const Shape& in, Build& build) {
  if (in.rank() != 0) fail("embedding", "takes token ids, one number a token, got vectors of shape {}", in);
  if (width == 0) fail("embedding", "width is missing: give how long the vector of a token is, as in embedding: 128");
  const int64_t entries = vocabulary > 0 ? vocabulary : build.vocabulary;
  if (entries == 0)
    fail("embedding", "the task has no vocabulary: give the number of entries, as in vocabulary: 10000");
  weight = build.normal({entries, width}, deviation);
  build.embedding = weight.shape();
  return {width};
}

Tensor Embedding::forward(const Tensor& ids, Pass& pass) {
  pass.embedding = weight;
  return embedding(weight, ids);
}

void Embedding::visit(const std::string& at, const Visitor& v) { v(at + "weight", weight, trained); }

Shape TiedEmbedding::build(const Shape& in, Build& build) {
  if (in.rank() != 0) fail("tied_embedding", "takes token ids, one number a token, got vectors of shape {}", in);
  if (build.embedding.rank() == 0)
    fail("tied_embedding", "shares the weight of an embedding, but there is none before it: put one into the encoder");
  if (build.vocabulary > 0 && build.vocabulary != build.embedding[0])
    fail("tied_embedding", "shares an embedding of {} entries, but its vocabulary has {}: it must be the same one",
         build.embedding[0], build.vocabulary);
  return {build.embedding[1]};
}

Tensor TiedEmbedding::forward(const Tensor& ids, Pass& pass) {
  if (!pass.embedding.defined())
    fail("tied_embedding", "this pass went through no embedding whose weight could be shared");
  return embedding(pass.embedding, ids);
}

void Positions::fields(Fields& f) {
  f("how", how, {"learned", "sinusoidal"});
  f("most", most, {1, 1e7});
  f("deviation", deviation, {0, 1e3});
}

Shape Positions::build(const Shape& in, Build& build) {
  if (in.rank() != 1) fail("positions", "takes a vector a token, got shape {}: put an embedding before it", in);
  const int64_t width = in[0];
  if (how == "learned") {
    weight = build.normal({most, width}, deviation);
    return in;
  }
  weight = build.full({most, width}, 0);
  for (int64_t i = 0; i < most; ++i)
    for (int64_t c = 0; c < width; ++c) {
      const double angle =
          static_cast<double>(i) * std::pow(1e4, -static_cast<double>(c / 2 * 2) / static_cast<double>(width));
      weight.data<float>()[static_cast<size_t>(i * width + c)] =
          static_cast<float>(c % 2 == 0 ? std::sin(angle) : std::cos(angle));
    }
  return in;
}

Tensor Positions::forward(const Tensor& x, Pass& pass) {
  const std::vector<int64_t> at = positions_of(pass, pass.memory ? &pass.memory->of(this).seen : nullptr, x.size(0));
  for (const int64_t i : at)
    if (i >= most)
      fail("positions",
           "a sequence has more than the {0} tokens that there are positions for: cut it to {0}, or train with a "
           "larger most",
           most);
  return x + embedding(weight, Tensor::from(at, {static_cast<int64_t>(at.size())}));
}

void Positions::visit(const std::string& at, const Visitor& v) {
  if (how == "learned") v(at + "weight", weight, true);
}

void TiedHead::fields(Fields& f) { f("bias", with_bias); }

Shape TiedHead::build(const Shape& in, Build& build) {
  if (build.embedding.rank() == 0) fail("tied_head", "shares the weight of an embedding, but there is none before it");
  const int64_t entries = build.embedding[0], width = build.embedding[1];
  if (in.rank() != 1 || in[0] != width)
    fail("tied_head", "takes vectors as wide as the embedding's {}, got shape {}: put linear: {} before it", width, in,
         width);
  bias = with_bias ? build.full({entries}, 0) : Tensor{};
  products_ = entries * width;
  return {entries};
}

Tensor TiedHead::forward(const Tensor& x, Pass& pass) {
  if (!pass.embedding.defined()) fail("tied_head", "this pass went through no embedding whose weight could be shared");
  return linear(x, pass.embedding, bias, std::nullopt, pass.bf16);
}

void TiedHead::visit(const std::string& at, const Visitor& v) {
  if (with_bias) v(at + "bias", bias, true);
}

}  // namespace tandem::nn
