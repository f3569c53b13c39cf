#include <tandem/deploy/onnx/layers.h>
#include <tandem/nn/transformer.h>

#include <cmath>
#include <limits>
#include <numbers>

namespace tandem::deploy::onnx {
namespace {

using Sizes = std::vector<int64_t>;

// Cosines and sines of rotary positions, (time, size / 2) each. Angles grow with the text, so they are taken in double.
struct Turns {
  Value cosine, sine;
};

Turns turns(const Scope& s, const Flow& x, int64_t size, double base) {
  Tensor frequencies = Tensor::empty({1, size / 2}, DType::f64);
  for (int64_t c = 0; c < size / 2; ++c)
    frequencies.data<double>()[static_cast<size_t>(c)] =
        std::pow(base, -2.0 * static_cast<double>(c) / static_cast<double>(size));
  const Value at = s.add("Unsqueeze", {s.cast(s.steps(x), Type::f64), s.list({1})});
  const Value angle = s.add("Mul", {at, s.tensor("frequencies", frequencies)});
  const Value circle = s.tensor("circle", Tensor::full({}, 2 * std::numbers::pi, DType::f64));
  const Value rest = s.cast(s.add("Mod", {angle, circle}, {{"fmod", int64_t{1}}}), Type::f32);
  return {s.add("Cos", {rest}), s.add("Sin", {rest})};
}

// x (batch, heads, time, size): numbers c and c + size / 2 of each head turn.
Value turned(const Scope& s, const Value& x, const Turns& by, int64_t size) {
  const auto halves = s.add_several(2, "Split", {x, s.list({size / 2, size / 2})}, {{"axis", int64_t{-1}}});
  const auto product = [&](size_t half, const Value& with) { return s.add("Mul", {halves[half], with}); };
  const Value low = s.add("Sub", {product(0, by.cosine), product(1, by.sine)});
  const Value high = s.add("Add", {product(0, by.sine), product(1, by.cosine)});
  return s.add("Concat", {low, high}, {{"axis", int64_t{-1}}});
}

// (1, 1, time, time) for causal attention, which needs no lengths: no token sees a later one, so none sees padding.
// Else (batch, 1, 1, time).
Value may_look(const Scope& s, const nn::Attention& l, const Flow& x) {
  if (!l.causal) return s.add("Unsqueeze", {s.is_token(x), s.list({1, 2})});
  const Value steps = s.steps(x), column = s.add("Unsqueeze", {steps, s.list({1})});
  return s.add("Unsqueeze", {s.add("LessOrEqual", {steps, column}), s.list({0, 1})});
}

Flow attention(const Scope& s, const nn::Attention& l, const Flow& x) {
  if (l.cross)
    s.refuse("attention", "cross: true looks at another text, and a graph of one text has none; use it with tandem");
  const int64_t width = l.out_weight.size(0), size = width / l.heads, shared = l.key_heads > 0 ? l.key_heads : l.heads;
  const Value all = write_affine(s, x.value, x.layout, {"in_proj_weight", "in_proj_bias", l.in_weight, l.in_bias});
  const auto parts =
      s.add_several(3, "Split", {all, s.list({width, shared * size, shared * size})}, {{"axis", int64_t{-1}}});
  const auto heads = [&](const Value& part, int64_t count) {  // (batch, heads, time, size)
    const Value apart = s.add("Reshape", {part, s.list({0, 0, count, size})});
    return s.add("Transpose", {apart}, {{"perm", Sizes{0, 2, 1, 3}}});
  };
  Value q = heads(parts[0], l.heads), k = heads(parts[1], shared), v = heads(parts[2], shared);
  if (l.rotary) {
    const Turns by = turns(s, x, size, l.rotary_base);
    q = turned(s, q, by, size), k = turned(s, k, by, size);
  }
  if (shared != l.heads) {  // several heads of queries share one of keys
    Sizes whose;
    for (int64_t h = 0; h < l.heads; ++h) whose.push_back(h / (l.heads / shared));
    k = s.add("Gather", {k, s.list(whose)}, {{"axis", int64_t{1}}});
    v = s.add("Gather", {v, s.list(whose)}, {{"axis", int64_t{1}}});
  }
  const Value products = s.add("MatMul", {q, s.add("Transpose", {k}, {{"perm", Sizes{0, 1, 3, 2}}})});
  const Value scores = s.add("Mul", {products, s.number(static_cast<float>(1 / std::sqrt(static_cast<double>(size))))});
  const Value seen = s.add("Where", {may_look(s, l, x), scores, s.number(-std::numeric_limits<float>::infinity())});
  const Value mixed = s.add("MatMul", {s.add("Softmax", {seen}, {{"axis", int64_t{-1}}}), v});
  const Value rows =
      s.add("Reshape", {s.add("Transpose", {mixed}, {{"perm", Sizes{0, 2, 1, 3}}}), s.list({0, 0, width})});
  return {write_affine(s, rows, x.layout, {"out_proj.weight", "out_proj.bias", l.out_weight, l.out_bias}), x.layout,
          x.lengths};
}

Value normalised(const Scope& s, const std::string& name, const nn::Transformer::Norm& n, const Value& x) {
  const Value weight = s.tensor(name + ".weight", n.weight);
  return n.bias.defined()  // their defaults of epsilon
             ? write_layer_norm(s, x, weight, s.tensor(name + ".bias", n.bias), 1e-5)
             : write_rms_norm(s, x, weight, 1e-6);
}

Value feed_forward(const Scope& s, const nn::Transformer& l, const nn::Transformer::Block& b, const Flow& x) {
  using kernels::Unary;
  Value y = write_affine(s, x.value, x.layout, {"linear1.weight", "linear1.bias", b.up_weight, b.up_bias});
  if (l.activation == "swiglu") {
    const int64_t half = b.up_weight.size(0) / 2;
    const auto halves = s.add_several(2, "Split", {y, s.list({half, half})}, {{"axis", int64_t{-1}}});
    y = s.add("Mul", {write_function(s, Unary::silu, halves[0]), halves[1]});
  } else {
    y = write_function(s,
                       l.activation == "relu"   ? Unary::relu
                       : l.activation == "gelu" ? Unary::gelu
                                                : Unary::gelu_tanh,
                       y);
  }
  return write_affine(s, y, x.layout, {"linear2.weight", "linear2.bias", b.down_weight, b.down_bias});
}

Flow transformer(const Scope& scope, const nn::Transformer& l, const Flow& x) {
  if (l.cross)
    scope.refuse("transformer",
                 "cross: true looks at another text, and a graph of one text has none; use it with tandem");
  Flow y = x;
  for (size_t i = 0; i < l.blocks.size(); ++i) {
    const nn::Transformer::Block& b = l.blocks[i];
    const Scope s = scope.within(fmt::format("layers.{}.", i));
    const auto part = [&](const char* name, const nn::Transformer::Norm& n, const auto& of) {
      const bool first = l.norm == "first";
      const Value z = of(Flow{first ? normalised(s, name, n, y.value) : y.value, y.layout, y.lengths});
      const Value sum = s.add("Add", {y.value, z});
      y.value = first ? sum : normalised(s, name, n, sum);
    };
    part("norm1", b.norms.front(),
         [&](const Flow& z) { return attention(s.within("self_attn."), b.self_attention, z).value; });
    part("norm2", b.norms.back(), [&](const Flow& z) { return feed_forward(s, l, b, z); });
  }
  if (l.norm == "first") y.value = normalised(scope, "norm", l.last, y.value);
  return y;
}

}  // namespace

LayerTable attention_layers() { return {row<nn::Attention, attention>(), row<nn::Transformer, transformer>()}; }

}  // namespace tandem::deploy::onnx
