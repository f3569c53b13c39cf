// Whole models as ONNX files: raw examples in, what `tandem predict` says out.
#include <tandem/deploy/onnx/export.h>
#include <tandem/nn/inference.h>
#include <tandem/nn/models.h>

#include "tests/deploy/onnx.h"
#include "tests/deploy/serving.h"
#include "tests/tasks/language_small.h"

namespace tandem::testing {
namespace {

using deploy::onnx::Graph;
using deploy::onnx::graph_of;
using tasks::Classifier;

std::string bytes_of(const Graph& graph) { return graph.bytes("model", "1.2.3"); }

/// Statistics and scales that are not those of a new network.
void disturb(nn::Module& net) {
  Rng rng(3, "disturb");
  net.visit("", [&](const std::string&, Tensor& t, bool) {
    for (float& value : t.data<float>()) value += static_cast<float>(rng.uniform(0.02, 0.1));
  });
}

nn::Sequential network(const std::string& text) { return nn::Sequential::read(Config::parse(text, "network.yaml")); }

data::Dataset pictures(int64_t n, int64_t side, int64_t channels) {
  data::Dataset set{.inputs = Tensor::empty({n, side, side, channels}, DType::u8),
                    .labels = {},
                    .classes = {"top", "middle", "bottom"},
                    .source = "noise"};
  Rng rng(4, "pixels");
  for (uint8_t& pixel : set.pixels().data<uint8_t>()) pixel = static_cast<uint8_t>(rng.below(256));
  for (int64_t i = 0; i < n; ++i) set.labels.push_back(static_cast<int32_t>(i % 3));
  return set;
}

Classifier of_pictures(nn::Sequential net, const data::Dataset& set) {
  Classifier model;
  model.net = std::move(net);
  model.input = tasks::fit_input(set);
  model.classes = set.classes;
  model.build(Rng(1, "weights"));
  disturb(model.net);
  return model;
}

const data::Texts texts{"a good film", "bad", "a good good film and a bad one, not bad, good fun at last", "not a film",
                        "fun"};

Classifier of_texts(const std::string& net, const tasks::TextOptions& options = {}) {
  Classifier model;
  model.net = network(net);
  model.input = tasks::fit_input(texts, options);
  model.classes = {"bad", "good"};
  model.build(Rng(1, "weights"));
  return model;
}

/// Token ids of texts, padded with `padding`.
nlohmann::json token_inputs(const std::vector<std::vector<int32_t>>& all, int32_t padding, bool with_lengths = true) {
  size_t most = 0;
  for (const auto& ids : all) most = std::max(most, ids.size());
  std::vector<int64_t> data, lengths;
  for (const auto& ids : all) {
    lengths.push_back(std::ssize(ids));
    for (size_t i = 0; i < most; ++i) data.push_back(i < ids.size() ? ids[i] : padding);
  }
  nlohmann::json out{{"tokens", onnx_input("int64", {std::ssize(all), static_cast<int64_t>(most)}, data)}};
  if (with_lengths) out["lengths"] = onnx_input("int64", {std::ssize(all)}, lengths);
  return out;
}

struct OnnxModels : ::testing::Test {
  std::optional<fs::path> python = python_with_onnx();
  void SetUp() override {
    if (!python) GTEST_SKIP() << "no Python with onnx and onnxruntime: name one with TANDEM_PYTHON";
  }
  /// Probabilities and answers of a classifier, in ONNX Runtime as here.
  nlohmann::json expect_same(Classifier& model, const data::Dataset& set, const nlohmann::json& inputs) const {
    const nlohmann::json answer = run_onnx(*python, {{bytes_of(graph_of(model)), inputs}})[0];
    const std::vector<float> p = model.predict(set);
    expect_output(answer, "probabilities", p);
    std::vector<float> labels;
    for (size_t i = 0; i < p.size(); i += model.classes.size())
      labels.push_back(static_cast<float>(model.answer(std::span(p).subspan(i, model.classes.size()))));
    expect_output(answer, "label", labels);
    return answer;
  }
  nlohmann::json expect_pictures(Classifier& model, const data::Dataset& set) const {
    return expect_same(model, set, {{"image", onnx_input(set.pixels())}});
  }
  nlohmann::json expect_texts(Classifier& model, int32_t padding = 1) const {
    const auto ids = tasks::encode(std::get<tasks::TextInput>(model.input), texts);
    return expect_same(model, {.inputs = texts, .labels = {0, 0, 0, 0, 0}, .classes = model.classes, .source = "texts"},
                       token_inputs(ids, padding));
  }
};

TEST_F(OnnxModels, FeedForwardAndItsLogits) {
  const data::Dataset set = pictures(5, 6, 1);
  Classifier model = of_pictures(network("[flatten, linear: 9, sigmoid, linear: 7, tanh, linear: classes]"), set);
  const nlohmann::json answer = expect_pictures(model, set);
  const nn::Sequential ready = nn::for_inference(model.net);
  std::vector<int64_t> all{0, 1, 2, 3, 4};
  nn::Pass pass;
  const Tensor y = ready.forward_part(0, ready.layers().size(), tasks::batch_of(model.input, set, all, {}, {}).x, pass);
  expect_output(answer, "logits", {y.data<const float>().begin(), y.data<const float>().end()});
}

TEST_F(OnnxModels, ConvolutionsWithBatchNormInColour) {
  const data::Dataset set = pictures(5, 9, 3);
  Classifier model = of_pictures(network("[conv: {filters: 6, padding: same}, batch_norm, relu, max_pool: 2, conv: 4, "
                                         "batch_norm, gelu, flatten, linear: classes]"),
                                 set);
  (void)expect_pictures(model, set);
}

TEST_F(OnnxModels, ResidualNetworks) {
  const data::Dataset set = pictures(3, 16, 3);
  Classifier model = of_pictures(nn::resnet(20), set);
  (void)expect_pictures(model, set);
}

TEST_F(OnnxModels, ViewsTemperatureAndTwoWaysToEndANetworkOfTwoClasses) {
  data::Dataset set = pictures(40, 7, 1);
  Classifier model = of_pictures(network("[conv: 4, relu, flatten, linear: classes]"), set);
  model.views = {.flip = true, .shift = 1};
  model.learn_confidence({}, set, set);
  ASSERT_NE(model.confidence->temperature(), 1);
  const nlohmann::json answer = expect_pictures(model, set);
  EXPECT_FALSE(answer["outputs"].contains("logits")) << "there are six of them";
  EXPECT_EQ(std::stod(answer["notes"]["temperature"].get<std::string>()), model.confidence->temperature());

  set.classes = {"no", "yes"};
  for (int32_t& label : set.labels) label = label % 2;
  for (const char* loss : {"binary_cross_entropy", "binary_cross_entropy_logits"}) {
    Classifier two;
    two.loss = loss;
    two.net =
        network(loss == std::string("binary_cross_entropy") ? "[flatten, linear: 1, sigmoid]" : "[flatten, linear: 1]");
    two.input = tasks::fit_input(set), two.classes = set.classes;
    two.build(Rng(1, "weights"));
    two.threshold = evaluate::Threshold{{}, 0.62};
    (void)expect_pictures(two, set);
  }
}

TEST_F(OnnxModels, RecurrentNetworksOfTexts) {
  for (const char* kind : {"lstm", "gru", "rnn"}) {
    SCOPED_TRACE(kind);
    Classifier model =
        of_texts(fmt::format("[embedding: 6, {}: {{units: 5, layers: 2, bidirectional: true}}, dropout, "
                             "pool_sequence: last, linear: classes]",
                             kind));
    (void)expect_texts(model);
    Classifier forward = of_texts(fmt::format("[embedding: 6, {}: 5, pool_sequence: max, linear: classes]", kind));
    (void)expect_texts(forward);
  }
}

TEST_F(OnnxModels, ConvolutionsAndTransformersOfTexts) {
  Classifier words = of_texts(
      "[embedding: 6, parallel: {branches: [[conv1d: {filters: 4, kernel: 3}, relu, pool_sequence: max], [conv1d: "
      "{filters: 4, kernel: 2, padding: valid}, relu, pool_sequence: max]]}, linear: classes]");
  (void)expect_texts(words);
  Classifier encoder = of_texts(
      "[embedding: 8, positions, transformer: {layers: 2, heads: 2, dropout: 0.1}, pool_sequence: mean, linear: "
      "classes]");
  const nlohmann::json answer = expect_texts(encoder);
  const auto& tokenizer = std::get<tasks::TextInput>(encoder.input).tokenizer;
  const auto vocabulary = nlohmann::json::parse(answer["notes"]["vocabulary"].get<std::string>());
  ASSERT_EQ(std::ssize(vocabulary), tokenizer.size());
  EXPECT_EQ(vocabulary[3], tokenizer.piece(3));
  EXPECT_EQ(nlohmann::json::parse(answer["notes"]["classes"].get<std::string>()), nlohmann::json({"bad", "good"}));
}

TEST_F(OnnxModels, TablesByNameAndWord) {
  const std::string csv =
      "age,since,sex\n31,2024-03-01,\"F, say\"\n?,2024-05-01,M\n45,2023-01-31,M\n60,,\"F, say\"\n45,2023-02-01,M\n";
  const auto read = [](const std::string& text) {
    return data::read_table(data::Csv::parse(text, "t.csv", {.delimiter = ','}),
                            {.types = {{"age", data::ColumnType::number},
                                       {"since", data::ColumnType::date},
                                       {"sex", data::ColumnType::category}}});
  };
  // A value beyond the range, a new word, none at all.
  const data::Table rows = read(csv + "4500,2024-01-01,other\n-3,,\n33.25,1999-12-31,M\n");
  nlohmann::json inputs;
  for (const data::Column& column : rows.columns) {
    nlohmann::json values = nlohmann::json::array();
    if (column.numeric())
      for (const double value : column.numbers)
        values.push_back(std::isnan(value) ? nlohmann::json() : nlohmann::json(value));
    else
      values = column.words;
    inputs[column.name] = onnx_input(column.numeric() ? "float64" : "string", {rows.rows(), 1}, values);
  }
  for (const char* numbers : {"standard", "piecewise", "quantile"}) {
    SCOPED_TRACE(numbers);
    Classifier model;
    model.net = nn::table_mlp(6, 2);
    model.input = tasks::fit_input(read(csv), tasks::TableOptions{.numbers = numbers, .bins = 3});
    model.classes = {"well", "ill"};
    model.build(Rng(1, "weights"));
    disturb(model.net);
    const auto n = static_cast<size_t>(rows.rows());
    (void)expect_same(
        model, {.inputs = rows, .labels = std::vector<int32_t>(n, 0), .classes = model.classes, .source = "t"}, inputs);
  }
}

TEST_F(OnnxModels, LanguageModels) {
  const Folder folder;
  const fs::path text = folder.write("text.txt", alphabet_text(20));
  for (const char* net : {tiny_lstm, tiny_transformer,
                          "[embedding: 8, positions: {most: 8}, transformer: {layers: 1, heads: 4, key_heads: 2, "
                          "causal: true, norm_kind: rms, activation: swiglu}, tied_head: {bias: true}]"}) {
    SCOPED_TRACE(net);
    const tasks::LanguageModel model = tiny_language_model(net, text, false);
    const std::vector<std::vector<int32_t>> ids{{3, 4, 5, 6, 7}, {9, 8}};
    const Graph graph = graph_of(model);
    EXPECT_EQ(graph.inputs().size(), 1U) << "no token sees a later one: padding at the end needs no lengths";
    nlohmann::json answer = run_onnx(*python, {{bytes_of(graph), token_inputs(ids, 5, false)}})[0];
    ASSERT_FALSE(answer.contains("error")) << answer["error"];
    nn::Pass pass;
    pass.lengths = {5, 2};
    const Tensor y = model.net.forward_part(0, model.net.layers().size(),
                                            Tensor::from(std::vector<int32_t>{3, 4, 5, 6, 7, 9, 8}, {7}), pass);
    auto& data = answer["outputs"]["logits"]["data"];
    const auto last = static_cast<size_t>(7 * model.vocabulary());
    data.erase(data.begin() + static_cast<ptrdiff_t>(last), data.end());  // the padding of the second text
    expect_output(answer, "logits", {y.data<const float>().begin(), y.data<const float>().end()});
    EXPECT_EQ(answer["notes"]["longest"], "8");
  }
}

TEST_F(OnnxModels, ATextOutOfBoundsIsRefusedByTheRuntime) {
  const Folder folder;
  const tasks::LanguageModel model =
      tiny_language_model(tiny_transformer, folder.write("text.txt", alphabet_text(20)), false);
  const nlohmann::json answer =
      run_onnx(*python, {{bytes_of(graph_of(model)), token_inputs({std::vector<int32_t>(9, 3)}, 0, false)}})[0];
  ASSERT_TRUE(answer.contains("error")) << "there are positions for 8 tokens";
  EXPECT_NE(answer["error"].get<std::string>().find("out of data bounds"), std::string::npos) << answer["error"];
}

// --- without ONNX Runtime

TEST(Onnx, SaysWhatAModelIs) {
  Classifier model = small_table_model(1);
  model.notes = {{"name", "risk"}, {"version", "0.1.0"}, {"seed", "7"}};
  model.threshold = evaluate::Threshold{{}, 0.25};
  const Graph graph = graph_of(model);
  std::vector<std::string> ports;
  for (const auto& port : graph.inputs()) ports.push_back(port.text());
  for (const auto& port : graph.outputs()) ports.push_back(port.text());
  EXPECT_EQ(ports, (std::vector<std::string>{"age  float64 (batch, 1)", "since  float64 (batch, 1)",
                                             "sex  string (batch, 1)", "probabilities  float32 (batch, 2)",
                                             "label  int64 (batch)", "logits  float32 (batch, 2)"}));
  const ReadGraph read = read_graph(bytes_of(graph));
  EXPECT_EQ(read.notes, (std::map<std::string, std::string>{{"task", "table_classification"},
                                                            {"name", "risk"},
                                                            {"tandem_version", "0.1.0"},
                                                            {"seed", "7"},
                                                            {"threshold", "0.25"},
                                                            {"classes", R"(["well","ill"])"}}));
  EXPECT_EQ(read.opsets, (std::map<std::string, int64_t>{{"", 17}, {"ai.onnx.ml", 3}}));
  EXPECT_TRUE(std::ranges::count(read.ops, "ai.onnx.ml:LabelEncoder") == 1);
  EXPECT_EQ(read.tensors.at("0.weight"), (std::vector<int64_t>{4, tasks::shape_of(model.input)[0]}))
      << "names and layout are those of the model file";
}

TEST(Onnx, SubwordModelsTravelWithTheirPieces) {
  tasks::TextOptions options;
  options.tokenizer.type = "unigram", options.tokenizer.vocabulary = 24;
  const Classifier model = of_texts("[embedding: 4, pool_sequence: mean, linear: classes]", options);
  const ReadGraph graph = read_graph(bytes_of(graph_of(model)));
  EXPECT_GT(graph.notes.at("sentencepiece").size(), 100U);
  EXPECT_EQ(graph.notes.at("longest"), "512");
  EXPECT_NE(graph.notes.at("tokenizer").find("unigram"), std::string::npos);
}

TEST(Onnx, RefusesWhatItCannotSay) {
  expect_error(ErrorKind::usage, {"'label'", "rename"}, [] {
    Classifier model = small_table_model(1);
    std::get<tasks::TableInput>(model.input).number_columns[0].name = "label";
    (void)graph_of(model);
  });
}

TEST(Onnx, OneWireFormatForBothWays) {
  using namespace protobuf;
  Message part;
  part.text(1, "inner").number(2, -1);
  Message all;
  all.number(1, 300).real(2, 1.5F).part(3, part).number(536870911, 0);
  const auto fields = fields_of(all.bytes(), "bytes");
  ASSERT_EQ(fields.size(), 4U);
  EXPECT_EQ(fields[0].number, 300U);
  EXPECT_EQ(std::bit_cast<float>(static_cast<uint32_t>(fields[1].number)), 1.5F);
  EXPECT_EQ(fields[3].field, 536870911);
  const auto inner = fields_of(fields[2].bytes, "bytes");
  EXPECT_EQ(inner[0].bytes, "inner");
  EXPECT_EQ(static_cast<int64_t>(inner[1].number), -1);
  EXPECT_EQ(packed_numbers(std::string_view("\x01\xac\x02", 3), "bytes"), (std::vector<int64_t>{1, 300}));
  // Every cut but those between fields is refused.
  const std::string& bytes = all.bytes();
  size_t refused = 0;
  for (size_t n = 1; n < bytes.size(); ++n) {
    try {
      (void)fields_of(std::string_view(bytes).substr(0, n), "cut.onnx");
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::data);
      EXPECT_NE(std::string(e.what()).find("cut.onnx: is no message"), std::string::npos);
      ++refused;
    }
  }
  EXPECT_EQ(refused, bytes.size() - 1 - 3);
  for (const std::string& bad : {std::string(11, '\xff'), std::string("\x03", 1), std::string("\x00\x01", 2)})
    EXPECT_THROW((void)fields_of(bad, "bad"), Error);
}

TEST(Onnx, TheProgramExports) {
  const Folder folder;
  small_model(1).save(folder / "digits.safetensors");
  const Said said = tandem(folder, {"export", "digits.safetensors", "--to", "onnx"});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(said.out,
            "input   image  uint8 (batch, 6, 6, 1)\noutput  probabilities  float32 (batch, 3)\noutput  label  int64 "
            "(batch)\noutput  logits  float32 (batch, 3)\n");
  EXPECT_NE(said.err.find("digits.onnx"), std::string::npos);
  EXPECT_EQ(read_graph(read_text(folder / "digits.onnx")).inputs, std::vector<std::string>{"image"});
  EXPECT_EQ(tandem(folder, {"export", "digits.safetensors", "--to", "coreml"}).code, 2);
  EXPECT_EQ(tandem(folder, {"export", "digits.safetensors", "--to", "onnx", "--out", "none/x.onnx"}).code, 3);
  EXPECT_EQ(tandem(folder, {"export", "nothing", "--to", "onnx"}).code, 3);
}

}  // namespace
}  // namespace tandem::testing
