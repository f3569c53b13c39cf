#include <tandem/deploy/onnx/layers.h>
#include <tandem/nn/embedding.h>
#include <tandem/nn/recurrent.h>
#include <tandem/nn/sequence.h>

#include <cstring>
#include <limits>

namespace tandem::deploy::onnx {
namespace {

using Sizes = std::vector<int64_t>;

// x (batch, time, width), `other` where a row is padding.
Value without_padding(const Scope& s, const Flow& x, float other) {
  const Value rows = s.add("Unsqueeze", {s.is_token(x), s.list({2})});
  return s.add("Where", {rows, x.value, s.number(other)});
}

Flow embedding(const Scope& s, const nn::Embedding& l, const Flow& x) {
  const Value weight = s.tensor("weight", l.weight);
  s.remember_embedding(weight);
  return {s.add("Gather", {weight, x.value}), Layout::sequences, x.lengths};
}

// A text that is longer than the table makes Gather fail, which says so.
Flow positions(const Scope& s, const nn::Positions& l, const Flow& x) {
  const Value rows = s.add("Gather", {s.tensor("weight", l.weight), s.steps(x)});
  return {s.add("Add", {x.value, rows}), x.layout, x.lengths};
}

Flow tied_embedding(const Scope& s, const nn::TiedEmbedding&, const Flow& x) {
  if (s.embedding().empty()) s.refuse("tied_embedding", "there is no embedding before it whose weight it could share");
  return {s.add("Gather", {s.embedding(), x.value}), Layout::sequences, x.lengths};
}

Flow tied_head(const Scope& s, const nn::TiedHead& l, const Flow& x) {
  if (s.embedding().empty()) s.refuse("tied_head", "there is no embedding before it whose weight it could share");
  const Value y = write_product(s, x.value, s.embedding());
  return {l.bias.defined() ? s.add("Add", {y, s.tensor("bias", l.bias)}) : y, x.layout, x.lengths};
}

Flow conv1d(const Scope& s, const nn::Conv1d& l, const Flow& x) {
  const int64_t reach = (l.kernel - 1) * l.dilation, before = l.padding == "same" ? reach / 2 : 0;
  const Value channels = s.add("Transpose", {without_padding(s, x, 0)}, {{"perm", Sizes{0, 2, 1}}});
  std::vector<Value> inputs{channels, s.tensor("weight", l.weight)};
  if (l.bias.defined()) inputs.push_back(s.tensor("bias", l.bias));
  const Value y = s.add("Conv", inputs,
                        {{"kernel_shape", Sizes{l.kernel}},
                         {"dilations", Sizes{l.dilation}},
                         {"pads", Sizes{before, reach - before}}});  // as many outputs as inputs, whatever the padding
  Flow out{s.add("Transpose", {y}, {{"perm", Sizes{0, 2, 1}}}), x.layout, x.lengths};
  if (l.padding == "valid" && reach > 0)  // a text shorter than the kernel has one output
    out.lengths = s.add("Max", {s.add("Sub", {s.lengths(x), s.whole(reach)}), s.whole(1)});
  return out;
}

Flow pool_sequence(const Scope& s, const nn::PoolSequence& l, const Flow& x) {
  const auto pooled = [](const Value& value) { return Flow{value, Layout::rows}; };
  if (l.how == "first") return pooled(s.add("Gather", {x.value, s.whole(0)}, {{"axis", int64_t{1}}}));
  const Value lengths = s.lengths(x);
  if (l.how == "last") {
    const Value at = s.add("Unsqueeze", {s.add("Sub", {lengths, s.whole(1)}), s.list({1})});
    return pooled(s.add("GatherND", {x.value, at}, {{"batch_dims", int64_t{1}}}));
  }
  if (l.how == "max")
    return pooled(s.add("ReduceMax", {without_padding(s, x, -std::numeric_limits<float>::infinity())},
                        {{"axes", Sizes{1}}, {"keepdims", int64_t{0}}}));
  const Value sum = s.add("ReduceSum", {without_padding(s, x, 0), s.list({1})}, {{"keepdims", int64_t{0}}});
  const Value count = s.cast(lengths, Type::f32);
  return pooled(s.add("Div", {sum, s.add("Unsqueeze", {count, s.list({1})})}));
}

// --- recurrent layers

// The gates' blocks of rows in ONNX's order; with two tensors, the second behind the first; one more axis before.
Tensor in_order(const std::vector<int>& order, const std::vector<Tensor>& directions) {
  const Shape& shape = directions[0].shape();
  Tensor out = Tensor::empty(shape.inserted(0, std::ssize(directions)));
  auto* to = static_cast<char*>(out.bytes());
  for (const Tensor& t : directions) {
    const size_t block = t.byte_count() / order.size();
    for (const int from : order) {
      std::memcpy(to, static_cast<const char*>(t.bytes()) + static_cast<size_t>(from) * block, block);
      to += block;
    }
  }
  return out;
}

// (direction, both biases one behind the other).
Tensor biases(const std::vector<int>& order, const std::vector<Tensor>& input, const std::vector<Tensor>& hidden) {
  const int64_t directions = std::ssize(input), rows = input[0].numel();
  Tensor out = Tensor::empty({directions, 2 * rows});
  for (size_t d = 0; d < input.size(); ++d) {
    float* to = out.data<float>().data() + static_cast<int64_t>(d) * 2 * rows;
    for (const Tensor& t : {in_order(order, {input[d]}), in_order(order, {hidden[d]})})
      to = std::ranges::copy(t.data<const float>(), to).out;
  }
  return out;
}

// In one direction what comes behind a text's end changes nothing before it, so its length is not asked for.
Flow recurrent(const Scope& s, const nn::Recurrent& l, const Flow& x, const std::string& op,
               const std::vector<int>& order, Attributes attributes) {
  const size_t directions = l.bidirectional ? 2 : 1;
  attributes.emplace_back("hidden_size", l.units);
  attributes.emplace_back("direction", l.bidirectional ? "bidirectional" : "forward");
  const Value ends = l.bidirectional ? s.cast(s.lengths(x), Type::i32) : Value{};
  Value y = s.add("Transpose", {x.value}, {{"perm", Sizes{1, 0, 2}}});  // (time, batch, width)
  for (size_t layer = 0; layer < static_cast<size_t>(l.layers); ++layer) {
    std::vector<Tensor> input, hidden, input_bias, hidden_bias;
    for (size_t d = 0; d < directions; ++d) {
      const RecurrentWeights& w = l.weights[layer * directions + d];
      input.push_back(w.input), hidden.push_back(w.hidden);
      input_bias.push_back(w.input_bias), hidden_bias.push_back(w.hidden_bias);
    }
    const auto name = [&](const char* part) { return fmt::format("{}_l{}", part, layer); };
    const Value bias = l.with_bias ? s.tensor(name("bias"), biases(order, input_bias, hidden_bias)) : Value{};
    std::vector<Value> inputs{y, s.tensor(name("weight_ih"), in_order(order, input)),
                              s.tensor(name("weight_hh"), in_order(order, hidden)), bias, ends};
    while (inputs.back().empty()) inputs.pop_back();
    const Value states = s.add(op, inputs, attributes);  // (time, direction, batch, units)
    const Value together = s.add("Transpose", {states}, {{"perm", Sizes{0, 2, 1, 3}}});
    y = s.add("Reshape", {together, s.list({0, 0, -1})});
  }
  return {s.add("Transpose", {y}, {{"perm", Sizes{1, 0, 2}}}), x.layout, x.lengths};
}

Flow rnn(const Scope& s, const nn::RNN& l, const Flow& x) {
  const std::string function = l.activation == "relu" ? "Relu" : "Tanh";
  return recurrent(s, l, x, "RNN", {0}, {{"activations", std::vector<std::string>(l.bidirectional ? 2 : 1, function)}});
}

Flow lstm(const Scope& s, const nn::LSTM& l, const Flow& x) {
  return recurrent(s, l, x, "LSTM", {0, 3, 1, 2}, {});  // i f g o -> i o f g
}

Flow gru(const Scope& s, const nn::GRU& l, const Flow& x) {
  return recurrent(s, l, x, "GRU", {1, 0, 2}, {{"linear_before_reset", int64_t{1}}});  // r z n -> z r n
}

}  // namespace

LayerTable sequence_layers() {
  return {row<nn::Embedding, embedding>(),
          row<nn::Positions, positions>(),
          row<nn::TiedEmbedding, tied_embedding>(),
          row<nn::TiedHead, tied_head>(),
          row<nn::Conv1d, conv1d>(),
          row<nn::RNN, rnn>(),
          row<nn::LSTM, lstm>(),
          row<nn::GRU, gru>(),
          row<nn::PoolSequence, pool_sequence>()};
}

}  // namespace tandem::deploy::onnx
