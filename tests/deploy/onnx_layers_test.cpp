// Each layer as ONNX nodes: the same numbers in ONNX Runtime, whatever stands in the padding of sequences.
#include <tandem/deploy/onnx/layers.h>
#include <tandem/nn/catalog.h>
#include <tandem/nn/embedding.h>
#include <tandem/nn/int8.h>

#include <numeric>

#include "tests/deploy/onnx.h"
#include "tests/nn/layer_rows.h"

namespace tandem::testing {
namespace {

using deploy::onnx::Flow;
using deploy::onnx::Graph;
using deploy::onnx::Layout;
using deploy::onnx::Scope;
using deploy::onnx::Type;

/// What a layer takes in these tests: 3 pictures (8, 8, 4), 3 rows (6), or 3 sequences of 3, 1 and 3 tokens.
enum class Takes { pictures, rows, vectors, ids };
const std::vector<int64_t> lengths{3, 1, 3};

struct Row {
  std::string text;
  Takes takes;
};

/// The rows of all layers, and what else is worth a row: options that write other nodes.
std::vector<Row> rows() {
  std::vector<Row> out;
  for (const auto& [name, row] : layer_rows) {
    if (name.starts_with("int8")) continue;  // exported as other layers: below
    out.push_back({row.text, row.input == LayerRow::pictures  ? Takes::pictures
                             : row.input == LayerRow::vectors ? Takes::vectors
                                                              : Takes::ids});
  }
  for (const char* text : {"linear: 5", "batch_norm", "layer_norm", "rms_norm", "group_norm: 2", "softmax", "gelu",
                           "flatten", "bottleneck: {units: 3, layer: {linear: 5}}", "residual: {body: [linear: 6]}"})
    for (const Takes takes : {Takes::rows, Takes::vectors}) out.push_back({text, takes});
  for (const char* text :
       {"conv: {filters: 4, kernel: 3, padding: same, dilation: 2, bias: false}", "avg_pool: {kernel: 3, padding: 1}",
        "max_pool: {kernel: 2, stride: 3}", "residual: {body: [layer_norm], shortcut: [conv: {filters: 4, kernel: 1}]}",
        "parallel: {branches: [[conv: {filters: 2, kernel: 1}], [linear: 3]]}",
        "sequential: {layers: [conv: 3, gelu, flatten, linear: 7]}"})
    out.push_back({text, Takes::pictures});
  for (const char* text :
       {"rnn: {units: 5, bias: false}", "lstm: {units: 5, layers: 2}", "gru: {units: 5, layers: 2}",
        "conv1d: {filters: 5, kernel: 4, dilation: 1, bias: false}", "conv1d: {filters: 5, kernel: 3, padding: valid}",
        "pool_sequence: mean", "pool_sequence: last", "pool_sequence: first", "positions: {how: sinusoidal, most: 9}",
        "sequential: {layers: [conv1d: {filters: 5, kernel: 3, padding: valid}, pool_sequence: mean]}",
        "attention: {heads: 2}", "attention: {heads: 2, rotary: false, causal: true, bias: false}",
        "transformer: {layers: 2, heads: 2, hidden: 5, norm: last}",
        "transformer: {layers: 2, heads: 3, key_heads: 1, norm_kind: rms, activation: swiglu, causal: true, rotary: "
        "true}",
        "transformer: {layers: 1, heads: 1, rotary: true, activation: gelu_tanh, bias: false}",
        "transformer: {layers: 1, heads: 2, activation: relu}", "lora: {rank: 2, alpha: 3, layer: {lstm: {units: 4}}}"})
    out.push_back({text, Takes::vectors});
  return out;
}

bool refused(const std::string& text) { return text.find("cross: true") != std::string::npos; }

/// A layer with parts that all matter, its input, and what it makes of it.
struct Built {
  std::unique_ptr<nn::Module> layer;
  Takes takes;
  Tensor x;
  nn::Pass pass;
  int64_t most = 4;  // tokens of a padded sequence

  explicit Built(const Row& row) : layer(nn::read_layer(Config::parse(row.text, "l.yaml"))), takes(row.takes) {
    nn::Build build{Rng(1, "weights"), 10};
    build.embedding = {12, 6}, build.source = {6};
    (void)layer->build(takes == Takes::pictures ? Shape{8, 8, 4} : takes == Takes::ids ? Shape{} : Shape{6}, build);
    Rng rng(2, "disturb");
    layer->visit("", [&](const std::string&, Tensor& t, bool) {
      for (float& value : t.data<float>()) value += static_cast<float>(rng.uniform(0.05, 0.4));
    });
    const auto normal = [&](const Shape& shape) {
      Tensor out = Tensor::empty(shape);
      for (float& value : out.data<float>()) value = static_cast<float>(rng.normal());
      return out;
    };
    x = takes == Takes::ids        ? Tensor::from(std::vector<int32_t>{3, 0, 11, 3, 7, 8, 1}, {7})
        : takes == Takes::pictures ? normal({3, 8, 8, 4})
        : takes == Takes::rows     ? normal({3, 6})
                                   : normal({7, 6});
    if (sequences()) pass.lengths = lengths;
    if (const auto* positions = dynamic_cast<nn::Positions*>(layer.get())) most = std::min(most, positions->most);
    pass.embedding = normal({12, 6}), pass.source = normal({5, 6}), pass.source_lengths = {1, 2, 2};
  }
  [[nodiscard]] bool sequences() const { return takes == Takes::vectors || takes == Takes::ids; }

