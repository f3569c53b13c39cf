#include <tandem/nn/transformer.h>
#include <tandem/ops/activation.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/linear.h>
#include <tandem/ops/norm.h>
#include <tandem/ops/shape.h>

#include <cmath>

namespace tandem::nn {

void Transformer::fields(Fields& f) {
  f("layers", layers, {1, 1024});
  f("heads", heads, {1, 4096});
  f("key_heads", key_heads, {0, 4096});
  f("hidden", hidden, {0, 1e7});
  f("norm", norm, {"first", "last"});
  f("norm_kind", norm_kind, {"layer", "rms"});
  f("epsilon", epsilon, {0, 1});
  f("activation", activation, {"gelu", "gelu_tanh", "relu", "swiglu"});
  f("dropout", dropout, {0, 0.999});
  f("causal", causal);
  f("cross", cross);
  f("rotary", rotary);
  f("rotary_base", rotary_base, {1, 1e12});
  f("bias", with_bias);
  f("deviation", deviation, {0, 1e3});
}

Transformer::Norm Transformer::make_norm(int64_t width, Build& build) const {
  return {build.full({width}, 1), norm_kind == "layer" ? build.full({width}, 0) : Tensor{}};
}

Shape Transformer::build(const Shape& in, Build& build) {
  if (in.rank() != 1) fail("transformer", "takes a vector a token, got shape {}: put an embedding before it", in);
  if (heads == 0) fail("transformer", "heads is missing: give a number that divides the width {}", in[0]);
  const int64_t width = in[0], between = hidden > 0 ? hidden : 4 * width;
  const auto normal = [&](const Tensor& t, double size) {
    for (float& value : t.data<float>()) value = static_cast<float>(size * build.rng.normal());
  };
  blocks.assign(static_cast<size_t>(layers), {});
  for (Block& b : blocks) {
    b.self_attention = Attention(heads, causal);
    b.self_attention.key_heads = key_heads, b.self_attention.with_bias = with_bias;
    b.self_attention.rotary = rotary, b.self_attention.rotary_base = rotary_base;
    (void)b.self_attention.build(in, build);
    if (cross) {
      b.cross_attention = Attention(heads);
      b.cross_attention.key_heads = key_heads, b.cross_attention.with_bias = with_bias, b.cross_attention.cross = true;
      (void)b.cross_attention.build(in, build);
    }
    const int64_t rows = activation == "swiglu" ? 2 * between : between;
    b.up_weight = build.uniform({rows, width}, width), b.down_weight = build.uniform({width, between}, between);
    b.up_bias = with_bias ? build.uniform({rows}, width) : Tensor{};
    b.down_bias = with_bias ? build.uniform({width}, between) : Tensor{};
    for (int i = 0; i < (cross ? 3 : 2); ++i) b.norms.push_back(make_norm(width, build));
    if (deviation == 0) continue;
    const double last_size = deviation / std::sqrt(static_cast<double>((cross ? 3 : 2) * layers));
    for (Attention* a : {&b.self_attention, &b.cross_attention})
      if (a->in_weight.defined()) normal(a->in_weight, deviation), normal(a->out_weight, last_size);
    normal(b.up_weight, deviation), normal(b.down_weight, last_size);
    for (const Tensor* bias : {&b.up_bias, &b.down_bias})
      if (bias->defined()) std::ranges::fill(bias->data<float>(), 0.0F);
  }
  last = norm == "first" ? make_norm(width, build) : Norm{};
  return in;
}

Tensor Transformer::normalised(const Tensor& x, const Norm& n) const {
  const bool layer = n.bias.defined();
  const double e = epsilon > 0 ? epsilon : layer ? 1e-5 : 1e-6;
  return layer ? layer_norm(x, n.weight, n.bias, e) : rms_norm(x, n.weight, e);
}

Tensor Transformer::feed_forward(const Block& b, const Tensor& x, Pass& pass) const {
  Tensor y;
  if (activation == "relu") {
    y = linear(x, b.up_weight, b.up_bias, kernels::Unary::relu, pass.bf16);
  } else {
    y = linear(x, b.up_weight, b.up_bias, std::nullopt, pass.bf16);
    const int64_t half = y.size(-1) / 2;
    y = activation == "gelu"        ? gelu(y)
        : activation == "gelu_tanh" ? gelu_tanh(y)
                                    : silu(slice(y, -1, 0, half)) * slice(y, -1, half, 2 * half);
  }
  if (pass.training && dropout > 0) y = tandem::dropout(y, dropout, pass.rng);
  return linear(y, b.down_weight, b.down_bias, std::nullopt, pass.bf16);
}

Tensor Transformer::forward(const Tensor& x, Pass& pass) {
  Tensor y = x;
  const auto part = [&](const Norm& n, const auto& of) {  // a residual around it, and its norm
    Tensor z = of(norm == "first" ? normalised(y, n) : y);
    if (pass.training && dropout > 0) z = tandem::dropout(z, dropout, pass.rng);
    y = norm == "first" ? y + z : normalised(y + z, n);
  };
  for (Block& b : blocks) {
    part(b.norms.front(), [&](const Tensor& z) { return b.self_attention.forward(z, pass); });
    if (cross) part(b.norms[1], [&](const Tensor& z) { return b.cross_attention.forward(z, pass); });
    part(b.norms.back(), [&](const Tensor& z) { return feed_forward(b, z, pass); });
  }
  return norm == "first" ? normalised(y, last) : y;
}

void Transformer::visit(const std::string& at, const Visitor& v) {
  const auto pair = [&](const std::string& name, Tensor& weight, Tensor& bias) {
    v(name + ".weight", weight, true);
    if (bias.defined()) v(name + ".bias", bias, true);
  };
  for (size_t i = 0; i < blocks.size(); ++i) {
    Block& b = blocks[i];
    const std::string in = fmt::format("{}layers.{}.", at, i);
    b.self_attention.visit(in + "self_attn.", v);
    if (cross) b.cross_attention.visit(in + "multihead_attn.", v);
    pair(in + "linear1", b.up_weight, b.up_bias);
    pair(in + "linear2", b.down_weight, b.down_bias);
    for (size_t n = 0; n < b.norms.size(); ++n)
      pair(fmt::format("{}norm{}", in, n + 1), b.norms[n].weight, b.norms[n].bias);
  }
  if (norm == "first" && last.weight.defined()) pair(at + "norm", last.weight, last.bias);
}

int64_t Transformer::multiply_adds(const Shape& in) const {
  int64_t total = 0;
  for (const Block& b : blocks) {
    total += b.self_attention.multiply_adds(in) + b.up_weight.numel() + b.down_weight.numel();
    if (cross) total += b.cross_attention.multiply_adds(in);
  }
  return total;
}

void EncoderDecoder::fields(Fields& f) {
  const auto part = [&](const char* name, Sequential& layers) {
    f.custom(
        name, [&](const Config& node) { layers = Sequential::read(node); }, [&] { return layers.write(); });
  };
  part("encoder", encoder);
  part("decoder", decoder);
}

Shape EncoderDecoder::build(int64_t source_vocabulary, int64_t target_vocabulary, Build& build) {
  const auto part = [&](const char* name, Sequential& layers, int64_t vocabulary) {
    if (layers.empty()) fail("network", "{} is empty: give a list of layers", name);
    build.vocabulary = vocabulary;
    try {
      return layers.build({}, build);
    } catch (const Error& e) {
      throw Error(e.kind(), fmt::format("{}: {}", name, e.what()));
    }
  };
  build.source = part("encoder", encoder, source_vocabulary);
  return part("decoder", decoder, target_vocabulary);
}

void EncoderDecoder::encode(const Tensor& ids, const std::vector<int64_t>& lengths, Pass& pass) {
  Memory* memory = std::exchange(pass.memory, nullptr);  // the whole source is read at once
  pass.lengths = lengths;
  pass.source = encoder.forward(ids, pass);
  pass.source_lengths = pass.lengths;
  pass.memory = memory;
}

Tensor EncoderDecoder::decode(const Tensor& ids, const std::vector<int64_t>& lengths, Pass& pass) {
  pass.lengths = lengths;
  return decoder.forward(ids, pass);
}

void EncoderDecoder::visit(const std::string& at, const Visitor& v) {
  encoder.visit(at + "encoder.", v);
  decoder.visit(at + "decoder.", v);
}

}  // namespace tandem::nn
