// Networks of 8-bit integers: how they are made, how near they are to what they are made of, and what they refuse.
#include <tandem/autograd/tape.h>
#include <tandem/nn/int8.h>
#include <tandem/nn/quantise.h>
#include <tandem/nn/weights.h>

#include <cmath>
#include <cstring>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

nn::Sequential built(const std::string& layers, const Shape& in) {
  nn::Sequential net = nn::Sequential::read(Config::parse(layers, "n.yaml"));
  nn::Build build{Rng(1, "weights"), 5};
  (void)net.build(in, build);
  Rng rng(2, "disturb");  // norms that do something
  net.visit("", [&](const std::string&, Tensor& t, bool) {
    if (t.rank() == 1)
      for (float& value : t.data<float>()) value += static_cast<float>(rng.uniform(0.1, 0.9));
  });
  return net;
}

Tensor normal(const Shape& shape, const char* stream) {
  Rng rng(1, stream);
  Tensor x = Tensor::empty(shape);
  for (float& value : x.data<float>()) value = static_cast<float>(rng.normal());
  return x;
}

Tensor forward(const nn::Sequential& net, const Tensor& x) {
  nn::Pass pass;
  return net.forward_part(0, net.layers().size(), x, pass);
}

nn::Sequential quantised(const nn::Sequential& net, const Tensor& examples) {
  return nn::quantised(net, [&](const nn::Sequential& n, nn::Pass& pass) {
    (void)n.forward_part(0, n.layers().size(), examples, pass);
  });
}

/// The difference's norm, relative to what is wanted.
double distance(const Tensor& got, const Tensor& want) {
  EXPECT_EQ(got.shape(), want.shape());
  double off = 0, all = 0;
  for (int64_t i = 0; i < want.numel(); ++i) {
    off += std::pow(got.at(i) - want.at(i), 2);
    all += std::pow(want.at(i), 2);
  }
  return std::sqrt(off / all);
}

const char* const residual =
    "[conv: {filters: 16, padding: same}, batch_norm, relu, residual: {body: [conv: {filters: 24, stride: 2, padding: "
    "1}, batch_norm, relu, conv: {filters: 24, padding: same}, batch_norm], shortcut: [conv: {filters: 24, kernel: 1, "
    "stride: 2}]}, relu, flatten, linear: 32, tanh, linear: classes]";

// A step of 1/127 of the range for inputs and of 1/254 for weights: errors of a few thousandths a layer. Without the
// zero point, the bias, the scales of outputs or the padding's value it would be tenths.
TEST(Int8, IsNearToWhatItIsMadeOf) {
  const nn::Sequential net = built(residual, {8, 8, 3});
  const nn::Sequential small = quantised(net, normal({64, 8, 8, 3}, "examples"));
  const Tensor x = normal({32, 8, 8, 3}, "x");
  EXPECT_LT(distance(forward(small, x), forward(net, x)), 0.03);
  EXPECT_GT(distance(forward(small, x), forward(net, x)), 1e-5) << "it is none of integers";
  std::vector<std::string> kinds;
  for (const auto& layer : small.layers()) kinds.push_back(layer->kind());
  EXPECT_EQ(kinds, (std::vector<std::string>{"int8_conv", "relu", "residual", "relu", "flatten", "int8_linear", "tanh",
                                             "int8_linear"}))
      << "batch norms are part of the layer before";
}

TEST(Int8, IsTheSameAfterItsFile) {
  const nn::Sequential small = quantised(built(residual, {8, 8, 3}), normal({64, 8, 8, 3}, "examples"));
  nn::Sequential same = small;
  nn::Sequential read = nn::Sequential::read(Config::parse(small.write().str(), "written"));
  nn::Build build{Rng(9, "other"), 5};
  (void)read.build({8, 8, 3}, build);
  nn::assign(read, parse_safetensors(format_safetensors({nn::named(same), {}}), "file").tensors, "file");
  const Tensor x = normal({5, 8, 8, 3}, "x"), want = forward(small, x), got = forward(read, x);
  EXPECT_EQ(std::memcmp(got.bytes(), want.bytes(), want.byte_count()), 0);
  EXPECT_EQ(read.multiply_adds({8, 8, 3}), built(residual, {8, 8, 3}).multiply_adds({8, 8, 3}));
}

