// A function of each element joins the layer before it, and a ReLU changes places with a max pool: what a network says,
// and its gradients, must be those of its layers one by one.
#include <tandem/autograd/tape.h>
#include <tandem/nn/activation.h>
#include <tandem/nn/conv.h>
#include <tandem/nn/inference.h>
#include <tandem/nn/linear.h>
#include <tandem/nn/norm.h>
#include <tandem/nn/sequential.h>
#include <tandem/nn/weights.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/cast.h>
#include <tandem/ops/reduce.h>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

using namespace nn;

struct Network {
  const char* name;
  Sequential net;
  Shape in;
};
void PrintTo(const Network& network, std::ostream* out) { *out << network.name; }

Tensor one_by_one(const Sequential& net, Tensor x, Pass& pass) {
  for (const auto& layer : net.layers()) {
    if (auto* residual = dynamic_cast<Residual*>(layer.get())) {
      const Tensor side = one_by_one(residual->shortcut, x, pass);
      x = one_by_one(residual->body, x, pass) + side;
    } else {
      x = layer->forward(x, pass);
    }
  }
  return x;
}

Sequential residual_block() {
  Residual with_shortcut, plain;
  with_shortcut.body = Sequential{Conv2d{16, 3, 1, 2}, BatchNorm{}, ReLU{}, Conv2d{16, 3, 1}, BatchNorm{}};
  with_shortcut.shortcut = Sequential{Conv2d{16, 1, 0, 2}, BatchNorm{}};
  plain.body = Sequential{Conv2d{16, 3, 1}, Tanh{}};  // ends in a function itself
  return Sequential{with_shortcut, ReLU{}, plain, ReLU{}, GlobalAvgPool{}};
}

Sequential wide_shortcut() {  // the picture itself, in float32, meets what convolutions made of it
  Residual unit;
  unit.body = Sequential{Conv2d{16, 3, 1}, BatchNorm{}};
  return Sequential{unit, ReLU{}, unit, GlobalAvgPool{}, Linear{}};
}

Sequential strided_shortcut() {  // as a ResNet halves its pictures: a 1x1 convolution of 16 channels
  Residual unit;
  unit.body = Sequential{Conv2d{32, 3, 1, 2}, BatchNorm{}};
  unit.shortcut = Sequential{Conv2d{32, 1, 0, 2}, BatchNorm{}};
  return Sequential{Conv2d{16, 3, 1}, BatchNorm{}, ReLU{}, unit, ReLU{}, GlobalAvgPool{}, Linear{}};
}

class Fusion : public ::testing::TestWithParam<Network> {};

TEST_P(Fusion, IsTheLayersOneByOne) {
  for (const bool training : {true, false}) {
    Sequential fused = GetParam().net, plain = GetParam().net;
    Build a{Rng(1, "init"), 3}, b{Rng(1, "init"), 3};
    static_cast<void>(fused.build(GetParam().in, a));
    static_cast<void>(plain.build(GetParam().in, b));
    std::vector<int64_t> sizes{5};
    for (const int64_t size : GetParam().in) sizes.push_back(size);
    Rng rng(2, "x");
    Tensor x = Tensor::empty(Shape(sizes));
    for (float& v : x.data<float>()) v = static_cast<float>(rng.uniform(-1, 1));
    const auto fused_weights = trained(fused), plain_weights = trained(plain);
    Pass pass{training, Rng(3, "dropout")};
    const Tensor y = fused.forward(x, pass), want = one_by_one(plain, x, pass);
    Tensor slopes = Tensor::empty(y.shape());
    for (float& v : slopes.data<float>()) v = static_cast<float>(rng.uniform(-1, 1));
    backward(sum(y * slopes));
    backward(sum(want * slopes));
    const auto expect_close = [](const Tensor& got, const Tensor& wanted, const std::string& what) {
      ASSERT_EQ(got.shape(), wanted.shape());
      for (int64_t i = 0; i < got.numel(); ++i)
        ASSERT_NEAR(got.at(i), wanted.at(i), 2e-5 * (1 + std::abs(wanted.at(i)))) << what << " " << i;
    };
    expect_close(y, want, "output");
    for (size_t i = 0; i < fused_weights.size(); ++i)
      expect_close(grad_of(fused_weights[i]), grad_of(plain_weights[i]), "gradient of parameter " + std::to_string(i));
    const auto kept = named(fused), kept_plain = named(plain);
    for (size_t i = 0; i < kept.size(); ++i) expect_close(kept[i].second, kept_plain[i].second, kept[i].first);
  }
}

