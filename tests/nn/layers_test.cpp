#include <tandem/autograd/tape.h>
#include <tandem/nn/catalog.h>
#include <tandem/nn/linear.h>
#include <tandem/nn/models.h>
#include <tandem/nn/weights.h>
#include <tandem/ops/cast.h>

#include <cmath>
#include <cstring>
#include <map>

#include "tests/nn/layer_rows.h"
#include "tests/testing.h"

namespace tandem::testing {
namespace {

std::unique_ptr<nn::Module> layer(const std::string& text) { return nn::read_layer(Config::parse(text, "l.yaml")); }

Tensor normal(const Shape& shape, Rng& rng) {
  Tensor x = Tensor::empty(shape);
  for (float& value : x.data<float>()) value = static_cast<float>(rng.normal());
  return x;
}

/// Moves every part, so that none stands at a default that another copy has too.
void disturb(nn::Module& l, uint64_t seed) {
  Rng rng(seed, "disturb");
  l.visit("", [&](const std::string&, Tensor& t, bool) {
    if (t.dtype() == DType::i8)
      for (int8_t& value : t.data<int8_t>()) value = static_cast<int8_t>(rng.below(255) - 127);
    else if (t.dtype() == DType::u8)
      for (uint8_t& value : t.data<uint8_t>()) value = static_cast<uint8_t>(1 + rng.below(2));  // some x is cut
    else
      for (float& value : t.data<float>()) value += static_cast<float>(rng.uniform(0.1, 0.9));
  });
}

/// Makes element i another one.
void change(const Tensor& t, int64_t i) {
  const auto at = static_cast<size_t>(i);
  if (t.dtype() == DType::i8)
    t.data<int8_t>()[at] = static_cast<int8_t>(-t.data<int8_t>()[at] / 2);
  else if (t.dtype() == DType::u8)
    t.data<uint8_t>()[at] /= 2;
  else
    t.data<float>()[at] *= 1.5F;
}

bool same(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::memcmp(a.bytes(), b.bytes(), a.byte_count()) == 0;
}

TEST(Layers, EachHasARow) {
  for (const auto& name : nn::layer_names())
    EXPECT_TRUE(layer_rows.contains(name)) << "layer '" << name << "' has no row in layer_rows.h";
  EXPECT_EQ(layer_rows.size(), nn::layer_names().size());
}

struct EachLayer : ::testing::TestWithParam<std::string> {
  [[nodiscard]] static const LayerRow& row() { return layer_rows.at(GetParam()); }
  [[nodiscard]] static std::string text() { return row().text; }
  [[nodiscard]] static bool predicts_only() { return GetParam().starts_with("int8"); }
  [[nodiscard]] static Shape build(nn::Module& l, uint64_t seed) {
    nn::Build b{Rng(seed, "weights"), 10};
    b.embedding = {12, 6}, b.source = {6};
    return l.build(row().input == LayerRow::pictures  ? Shape{8, 8, 4}
                   : row().input == LayerRow::vectors ? Shape{6}
                                                      : Shape{},
                   b);
  }
  [[nodiscard]] static Tensor input(uint64_t seed) {
    Rng rng(seed, "x");
    if (row().input == LayerRow::ids) return Tensor::from(std::vector<int32_t>{3, 0, 11, 3, 7, 8, 1}, {7});
    return normal(row().input == LayerRow::pictures ? Shape{3, 8, 8, 4} : Shape{7, 6}, rng);
  }
  /// A pass over three sequences of 3, 1 and 3 tokens, which came from an embedding.
  [[nodiscard]] static nn::Pass pass(bool training = false, bool bf16 = false) {
    nn::Pass out{training, Rng(1, "pass"), bf16};
    if (row().input != LayerRow::pictures) out.lengths = {3, 1, 3};
    Rng rng(4, "embedding");
    out.embedding = normal({12, 6}, rng);
    out.source = normal({5, 6}, rng), out.source_lengths = {1, 2, 2};
    return out;
  }
  [[nodiscard]] static Tensor forward(nn::Module& l, const Tensor& x) {
    nn::Pass p = pass();
    return l.forward(x, p);
  }
};

TEST_P(EachLayer, SavesAllOfItsParts) {
  const auto a = layer(text()), b = layer(text());
  const Shape out = build(*a, 1);
  EXPECT_EQ(build(*b, 2), out);
  disturb(*a, 3), disturb(*b, 4);
  const Tensor x = input(5);
  const Tensor y = forward(*a, x);
  std::vector<int64_t> expected{row().rows};
  expected.insert(expected.end(), out.begin(), out.end());
  EXPECT_EQ(y.shape(), Shape(expected)) << "build() foretells the shape of forward()";
  const bool has_parts = !nn::named(*a).empty();
  EXPECT_EQ(same(forward(*b, x), y), !has_parts);
  const TensorFile file = parse_safetensors(format_safetensors({nn::named(*a), {}}), "layer");
  nn::assign(*b, file.tensors, "layer");
  EXPECT_TRUE(same(forward(*b, x), y));
}

TEST_P(EachLayer, EveryPartMatters) {
  const auto a = layer(text());
  (void)build(*a, 1);
  disturb(*a, 3);
  const Tensor x = input(5), y = forward(*a, x);
  for (const auto& [name, tensor] : nn::named(*a)) {
    const Tensor before = tensor.clone();
    for (int64_t i = 0; i < tensor.numel(); ++i) change(tensor, i);
    EXPECT_FALSE(same(forward(*a, x), y)) << name << " has no influence";
    std::memcpy(tensor.bytes(), before.bytes(), before.byte_count());
  }
  EXPECT_TRUE(same(forward(*a, x), y));
}

TEST_P(EachLayer, EveryTrainedPartGetsAGradient) {
  const auto a = layer(text());
  (void)build(*a, 1);
  disturb(*a, 3);
  if (predicts_only()) return expect_error(ErrorKind::usage, {"do not learn"}, [&] { (void)nn::trained(*a); });
  const auto parameters = nn::trained(*a);
  nn::Pass way = pass(true);
  const Tensor y = a->forward(input(5), way);
  if (parameters.empty()) return;
  Tensor g = Tensor::empty(y.shape());
  Rng rng(6, "g");
  for (float& value : g.data<float>()) value = static_cast<float>(rng.normal());
  backward(y, g);
  for (const Tensor& p : parameters) {
    ASSERT_TRUE(grad_of(p).defined());
    double sum = 0;
    for (const float value : grad_of(p).data<const float>()) sum += std::abs(value);
    EXPECT_GT(sum, 0);
  }
}

// Each layer takes what a convolution before it gives in mixed precision, and sends its gradient back. 3 % of the
// largest is what a few roundings to bfloat16 cost here, and an error of wiring costs far more.
TEST_P(EachLayer, WorksInMixedPrecision) {
  if (row().input == LayerRow::ids) return;  // no numbers that could be stored so
  if (predicts_only()) return;
  std::vector<Tensor> results[2];
  for (const bool bf16 : {false, true}) {
    const auto a = layer(text());
    (void)build(*a, 1);
    disturb(*a, 3);
    const auto parameters = nn::trained(*a);
    Tensor x = cast(cast(input(5), DType::bf16), DType::f32);
    require_grad(x);
    nn::Pass way = pass(true, bf16);
    const Tensor y = widened(a->forward(bf16 ? cast(x, DType::bf16) : x, way));
    Tensor g = Tensor::empty(y.shape());
    Rng rng(6, "g");
    for (float& value : g.data<float>()) value = static_cast<float>(rng.normal());
    backward(y, g);
    results[bf16].push_back(y.detach());
    results[bf16].push_back(grad_of(x));
    for (const Tensor& p : parameters) results[bf16].push_back(grad_of(p));
  }
  for (size_t i = 0; i < results[0].size(); ++i) {
    const auto want = results[0][i].data<const float>(), got = results[1][i].data<const float>();
    ASSERT_EQ(got.size(), want.size());
    double largest = 1e-6, worst = 0;
    for (size_t j = 0; j < want.size(); ++j) {
      largest = std::max(largest, std::abs(static_cast<double>(want[j])));
      worst = std::max(worst, std::abs(static_cast<double>(got[j]) - static_cast<double>(want[j])));
    }
    // A bias before a batch norm has no effect: its gradient is rounding alone.
    EXPECT_LE(worst, 0.03 * largest + (i > 1 ? 0.05 : 0)) << (i == 0   ? "output"
                                                              : i == 1 ? "gradient of x"
                                                                       : "gradient of a parameter");
  }
}

TEST_P(EachLayer, IsWrittenAndReadTheSame) {
  const auto a = layer(text());
  EXPECT_EQ(a->kind(), GetParam());
  const std::string written = nn::write_layer(*a).str();
  const auto b = layer(written);
  EXPECT_EQ(nn::write_layer(*b).str(), written);
  (void)build(*a, 1), (void)build(*b, 1);
  const Tensor x = input(5);
  EXPECT_TRUE(same(forward(*a, x), forward(*b, x))) << "the options survive";
}

TEST_P(EachLayer, ABuiltCloneIsIndependent) {
  const auto a = layer(text());
  (void)build(*a, 1);
  const auto b = a->clone();
  EXPECT_EQ(b->kind(), a->kind());
  (void)build(*b, 2);
  const Tensor x = input(5), y = forward(*a, x);
  disturb(*b, 7);
  EXPECT_TRUE(same(forward(*a, x), y)) << "the clone's parts are its own";
  EXPECT_EQ(nn::named(*b).size(), nn::named(*a).size());
}

TEST_P(EachLayer, UnknownOptionsAreRefused) {
  const std::string kind = GetParam();
  expect_error(ErrorKind::usage, {"l.yaml:1:", kind, "unknown key 'sorrow'"},
               [&] { (void)layer(kind + ": {sorrow: 3}"); });
}

INSTANTIATE_TEST_SUITE_P(All, EachLayer, ::testing::ValuesIn(nn::layer_names()),
                         [](const auto& test) { return test.param; });

// ---- shapes

Shape built(const std::string& network, const Shape& in, int64_t classes = 10) {
  nn::Sequential net = nn::Sequential::read(Config::parse(network, "n.yaml"));
  nn::Build b{Rng(1, "w"), classes};
  return net.build(in, b);
}

TEST(Shapes, AreInferred) {
  const Shape image{28, 20, 3};
  EXPECT_EQ(built("[conv: 8]", image), (Shape{26, 18, 8}));
  EXPECT_EQ(built("[conv: {filters: 8, kernel: 5, padding: same}]", image), (Shape{28, 20, 8}));
  EXPECT_EQ(built("[conv: {filters: 8, kernel: 3, padding: 1, stride: 2}]", image), (Shape{14, 10, 8}));
  EXPECT_EQ(built("[conv: {filters: 8, kernel: 3, dilation: 2}]", image), (Shape{24, 16, 8}));
  EXPECT_EQ(built("[conv: {filters: 6, kernel: 3, padding: same, dilation: 2, groups: 3}]", image), (Shape{28, 20, 6}));
  EXPECT_EQ(built("[max_pool: 2]", image), (Shape{14, 10, 3}));
  EXPECT_EQ(built("[max_pool: {kernel: 3, stride: 2, padding: 1}]", image), (Shape{14, 10, 3}));
  EXPECT_EQ(built("[avg_pool: 3]", image), (Shape{9, 6, 3}));
  EXPECT_EQ(built("[flatten]", image), (Shape{1680}));
  EXPECT_EQ(built("[global_avg_pool, linear: classes]", image, 7), (Shape{7}));
  EXPECT_EQ(built("[linear: 4]", image), (Shape{28, 20, 4})) << "on the last axis";
}

TEST(Shapes, MessagesNameTheLayerAndTheNumbers) {
  const auto refused = [](const std::string& network, const std::vector<std::string>& parts,
                          const Shape& in = {28, 28, 1}) {
    SCOPED_TRACE(network);
    expect_error(ErrorKind::usage, parts, [&] { (void)built(network, in, 0); });
  };
  refused("[flatten, linear: {units: 10, inputs: 100}]",
          {"layer 1: linear", "expects 100 inputs, got 784", "set inputs: 784"});
  refused("[linear: {units: 10, inputs: 784}]", {"layer 0: linear", "got 1", "flatten"});
  refused("[flatten, linear: classes]", {"layer 1: linear", "units: classes"});
  refused("[flatten, conv: 8]", {"layer 1: conv", "images", "(784)", "before flatten"});
  refused("[conv: {filters: 8, kernel: 31}]", {"layer 0: conv", "kernel 31", "28x28", "smaller kernel"});
  refused("[max_pool: 4, max_pool: 4, conv: 8]", {"layer 2: conv", "larger than its input 1x1"});
  refused("[conv: {filters: 8, kernel: 4, padding: same}]", {"odd kernel, got 4", "use 5"});
  refused("[conv: {filters: 8, groups: 2}]", {"1 channels", "groups 2"});
  refused("[conv: {kernel: 3}]", {"filters is missing"});
  refused("[max_pool: 29]", {"layer 0: max_pool", "window 29", "28x28"});
  refused("[avg_pool: 29]", {"layer 0: avg_pool", "window 29"});
  refused("[flatten, global_avg_pool]", {"layer 1: global_avg_pool", "before flatten"});
  refused("[group_norm: 3]", {"layer 0: group_norm", "(28, 28, 1)", "3 groups"});
  refused("[residual: {body: [conv: 8]}]", {"layer 0: residual", "(26, 26, 8)", "(28, 28, 1)", "shortcut"});
  refused("[residual: {body: [conv: {filters: 8, padding: same}], shortcut: [conv: {filters: 4, kernel: 1}]}]",
          {"(28, 28, 8)", "(28, 28, 4)"});
  refused("[residual: {body: []}]", {"residual", "body is empty"});
  refused("[embedding: 8]", {"layer 0: embedding", "token ids", "(28, 28, 1)"});
  refused("[embedding: 8]", {"no vocabulary", "vocabulary: 10000"}, {});
  refused("[embedding: {vocabulary: 9}]", {"width is missing"}, {});
  refused("[tied_embedding]", {"layer 0: tied_embedding", "token ids", "(4)"}, {4});
  refused("[tied_embedding]", {"layer 0: tied_embedding", "none before it", "encoder"}, {});
  refused("[tied_head]", {"layer 0: tied_head", "none before it"}, {4});
  refused("[embedding: {width: 4, vocabulary: 9}, linear: 5, tied_head]",
          {"layer 2: tied_head", "embedding's 4", "(5)", "linear: 4"}, {});
  refused("[lstm: 8]", {"layer 0: lstm", "(28, 28, 1)", "embedding before it"});
  refused("[gru]", {"gru: units is missing", "gru: 128"}, {4});
  refused("[conv1d: {kernel: 3}]", {"conv1d: filters is missing"}, {4});
  refused("[conv1d: 8]", {"conv1d", "embedding before it"});
  refused("[attention: 2]", {"layer 0: attention", "embedding before it"});
  refused("[attention: 3]", {"width 4 cannot be divided into 3 heads"}, {4});
  refused("[attention]", {"attention: heads is missing", "the width 4"}, {4});
  refused("[attention: {heads: 4, key_heads: 3}]", {"4 heads cannot share 3 heads of keys"}, {4});
  refused("[attention: {heads: 4, rotary: true}]", {"heads of an even size, got 1"}, {4});
  refused("[attention: {heads: 4, cross: true, causal: true}]", {"neither causal nor rotary"}, {4});
  refused("[transformer]", {"transformer: heads is missing"}, {4});
  refused("[transformer: {layers: 1, heads: 3}]", {"width 4 cannot be divided into 3 heads"}, {4});
  refused("[positions]", {"positions", "embedding before it"}, {});
  refused("[pool_sequence]", {"pool_sequence", "embedding before it"}, {});
  refused("[parallel]", {"parallel: branches is empty"}, {4});
  refused("[parallel: {branches: [[embedding: {width: 2, vocabulary: 3}], []]}]", {"branch 1 gives no vectors"}, {});
  refused("[residual: {body: [relu, conv: {filters: 3, kernel: 40}]}]", {"layer 0: layer 1: conv"});
  refused("[linear: 10000000, linear: 10000000, linear: 10000000]", {"layer 1: network", "too large"});
}

TEST(Catalog, UnknownNamesGetTheNearest) {
  expect_error(ErrorKind::usage,
               {"l.yaml:1:1", "unknown layer 'batchnorm'", "did you mean 'batch_norm'", "valid: attention, avg_pool"},
               [] { (void)layer("batchnorm"); });
  expect_error(ErrorKind::usage, {"unknown layer 'xyzzyxyzzy'; valid"}, [] { (void)layer("xyzzyxyzzy: 3"); });
  expect_error(ErrorKind::usage, {"unknown model 'resnet21'", "did you mean 'resnet20'", "lenet"},
               [] { (void)nn::model("resnet21"); });
}

// ---- models

int64_t parameters(const std::string& name, const Shape& in, Shape* out = nullptr) {
  nn::Sequential net = nn::model(name);
  nn::Build b{Rng(1, "w"), 10};
  const Shape shape = net.build(in, b);
  if (out) *out = shape;
  return nn::count(net).trained;
}

// By hand, for 3 channels in: first convolution and norm 432 + 32; stage 1: three blocks of 2 (2304 + 32); stage 2:
// 4608 + 64 + 5 (9216 + 64), shortcut 512 + 64; stage 3: 18432 + 128 + 5 (36864 + 128), shortcut 2048 + 128; linear
// 650. The paper's 269,722 + the two projections with their norms (2,752) = 272,474.
TEST(Models, ResNetsHaveThePapersSizes) {
  Shape out;
  EXPECT_EQ(parameters("resnet20", {32, 32, 3}, &out), 272'474);
  EXPECT_EQ(out, (Shape{10}));
  EXPECT_EQ(parameters("resnet32", {32, 32, 3}), 466'906);
  EXPECT_EQ(parameters("resnet56", {32, 32, 3}), 855'770);
  expect_error(ErrorKind::usage, {"resnet", "depth 21", "6n + 2"}, [] { (void)nn::resnet(21); });
  expect_error(ErrorKind::usage, {"depth 2"}, [] { (void)nn::resnet(2); });
}

TEST(Models, LeNetHasItsShapes) {
  nn::Sequential net = nn::lenet();
  nn::Build b{Rng(1, "w"), 10};
  EXPECT_EQ(net.build({28, 28, 1}, b), (Shape{10}));
  const std::vector<Shape> expected{{28, 28, 6}, {28, 28, 6}, {14, 14, 6}, {10, 10, 16}, {10, 10, 16}, {5, 5, 16},
                                    {400},       {120},       {120},       {84},         {84},         {10}};
  EXPECT_EQ(net.shapes(), expected);
  EXPECT_EQ(nn::count(net).trained, 6 * 25 + 6 + 16 * 6 * 25 + 16 + 400 * 120 + 120 + 120 * 84 + 84 + 84 * 10 + 10);
  // 28·28 outputs of 25 products for 6 filters, 10·10 of 150 for 16, and the three matrices.
  EXPECT_EQ(net.multiply_adds({28, 28, 1}), 784 * 25 * 6 + 100 * 150 * 16 + 48000 + 10080 + 840);
}

TEST(Models, AllAreBuiltAndWrittenAsLayers) {
  for (const auto& name : nn::model_names()) {
    nn::Sequential net = nn::model(name);
    nn::Sequential back = nn::Sequential::read(Config::parse(net.write().str(), name));
    EXPECT_EQ(back.write().str(), net.write().str());
  }
}

// ---- initial values

TEST(Init, HasTheVarianceItClaims) {
  nn::Build b{Rng(1, "w"), 0};
  const auto moments = [](const Tensor& t) {
    double sum = 0, squares = 0, most = 0;
    for (const float v : t.data<const float>())
      sum += v, squares += double{v} * v, most = std::max(most, std::abs(double{v}));
    const auto n = static_cast<double>(t.numel());
    return std::array{sum / n, squares / n, most};
  };
  const auto [mean, variance, most] = moments(b.uniform({300, 200}, 200));
  EXPECT_NEAR(mean, 0, 5 * std::sqrt(1.0 / 600 / 60000));
  EXPECT_NEAR(variance, 1.0 / 600, 0.03 / 600);
  EXPECT_LE(most, 1 / std::sqrt(200.0));
  const auto [he_mean, he_variance, he_most] = moments(b.he({300, 200}, 200));
  EXPECT_NEAR(he_mean, 0, 5 * std::sqrt(0.01 / 60000));
  EXPECT_NEAR(he_variance, 0.01, 0.0003);
  EXPECT_FALSE(same(b.uniform({5}, 5), b.uniform({5}, 5))) << "each parameter draws on";
  nn::Build few{Rng(1, "w"), 0, 10};
  (void)few.parameter({2, 3});
  expect_error(ErrorKind::usage, {"(5)", "too large", "4 numbers"}, [&] { (void)few.parameter({5}); });
}

}  // namespace
}  // namespace tandem::testing