TEST(Int8, BranchesAreQuantisedAndOtherLayersStay) {
  const nn::Sequential net =
      built("[parallel: {branches: [[linear: 4, relu], [conv1d: {filters: 3, kernel: 2}]]}, linear: classes]", {6});
  const Tensor x = normal({7, 6}, "x");
  const nn::Sequential small = nn::quantised(net, [&](const nn::Sequential& n, nn::Pass& pass) {
    pass.lengths = {3, 4};
    (void)n.forward_part(0, n.layers().size(), x, pass);
  });
  EXPECT_EQ(small.write().str(),
            Config::parse("[parallel: {branches: [[int8_linear: {units: 4, inputs: 0, bias: true}, "
                          "relu], [conv1d: {filters: 3, kernel: 2, padding: same, dilation: 1, "
                          "bias: true}]]}, int8_linear: {units: classes, inputs: 0, bias: true}]",
                          "want")
                .str());
}

TEST(Int8, TheRangeIsThatOfTheLeastError) {
  std::vector<int64_t> even(1000, 1);
  const nn::Int8Range all = nn::best_range(0, 12.7, even);
  EXPECT_NEAR(all.scale, 0.1, 0.002);
  EXPECT_EQ(all.zero, 0) << "nothing is negative";
  const nn::Int8Range both = nn::best_range(-1, 3, even);
  EXPECT_NEAR(both.scale, 4 / 127.0, 0.001);
  EXPECT_NEAR(both.zero, 127 / 4.0, 1);
  std::vector<int64_t> outlier(1000);
  for (size_t i = 0; i < 300; ++i) outlier[i] = 10'000;
  outlier[999] = 1;
  EXPECT_LT(nn::best_range(0, 1, outlier).scale, 0.5 / 127) << "one of millions is cut for the others' sake";
  EXPECT_EQ(nn::best_range(0, 0, even).scale, 1) << "of zeros any";
}

TEST(Int8, GradientsAreThoseOfTheSameWeightsInFloat) {
  const nn::Sequential small =
      quantised(built("[conv: 4, relu, flatten, linear: classes]", {5, 5, 2}), normal({64, 5, 5, 2}, "examples"));
  Tensor x = normal({3, 5, 5, 2}, "x");
  require_grad(x);
  const Tensor y = forward(small, x), g = normal(y.shape(), "g");
  backward(y, g);
  const auto& conv = dynamic_cast<const nn::Int8Conv2d&>(*small.layers()[0]);
  const auto& last = dynamic_cast<const nn::Int8Linear&>(*small.layers()[3]);
  nn::Sequential wide;
  wide.add(std::make_unique<nn::Conv2d>(conv.in_float()));
  wide.add(small.layers()[1]->clone()), wide.add(small.layers()[2]->clone());
  wide.add(std::make_unique<nn::Linear>(last.in_float()));
  Tensor x2 = x.detach().clone();
  require_grad(x2);
  backward(forward(wide, x2), g);
  EXPECT_EQ(distance(grad_of(x), grad_of(x2)), 0);
  EXPECT_LT(distance(y, forward(quantised(wide, x.detach()), x.detach())), 0.05) << "near to the integers' output";
}

TEST(Int8, RefusesInputsThatDoNotFit) {
  const nn::Sequential small =
      quantised(built("[conv: {filters: 4, padding: same}, linear: 3]", {4, 4, 2}), normal({9, 4, 4, 2}, "x"));
  nn::Module &conv = *small.layers()[0], &linear = *small.layers()[1];
  nn::Pass pass;
  expect_error(ErrorKind::usage, {"int8_conv", "input (1, 4, 4, 3) does not fit weight (4, 2, 3, 3)"}, [&] {
    (void)conv.forward(normal({1, 4, 4, 3}, "x"), pass);
  });
  expect_error(ErrorKind::usage, {"int8_conv", "what is added has shape (1, 4, 4, 5)", "(1, 4, 4, 4)"}, [&] {
    (void)conv.forward_then(kernels::Unary::relu, normal({1, 4, 4, 2}, "x"), pass, normal({1, 4, 4, 5}, "y"));
  });
  expect_error(ErrorKind::usage, {"int8_linear", "input (2, 5) does not fit weight (3, 4)"}, [&] {
    (void)linear.forward(normal({2, 5}, "x"), pass);
  });
  // Another size than the one it was built for is one more layout of the weight.
  const Tensor wide = normal({2, 7, 5, 2}, "wide");
  EXPECT_EQ(conv.forward(wide, pass).shape(), (Shape{2, 7, 5, 4}));
}