// In mixed precision a network is near what it is in float32, with shortcuts that are wider than bodies and all.
// Vectors are compared by their lengths: a ReLU near its kink may go the other way.
TEST_P(Fusion, MixedPrecisionIsNear) {
  std::vector<Tensor> results[2];
  for (const bool bf16 : {false, true}) {
    Sequential net = GetParam().net;
    Build build{Rng(1, "init"), 3};
    static_cast<void>(net.build(GetParam().in, build));
    std::vector<int64_t> sizes{32};
    for (const int64_t size : GetParam().in) sizes.push_back(size);
    Rng rng(2, "x");
    Tensor x = Tensor::empty(Shape(sizes));
    for (float& v : x.data<float>()) v = static_cast<float>(rng.uniform(-1, 1));
    const auto weights = trained(net);
    Pass pass{true, Rng(3, "dropout"), bf16};
    const Tensor y = widened(net.forward(x, pass));
    Tensor slopes = Tensor::empty(y.shape());
    for (float& v : slopes.data<float>()) v = static_cast<float>(rng.uniform(-1, 1));
    backward(y, slopes);
    results[bf16].push_back(y.detach());
    for (const Tensor& w : weights) results[bf16].push_back(grad_of(w));
  }
  for (size_t i = 0; i < results[0].size(); ++i) {
    ASSERT_EQ(results[1][i].dtype(), DType::f32);
    double apart = 0, size = 0;
    for (int64_t j = 0; j < results[0][i].numel(); ++j) {
      apart += std::pow(results[0][i].at(j) - results[1][i].at(j), 2);
      size += std::pow(results[0][i].at(j), 2);
    }
    // A bias before a batch norm has no effect: its gradient is rounding alone.
    EXPECT_LE(std::sqrt(apart), 0.15 * std::sqrt(size) + 5e-2) << (i == 0 ? "output" : "gradient ") << i;
  }
}

// The copy for prediction says the same, whatever the statistics of its norms have become.
TEST_P(Fusion, ThePreparedCopySaysTheSame) {
  Sequential net = GetParam().net;
  Build build{Rng(1, "init"), 3};
  static_cast<void>(net.build(GetParam().in, build));
  Rng rng(4, "statistics");
  net.visit("", [&](const std::string& name, Tensor& t, bool) {
    for (float& v : t.data<float>())
      if (name.ends_with("running_var"))
        v = static_cast<float>(rng.uniform(0.3, 3));
      else if (name.ends_with("running_mean") || name.ends_with("bias"))
        v = static_cast<float>(rng.uniform(-1, 1));
  });
  std::vector<int64_t> sizes{5};
  for (const int64_t size : GetParam().in) sizes.push_back(size);
  Tensor x = Tensor::empty(Shape(sizes));
  for (float& v : x.data<float>()) v = static_cast<float>(rng.uniform(-1, 1));
  Pass pass;
  const Tensor want = one_by_one(net, x, pass);
  Sequential ready = for_inference(net);
  const Tensor got = ready.forward(x, pass);
  ASSERT_EQ(got.shape(), want.shape());
  for (int64_t i = 0; i < got.numel(); ++i) ASSERT_NEAR(got.at(i), want.at(i), 2e-5 * (1 + std::abs(want.at(i)))) << i;
  net.visit("", [](const std::string&, Tensor& t, bool) { std::ranges::fill(t.data<float>(), 0.0F); });
  const Tensor later = ready.forward(x, pass);
  for (int64_t i = 0; i < got.numel(); ++i) ASSERT_EQ(got.at(i), later.at(i)) << "later changes must not reach it";
  Build again{Rng(7, "other"), 3};  // built anew, it goes by its new weights
  static_cast<void>(ready.build(GetParam().in, again));
  const Tensor rebuilt = ready.forward(x, pass), plain = for_inference(ready).forward(x, pass);
  for (int64_t i = 0; i < got.numel(); ++i)
    ASSERT_NEAR(rebuilt.at(i), plain.at(i), 2e-5 * (1 + std::abs(plain.at(i)))) << i;
}

INSTANTIATE_TEST_SUITE_P(
    All, Fusion,
    ::testing::Values(
        Network{"functions",
                Sequential{Linear{9}, Tanh{}, Linear{8}, Sigmoid{}, Linear{7}, ReLU{}, Linear{6}, GELU{}, Linear{5},
                           SiLU{}, LeakyReLU{}, Linear{}},
                {6}},
        Network{"function_first", Sequential{ReLU{}, Tanh{}, Linear{4}}, {6}},
        Network{"pools",
                Sequential{Conv2d{16, 3, 1}, ReLU{}, MaxPool2d{2}, ReLU{}, AvgPool2d{2}, ReLU{}, MaxPool2d{2, 1, 1},
                           Flatten{}, Linear{}},
                {8, 8, 3}},
        Network{"norms", Sequential{BatchNorm{}, ReLU{}, Linear{6}, BatchNorm{}, Tanh{}, LayerNorm{}, ReLU{}}, {6}},
        Network{"residual", residual_block(), {8, 8, 4}}, Network{"wide_shortcut", wide_shortcut(), {8, 8, 16}},
        Network{"strided_shortcut", strided_shortcut(), {8, 8, 3}}));

}  // namespace
}  // namespace tandem::testing
