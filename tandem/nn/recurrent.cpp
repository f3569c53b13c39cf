#include <tandem/nn/memory.h>
#include <tandem/nn/recurrent.h>
#include <tandem/ops/norm.h>
#include <tandem/ops/shape.h>

namespace tandem::nn {

void Recurrent::fields(Fields& f) {
  f("units", units, {1, 1e6});
  f("layers", layers, {1, 64});
  f("bidirectional", bidirectional);
  f("dropout", dropout, {0, 0.999});
  f("locked", locked);
  f("weight_dropout", weight_dropout, {0, 0.999});
  f("bias", with_bias);
}

Shape Recurrent::build(const Shape& in, Build& build) {
  if (in.rank() != 1) fail(kind(), "takes a vector a token, got shape {}: put an embedding before it", in);
  if (units == 0) fail(kind(), "units is missing: give the size of the state, as in {}: 128", kind());
  weights.clear();
  const int64_t rows = gates() * units;
  int64_t inputs = in[0];
  for (int64_t layer = 0; layer < layers; ++layer) {
    for (size_t direction = 0; direction < directions(); ++direction) {
      RecurrentWeights w{build.uniform({rows, inputs}, units), build.uniform({rows, units}, units), {}, {}};
      if (with_bias) w.input_bias = build.uniform({rows}, units), w.hidden_bias = build.uniform({rows}, units);
      weights.push_back(w);
    }
    inputs = static_cast<int64_t>(directions()) * units;
  }
  return {inputs};
}

Tensor Recurrent::forward(const Tensor& x, Pass& pass) {
  std::vector<RecurrentState>* states = nullptr;
  if (pass.memory) {
    if (bidirectional) fail(kind(), "reads a text from both ends, so it cannot go on with one in parts");
    states = &pass.memory->of(this).states;
    states->resize(weights.size());
  }
  Tensor y = x;
  for (size_t layer = 0; layer < static_cast<size_t>(layers); ++layer) {
    if (layer > 0 && dropout > 0 && pass.training)
      y = locked ? locked_dropout(y, pass.lengths, dropout, pass.rng) : tandem::dropout(y, dropout, pass.rng);
    std::vector<Tensor> sides;
    for (size_t direction = 0; direction < directions(); ++direction) {
      const size_t at = layer * directions() + direction;
      RecurrentOptions options{.reverse = direction == 1, .bf16 = pass.bf16};
      if (states) options.first = (*states)[at], options.last = &(*states)[at];
      RecurrentWeights w = weights[at];
      if (weight_dropout > 0 && pass.training) w.hidden = tandem::dropout(w.hidden, weight_dropout, pass.rng);
      sides.push_back(run(y, pass.lengths, w, options));
    }
    y = sides.size() == 1 ? sides[0] : concat(sides, 1);
  }
  return y;
}

void Recurrent::visit(const std::string& at, const Visitor& v) {
  for (size_t i = 0; i < weights.size(); ++i) {
    const std::string suffix = fmt::format("_l{}{}", i / directions(), i % directions() == 1 ? "_reverse" : "");
    v(at + "weight_ih" + suffix, weights[i].input, true);
    v(at + "weight_hh" + suffix, weights[i].hidden, true);
    if (!with_bias) continue;
    v(at + "bias_ih" + suffix, weights[i].input_bias, true);
    v(at + "bias_hh" + suffix, weights[i].hidden_bias, true);
  }
}

int64_t Recurrent::multiply_adds(const Shape&) const {
  int64_t total = 0;
  for (const RecurrentWeights& w : weights) total += w.input.numel() + w.hidden.numel();
  return total;
}

void RNN::fields(Fields& f) {
  Recurrent::fields(f);
  f("activation", activation, {"tanh", "relu"});
}

Tensor RNN::run(const Tensor& x, const Lengths& lengths, const RecurrentWeights& w,
                const RecurrentOptions& options) const {
  RecurrentOptions chosen = options;
  chosen.relu = activation == "relu";
  return rnn(x, lengths, w, chosen);
}

}  // namespace tandem::nn