TEST(Int8, DoesNotLearn) {
  nn::Sequential small = quantised(built("[linear: classes]", {6}), normal({64, 6}, "x"));
  expect_error(ErrorKind::usage, {"train: tensor '0.weight'", "8-bit integers", "made of, and quantise that"},
               [&] { (void)nn::trained(small); });
}

TEST(Int8, RefusesWhatItCannotBeMadeOf) {
  expect_error(ErrorKind::usage, {"quantise", "no linear layer and no convolution without groups"}, [] {
    (void)quantised(built("[conv: {filters: 4, groups: 2}, relu]", {5, 5, 2}), normal({2, 5, 5, 2}, "x"));
  });
  expect_error(ErrorKind::usage, {"quantise", "no example has come to layer 1 (linear)"}, [] {
    const nn::Sequential net = built("[linear: 3, linear: 2]", {6});
    const Tensor x = normal({2, 6}, "x");
    (void)nn::quantised(net, [&](const nn::Sequential& n, nn::Pass& pass) { (void)n.forward_part(0, 1, x, pass); });
  });
  expect_error(ErrorKind::numeric, {"quantise", "became nan"}, [] {
    (void)quantised(built("[linear: 3]", {2}), Tensor::full({1, 2}, std::nan("")));
  });
  for (const char* kind : {"int8_linear: 3", "int8_conv: {filters: 3, kernel: 1}"})
    expect_error(ErrorKind::usage, {"each output sums 140000 products, more than 133000 could overflow", "float32"},
                 [&] {
                   (void)built(fmt::format("[{}]", kind), {1, 1, 140'000});
                 });
}

TEST(Int8, RefusesTensorsThatCannotBe) {
  const nn::Sequential good = quantised(built("[conv: 4, flatten, linear: 3]", {4, 4, 1}), normal({9, 4, 4, 1}, "x"));
  const auto refused = [&](const std::string& name, const Tensor& value, const std::vector<std::string>& parts) {
    SCOPED_TRACE(name);
    nn::Sequential net = nn::Sequential::read(good.write()), same = good;
    nn::Build build{Rng(1, "w"), 5};
    (void)net.build({4, 4, 1}, build);
    auto tensors = nn::named(same);
    for (auto& [own, tensor] : tensors)
      if (own == name) tensor = value;
    expect_error(ErrorKind::data, parts, [&] { nn::assign(net, tensors, "m.safetensors"); });
  };
  for (const double scale : {std::nan(""), HUGE_VAL, -1.0, 0.0, 1e-42}) {
    refused("0.scale", Tensor::full({4}, scale), {"m.safetensors", "layer 0.", "int8_conv", "scale holds", "positive"});
    refused("2.input_scale", Tensor::full({1}, scale), {"layer 2.", "int8_linear", "input_scale holds"});
  }
  refused("0.input_zero", Tensor::full({1}, 128, DType::u8), {"layer 0.", "input_zero is 128, expected 0 to 127"});
  refused("0.input_zero", Tensor::full({1}, 3, DType::i8), {"'0.input_zero' holds int8, the network's uint8"});
  refused("0.weight", Tensor::zeros({4, 1, 3, 3}), {"'0.weight' holds float32, the network's int8"});
  refused("0.weight", Tensor::zeros({4, 1, 3, 2}, DType::i8), {"'0.weight' has shape (4, 1, 3, 2)"});
  refused("2.scale", Tensor::zeros({4}), {"'2.scale' has shape (4), the network's has (3)"});
}

}  // namespace
}  // namespace tandem::testing
