// What one pass says of each example's gradient must be what a pass of that example alone gives.
#include <tandem/autograd/tape.h>
#include <tandem/nn/activation.h>
#include <tandem/nn/example_gradients.h>
#include <tandem/nn/weights.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/reduce.h>

#include <cmath>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

using namespace nn;

struct Network {
  const char* name;
  const char* layers;
  Shape in;
};
void PrintTo(const Network& network, std::ostream* out) { *out << network.name; }

Tensor random(const Shape& shape, std::string_view stream) {
  Tensor out = Tensor::empty(shape);
  Rng rng(5, stream);
  for (float& v : out.data<float>()) v = static_cast<float>(rng.normal());
  return out;
}

class OfEachExample : public ::testing::TestWithParam<Network> {};

TEST_P(OfEachExample, NormsAndWeightedSumsAreThoseOfOnesAlone) {
  constexpr int64_t n = 7;
  Sequential net = Sequential::read(Config::parse(GetParam().layers, "net"));
  Build build{Rng(1, "weights"), 3};
  const Shape out_shape = net.build(GetParam().in, build);
  const Tensor x = random(GetParam().in.inserted(0, n), "x"), g = random(out_shape.inserted(0, n), "g");
  const std::vector<float> weights{1, 0, 0.5F, 2, -1, 0.25F, 3};

  ExampleGradients gradients(net);
  backward(gradients.forward(x, {true, {}}), g);
  const std::vector<double> norms = gradients.squared_norms();
  const std::vector<Tensor> sums = gradients.sum(weights);

  Sequential alone = net;
  const std::vector<Tensor> leaves = trained(alone);
  ASSERT_EQ(sums.size(), leaves.size());
  std::vector<std::vector<double>> want;
  for (const Tensor& leaf : leaves) want.emplace_back(leaf.numel());
  for (int64_t i = 0; i < n; ++i) {
    Pass pass{true, {}};
    backward(alone.forward(x.rows(i, i + 1), pass), g.rows(i, i + 1));
    double squares = 0;
    for (size_t p = 0; p < leaves.size(); ++p) {
      for (int64_t j = 0; j < leaves[p].numel(); ++j) {
        const double value = grad_of(leaves[p]).at(j);
        squares += value * value;
        want[p][static_cast<size_t>(j)] += static_cast<double>(weights[static_cast<size_t>(i)]) * value;
      }
      clear_grad(leaves[p]);
    }
    EXPECT_NEAR(norms[static_cast<size_t>(i)] / squares, 1, 1e-4) << i;
  }
  for (size_t p = 0; p < want.size(); ++p) {
    double size = 0;
    for (const double w : want[p]) size = std::max(size, std::abs(w));
    EXPECT_GT(size, 0) << p;
    for (int64_t j = 0; j < sums[p].numel(); ++j)
      EXPECT_NEAR(sums[p].at(j), want[p][static_cast<size_t>(j)], 1e-5 * (1 + size)) << p << " " << j;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Networks, OfEachExample,
    ::testing::Values(
        Network{"linear", "[linear: 5, tanh, linear: {units: classes, bias: false}]", {4}},
        Network{"linear_on_rows", "[linear: 5, tanh, flatten, linear: classes]", {6, 4}},
        Network{"conv", "[conv: {filters: 4, kernel: 3, padding: same}, tanh, flatten, linear: classes]", {8, 8, 2}},
        Network{"conv_8x8",
                "[conv: {filters: 16, kernel: 8, stride: 2, padding: 3}, tanh, max_pool: {kernel: 2, stride: 1}, conv: "
                "{filters: 32, kernel: 4, stride: 2}, tanh, flatten, linear: classes]",
                {28, 28, 1}},
        Network{"conv_in_groups",
                "[conv: {filters: 6, kernel: 3, dilation: 2, groups: 2, bias: false}, relu, global_avg_pool]",
                {9, 7, 4}},
        Network{"norms",
                "[conv: {filters: 8, kernel: 3}, group_norm: {groups: 4}, relu, flatten, layer_norm, linear: classes]",
                {6, 6, 1}},
        Network{"residual",
                "[residual: {body: [conv: {filters: 3, padding: same}, tanh, conv: {filters: 3, padding: same}], "
                "shortcut: [conv: {filters: 3, kernel: 1}]}, relu, residual: {body: [conv: {filters: 3, padding: "
                "same}]}, flatten, linear: classes]",
                {5, 5, 2}}),
    [](const auto& of) { return of.param.name; });

// A layer that the loss does not reach has a gradient of zero.
TEST(ExampleGradients, OfNothingAreZero) {
  Sequential net = Sequential::read(Config::parse("[linear: 3, relu, linear: 2]", "net"));
  Build build{Rng(1, "weights"), 2};
  net.build({4}, build);
  ExampleGradients gradients(net);
  const Tensor y = gradients.forward(random({3, 4}, "x"), {true, {}});
  backward(y, Tensor::zeros(y.shape()));
  for (const double norm : gradients.squared_norms()) EXPECT_EQ(norm, 0);
  for (const Tensor& t : gradients.sum(std::vector<float>(3, 1.0F)))
    for (const float v : t.data<const float>()) EXPECT_EQ(v, 0);
}

struct Noisy : Layer<Noisy> {  // a layer with trained numbers whose result is not the same twice
  Tensor weight;
  std::string kind() const override { return "noisy"; }
  Shape build(const Shape& in, Build& build) override {
    weight = build.full({in[-1]}, 1);
    return in;
  }
  Tensor forward(const Tensor& x, Pass& pass) override { return x * weight * pass.rng.uniform(); }
  void visit(const std::string& at, const Visitor& v) override { v(at + "weight", weight, true); }
};

TEST(ExampleGradients, RefuseALayerThatDraws) {
  Sequential net{Noisy{}};
  Build build{Rng(1, "weights"), 2};
  net.build({4}, build);
  ExampleGradients gradients(net);
  expect_error(ErrorKind::usage, {"noisy", "3 of 3"},
               [&] { (void)gradients.forward(random({3, 4}, "x"), {true, Rng(1, "d")}); });
}

}  // namespace
}  // namespace tandem::testing
