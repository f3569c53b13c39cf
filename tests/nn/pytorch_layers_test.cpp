// Layers over sequences against PyTorch's with the same weights: outputs and gradients; pytorch_layers.py wrote them.
#include <gtest/gtest.h>
#include <tandem/autograd/tape.h>
#include <tandem/nn/catalog.h>
#include <tandem/nn/sequential.h>
#include <tandem/nn/weights.h>
#include <tandem/tensor/safetensors.h>

#include <map>
#include <memory>

namespace tandem::testing {
namespace {

struct Layer {
  const char* name;
  const char* text;
};

class PytorchLayers : public ::testing::TestWithParam<Layer> {};

std::map<std::string, Tensor> recorded(const std::string& name) {
  static const TensorFile file =
      read_safetensors(fs::path(TANDEM_SOURCE_DIR) / "tests" / "nn" / "pytorch_layers.safetensors");
  std::map<std::string, Tensor> out;
  for (const auto& [key, tensor] : file.tensors)
    if (key.starts_with(name + ".")) out.emplace(key.substr(name.size() + 1), tensor);
  return out;
}

void expect_near(const Tensor& got, const Tensor& want, const std::string& what) {
  ASSERT_TRUE(got.defined()) << what;
  ASSERT_EQ(got.shape(), want.shape()) << what;
  for (int64_t i = 0; i < want.numel(); ++i)
    EXPECT_NEAR(got.at(i), want.at(i), 1e-5 + 1e-4 * std::abs(want.at(i))) << what << " " << i;
}

TEST_P(PytorchLayers, GiveTheSameOutputsAndGradients) {
  const auto file = recorded(GetParam().name);
  ASSERT_FALSE(file.empty());
  const Config text = Config::parse(GetParam().text, "layer.yaml");
  const std::unique_ptr<nn::Module> layer =
      text.is_list() ? std::make_unique<nn::Sequential>(nn::Sequential::read(text)) : nn::read_layer(text);
  Tensor x = file.at("x").clone();
  const bool ids = x.dtype() == DType::i32;
  nn::Build build;
  (void)layer->build(ids ? Shape{} : Shape{x.size(1)}, build);
  std::vector<std::pair<std::string, Tensor>> weights;
  for (const auto& [key, tensor] : file)
    if (key.starts_with("weight.")) weights.emplace_back(key.substr(7), tensor);
  nn::assign(*layer, weights, "PyTorch");  // and so the names are the same, none missing, none too many
  const std::vector<Tensor> parameters = nn::trained(*layer);

  nn::Pass pass;
  pass.training = true;
  pass.lengths = {3, 1, 5};
  if (file.contains("source")) {
    pass.source = file.at("source").clone(), pass.source_lengths = {2, 4, 1};
    require_grad(pass.source);
  }
  if (!ids) require_grad(x);
  const Tensor source = pass.source, y = layer->forward(x, pass);
  expect_near(y, file.at("y"), "output");
  backward(y, file.at("g"));
  if (!ids) expect_near(grad_of(x), file.at("grad.x"), "gradient of x");
  if (source.defined()) expect_near(grad_of(source), file.at("grad.source"), "gradient of the source");
  layer->visit("", [&](const std::string& name, Tensor& t, bool) {
    expect_near(grad_of(t), file.at("grad." + name), "gradient of " + name);
  });
}

INSTANTIATE_TEST_SUITE_P(
    All, PytorchLayers,
    ::testing::Values(Layer{"rnn", "rnn: {units: 4, layers: 2, bidirectional: true}"},
                      Layer{"lstm", "lstm: {units: 4, layers: 2, bidirectional: true}"},
                      Layer{"gru", "gru: {units: 4, layers: 2, bidirectional: true}"},
                      Layer{"conv1d", "conv1d: {filters: 4, kernel: 4}"},
                      Layer{"conv1d_dilated", "conv1d: {filters: 4, kernel: 3, dilation: 2}"},
                      Layer{"grouped", "attention: {heads: 6, key_heads: 3}"},
                      Layer{"rotary",
                            "attention: {heads: 2, key_heads: 1, causal: true, rotary: true, rotary_base: 500}"},
                      Layer{"llama",
                            "transformer: {layers: 2, heads: 4, key_heads: 2, hidden: 10, causal: true, rotary: true, "
                            "norm_kind: rms, activation: swiglu, bias: false}"},
                      Layer{"tied", "[embedding: {width: 4, vocabulary: 7}, tied_head]"},
                      Layer{"embedding", "embedding: {width: 3, vocabulary: 7}"}, Layer{"rms_norm", "rms_norm: 1e-3"},
                      Layer{"causal", "transformer: {layers: 2, heads: 2, hidden: 12, causal: true}"},
                      Layer{"encoder", "transformer: {layers: 2, heads: 2, hidden: 12, norm: last, activation: relu}"},
                      Layer{"decoder", "transformer: {layers: 2, heads: 2, hidden: 12, causal: true, cross: true}"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace tandem::testing