  [[nodiscard]] Graph graph() const {
    Graph graph;
    const Scope scope(graph);
    scope.remember_embedding(graph.tensor("shared", pass.embedding));
    Flow in{"x", Layout::rows};
    if (takes == Takes::pictures) in = {graph.input("x", Type::f32, {"batch", 8, 8, 4}), Layout::images};
    if (takes == Takes::rows) in = {graph.input("x", Type::f32, {"batch", 6}), Layout::rows};
    if (takes == Takes::vectors) in = {graph.input("x", Type::f32, {"batch", "time", 6}), Layout::sequences};
    if (takes == Takes::ids) in = {graph.input("x", Type::i64, {"batch", "time"}), Layout::sequences};
    if (sequences()) in.lengths = deploy::onnx::lengths_input;
    const Flow out = channels_last(scope, write_layer(scope.within("0."), *layer, in));
    std::vector<deploy::onnx::Axis> axes{"batch"};
    for (const char* name : {"b", "c", "d"}) axes.emplace_back(name);
    axes.resize(out.layout == Layout::rows ? 2 : out.layout == Layout::sequences ? 3 : 4);
    graph.output("y", Type::f32, axes, out.value);
    return graph;
  }
  /// The input with sequences padded by what must not matter.
  [[nodiscard]] nlohmann::json inputs(const Graph& graph) const {
    if (!sequences()) return {{"x", onnx_input(x)}};
    const int64_t width = takes == Takes::ids ? 1 : 6, time = most;
    std::vector<double> padded;
    for (int64_t s = 0, at = 0; s < 3; at += lengths[static_cast<size_t>(s++)])
      for (int64_t i = 0; i < time; ++i)
        for (int64_t c = 0; c < width; ++c)
          padded.push_back(i < lengths[static_cast<size_t>(s)] ? x.at((at + i) * width + c) : 5);
    nlohmann::json out;
    out["x"] =
        takes == Takes::ids ? onnx_input("int64", {3, time}, padded) : onnx_input("float32", {3, time, 6}, padded);
    if (graph.inputs().size() > 1) out["lengths"] = onnx_input("int64", {3}, lengths);
    return out;
  }
};

/// The rows of padded sequences that are tokens.
std::vector<double> without_padding(const nlohmann::json& y, const std::vector<int64_t>& ends) {
  const auto shape = y["shape"].get<std::vector<size_t>>();
  const auto data = y["data"].get<std::vector<double>>();
  std::vector<double> out;
  for (size_t s = 0; s < ends.size(); ++s) {
    const auto first = data.begin() + static_cast<ptrdiff_t>(s * shape[1] * shape[2]);
    out.insert(out.end(), first, first + static_cast<ptrdiff_t>(static_cast<size_t>(ends[s]) * shape[2]));
  }
  return out;
}

TEST(OnnxLayers, EachGivesAWholeGraphOrIsRefusedByName) {
  std::set<std::string> ops;
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.text);
    const Built built(row);
    if (refused(row.text)) {
      expect_error(ErrorKind::usage, {"onnx: layer 0 (", ") cannot be exported: cross: true"},
                   [&] { (void)built.graph(); });
      continue;
    }
    const ReadGraph graph = read_graph(built.graph().bytes("layer", "1"));
    EXPECT_EQ(graph.opsets, (std::map<std::string, int64_t>{{"", 17}}));
    ops.insert(graph.ops.begin(), graph.ops.end());
    built.layer->visit("0.", [&](const std::string& name, Tensor& t, bool) {
      const auto found = graph.tensors.find(name);
      if (found == graph.tensors.end() || name.find("h_l") != name.npos) return;  // recurrent ones are put together
      EXPECT_EQ(std::accumulate(found->second.begin(), found->second.end(), int64_t{1}, std::multiplies<>()), t.numel())
          << name;
    });
  }
  EXPECT_EQ(ops, (std::set<std::string>{"Add",         "AveragePool", "BatchNormalization",
                                        "Cast",        "Concat",      "Conv",
                                        "Cos",         "Div",         "Erf",
                                        "Flatten",     "GRU",         "Gather",
                                        "GatherND",    "Gemm",        "GlobalAveragePool",
                                        "Identity",    "LSTM",        "InstanceNormalization",
                                        "LeakyRelu",   "Less",        "LayerNormalization",
                                        "LessOrEqual", "MatMul",      "Max",
                                        "MaxPool",     "Mod",         "Mul",
                                        "RNN",         "Range",       "ReduceMax",
                                        "ReduceMean",  "ReduceSum",   "Relu",
                                        "Reshape",     "Shape",       "Sigmoid",
                                        "Sin",         "Softmax",     "Split",
                                        "Sqrt",        "Squeeze",     "Sub",
                                        "Tanh",        "Transpose",   "Unsqueeze",
                                        "Where"}));
}

TEST(OnnxLayers, GiveTheSameInOnnxRuntime) {
  const auto python = python_with_onnx();
  if (!python) GTEST_SKIP() << "no Python with onnx and onnxruntime: name one with TANDEM_PYTHON";
  std::vector<Row> all = rows();
  std::erase_if(all, [](const Row& row) { return refused(row.text); });
  std::vector<Built> built;
  std::vector<OnnxCase> cases;
  for (const Row& row : all) {
    const Graph graph = built.emplace_back(row).graph();
    cases.push_back({graph.bytes("layer", "1"), built.back().inputs(graph)});
  }
  const nlohmann::json answers = run_onnx(*python, cases);
  for (size_t i = 0; i < built.size(); ++i) {
    SCOPED_TRACE(all[i].text);
    nlohmann::json answer = answers[i];
    const Tensor y = built[i].layer->forward(built[i].x, built[i].pass);
    if (!built[i].pass.lengths.empty() && answer.contains("outputs")) {
      nlohmann::json& out = answer["outputs"]["y"];
      out["data"] = without_padding(out, built[i].pass.lengths);
    }
    expect_output(answer, "y", {y.data<const float>().begin(), y.data<const float>().end()});
  }
}

TEST(OnnxLayers, OnlyLayersThatLookAheadAskForLengths) {
  const auto inputs = [](const char* text) { return Built({text, Takes::vectors}).graph().inputs().size(); };
  for (const char* text : {"lstm: 4", "linear: 3", "attention: {heads: 2, causal: true}", "positions",
                           "transformer: {heads: 3, causal: true, rotary: true}"})
    EXPECT_EQ(inputs(text), 1U) << text;
  for (const char* text :
       {"lstm: {units: 4, bidirectional: true}", "attention: {heads: 2}", "pool_sequence: last", "conv1d: 3"})
    EXPECT_EQ(inputs(text), 2U) << text;
}

TEST(OnnxLayers, OfIntegersAreExportedWithTheWeightsTheyStandFor) {
  Rng rng(3, "int8");
  const auto weights = [&](nn::Int8Tensors& tensors) {
    for (int8_t& w : tensors.weight.data<int8_t>()) w = static_cast<int8_t>(rng.below(255) - 127);
    for (float& s : tensors.scale.data<float>()) s = static_cast<float>(rng.uniform(0.01, 0.02));
  };
  const auto bytes = [](nn::Module& layer) {
    Graph graph;
    const Flow x{graph.input("x", Type::f32, {"batch", 8, 8, 4}), Layout::images};
    (void)deploy::onnx::write_layer(Scope(graph), layer, x);
    return graph.bytes("layer", "test");
  };
  nn::Build build{Rng(1, "w"), 10};
  nn::Int8Linear linear;
  linear.like.units = 5;
  (void)linear.build({8, 8, 4}, build);
  weights(linear.tensors);
  nn::Linear wide = linear.in_float();
  EXPECT_EQ(bytes(linear), bytes(wide));
  nn::Int8Conv2d conv;
  conv.like.filters = 3;
  (void)conv.build({8, 8, 4}, build);
  weights(conv.tensors);
  nn::Conv2d wide_conv = conv.in_float();
  EXPECT_EQ(bytes(conv), bytes(wide_conv));
  EXPECT_NE(bytes(conv), bytes(wide));
}

TEST(OnnxLayers, RefuseWhatTheyDoNotKnow) {
  struct Odd : nn::Layer<Odd> {
    [[nodiscard]] std::string kind() const override { return "odd"; }
    [[nodiscard]] Tensor forward(const Tensor& x, nn::Pass&) override { return x; }
  };
  Graph graph;
  Odd odd;
  expect_error(ErrorKind::usage, {"layer 3.body.1 (odd) cannot be exported", "use the model with tandem"},
               [&] { (void)write_layer(Scope(graph).within("3.body.1."), odd, {"x"}); });
  expect_error(ErrorKind::usage, {"layer 2 (tied_head)", "no embedding before it"}, [&] {
    (void)write_layer(Scope(graph).within("2."), *nn::read_layer(Config::parse("tied_head", "l")), {"x"});
  });
}

}  // namespace
}  // namespace tandem::testing
