// What the table cannot hold: infinities and NaN, ties, state, and what the tape keeps.
#include <gtest/gtest.h>
#include <tandem/autograd/tape.h>
#include <tandem/base/threads.h>
#include <tandem/ops/activation.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/image.h>
#include <tandem/ops/linear.h>
#include <tandem/ops/loss.h>
#include <tandem/ops/norm.h>
#include <tandem/ops/reduce.h>
#include <tandem/ops/sequence.h>
#include <tandem/ops/shape.h>

#include <cmath>
#include <limits>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> values(const Tensor& t) {
  std::vector<double> out;
  for (int64_t i = 0; i < t.numel(); ++i) out.push_back(t.at(i));
  return out;
}

Tensor tensor(const std::vector<double>& v, DType type = DType::f32) {
  return Tensor::from(v, {static_cast<int64_t>(v.size())}).to(type);
}

struct Edge {
  const char* name;
  Tensor (*call)(const Tensor&);
  std::vector<std::pair<double, double>> points;  // input, output
};

class OpEdges : public ::testing::TestWithParam<Edge> {};
void PrintTo(const Edge& edge, std::ostream* out) { *out << edge.name; }

// Each point stands alone, in a vector of zeros, and at the end of one that is no multiple of a vector's width.
TEST_P(OpEdges, Values) {
  for (const DType type : {DType::f32, DType::f64})
    for (const auto& [x, want] : GetParam().points)
      for (const int64_t n : {1, 16, 19}) {
        Tensor in = Tensor::full({n}, 0.5, DType::f64);
        in.data<double>()[static_cast<size_t>(n - 1)] = x;
        const double got = GetParam().call(in.to(type)).at(n - 1);
        if (std::isnan(want))
          EXPECT_TRUE(std::isnan(got)) << GetParam().name << "(" << x << ") is " << got << " in " << name_of(type);
        else if (std::isinf(want) || want == 0)
          EXPECT_EQ(got, want) << GetParam().name << "(" << x << ") in " << name_of(type);
        else
          EXPECT_NEAR(got, want, std::abs(want) * 3e-7) << GetParam().name << "(" << x << ") in " << name_of(type);
      }
}

// -inf to silu gives -inf * 0, NaN, as it does in PyTorch.
INSTANTIATE_TEST_SUITE_P(
    All, OpEdges,
    ::testing::Values(
        Edge{"exp",
             exp,
             {{inf, inf},
              {-inf, 0},
              {nan, nan},
              {1e30, inf},
              {-1e30, 0},
              {0, 1},
              {88.5, std::exp(88.5)},
              {-87, std::exp(-87.0)}}},
        Edge{"log",
             log,
             {{inf, inf},
              {0, -inf},
              {-0.0, -inf},
              {-1, nan},
              {-inf, nan},
              {nan, nan},
              {1e30, std::log(1e30)},
              {1, 0},
              {1e-37, std::log(1e-37)}}},
        Edge{"sqrt", sqrt, {{inf, inf}, {0, 0}, {-1, nan}, {nan, nan}}},
        Edge{"abs", abs, {{-inf, inf}, {nan, nan}, {-0.0, 0}}}, Edge{"square", square, {{-inf, inf}, {nan, nan}}},
        Edge{"reciprocal", reciprocal, {{inf, 0}, {0, inf}, {-0.0, -inf}, {nan, nan}}},
        Edge{"relu", relu, {{inf, inf}, {-inf, 0}, {nan, nan}, {-1e30, 0}}},
        Edge{"leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.5); }, {{inf, inf}, {-inf, -inf}, {nan, nan}}},
        Edge{"sigmoid", sigmoid, {{inf, 1}, {-inf, 0}, {nan, nan}, {1e30, 1}, {-1e30, 0}, {-80, std::exp(-80.0)}}},
        Edge{"tanh", tanh, {{inf, 1}, {-inf, -1}, {nan, nan}, {1e30, 1}, {-1e30, -1}, {0, 0}, {1e-20, 1e-20}}},
        Edge{"gelu", gelu, {{inf, inf}, {nan, nan}, {30, 30}, {-60, 0}, {-1e18, 0}, {0, 0}}},
        Edge{"gelu_tanh", gelu_tanh, {{inf, inf}, {nan, nan}, {30, 30}, {-30, 0}, {0, 0}}},
        Edge{"silu", silu, {{inf, inf}, {nan, nan}, {100, 100}, {-1e30, 0}, {0, 0}}},
        Edge{
            "softplus",
            softplus,
            {{inf, inf}, {-inf, 0}, {nan, nan}, {1e30, 1e30}, {-1e30, 0}, {0, std::log(2.0)}, {-80, std::exp(-80.0)}}}),
    [](const auto& edge) { return std::string(edge.param.name); });

TEST(OpSpecial, GradientsAtTheEdges) {
  const auto slope = [](Tensor (*f)(const Tensor&), double at) {
    Tensor x = tensor({at});
    require_grad(x);
    backward(f(x));
    return grad_of(x).at(0);
  };
  EXPECT_EQ(slope(relu, 0), 0);
  EXPECT_EQ(slope(relu, nan), 0);
  EXPECT_EQ(slope(abs, 0), 0);
  EXPECT_EQ(slope(sigmoid, 1e30), 0);
  EXPECT_EQ(slope(sigmoid, -1e30), 0);
  EXPECT_EQ(slope(tanh, 1e30), 0);
  EXPECT_EQ(slope(softplus, 1e30), 1);
  EXPECT_EQ(slope(softplus, -1e30), 0);
  EXPECT_EQ(slope(gelu, 30), 1);
  EXPECT_EQ(slope(gelu, -30), 0);
  EXPECT_EQ(slope(gelu_tanh, 30), 1);
  EXPECT_EQ(slope(gelu_tanh, -30), 0);
  EXPECT_EQ(slope(silu, 100), 1);
  EXPECT_EQ(slope(silu, -200), 0);
  EXPECT_EQ(slope(sqrt, 0), inf);
  EXPECT_TRUE(std::isnan(slope(exp, nan)));
}

TEST(OpSpecial, SoftmaxOfHugeInputs) {
  for (const DType type : {DType::f32, DType::f64}) {
    EXPECT_EQ(values(softmax(tensor({1e30, -1e30, 1e30}, type))), (std::vector<double>{0.5, 0, 0.5}));
    EXPECT_EQ(values(softmax(tensor({-1e30, -1e30}, type))), (std::vector<double>{0.5, 0.5}));
    EXPECT_EQ(values(softmax(tensor({-inf, 0}, type))), (std::vector<double>{0, 1}));  // a masked position
    EXPECT_EQ(values(log_softmax(tensor({1e30, 0}, type))), (std::vector<double>{0, -tensor({1e30}, type).item()}));
    for (const double y : values(softmax(tensor({0, nan, 1}, type)))) EXPECT_TRUE(std::isnan(y));
  }
  Tensor x = tensor({1e30, -1e30});
  require_grad(x);
  const Tensor label = Tensor::from(std::vector<int64_t>{0}, {1});
  const Tensor loss = cross_entropy(reshape(x, {1, 2}), label);
  EXPECT_EQ(loss.item(), 0);
  backward(loss);
  EXPECT_EQ(values(grad_of(x)), (std::vector<double>{0, 0}));
}

TEST(OpSpecial, LossesOfHugeInputs) {
  const Tensor one = tensor({1}), zero = tensor({0});
  EXPECT_EQ(binary_cross_entropy(zero, zero).item(), 0);
  EXPECT_EQ(binary_cross_entropy(zero, one).item(), 100);  // the logarithm is cut there
  EXPECT_EQ(binary_cross_entropy(one, zero).item(), 100);
  EXPECT_EQ(binary_cross_entropy_logits(tensor({1e30}), one).item(), 0);
  EXPECT_EQ(binary_cross_entropy_logits(tensor({-1e30}), one).item(), static_cast<double>(1e30F));
  EXPECT_TRUE(std::isnan(mse_loss(tensor({nan}), zero).item()));
}

// Labels are shares of one class.
void expect_entropy_of_labels(int64_t rows, int64_t classes) {
  Rng rng(3, "vocabulary");
  std::vector<float> x(static_cast<size_t>(rows * classes)), shares(x.size());
  std::vector<int64_t> labels(static_cast<size_t>(rows));
  for (float& v : x) v = static_cast<float>(4 * rng.normal());
  for (int64_t r = 0; r < rows; ++r) {
    labels[static_cast<size_t>(r)] = rng.below(classes);
    shares[static_cast<size_t>(r * classes + labels[static_cast<size_t>(r)])] = 1;
  }
  for (const double smoothing : {0.0, 0.1}) {
    const auto run = [&](const Tensor& target, double factor) {
      Tensor logits = Tensor::from(x, {rows, classes});
      require_grad(logits);
      const Tensor loss = cross_entropy(logits, target, {.label_smoothing = smoothing});
      backward(factor == 1 ? loss : loss * factor);
      return std::pair(loss.item(), grad_of(logits));
    };
    const Tensor label = Tensor::from(labels, {rows});
    const auto [loss, slope] = run(label, 1);
    const auto [wanted, wanted_slope] = run(Tensor::from(shares, {rows, classes}), 1);
    const auto [same, tripled] = run(label, 3);
    EXPECT_NEAR(loss, wanted, 1e-6 * wanted);
    for (int64_t i = 0; i < rows * classes; ++i) {
      ASSERT_NEAR(slope.at(i), wanted_slope.at(i), 1e-6 / static_cast<double>(rows)) << i;
      ASSERT_EQ(tripled.at(i), 3.0F * slope.data<const float>()[static_cast<size_t>(i)]) << i;
    }
    set_threads(1);
    const auto [alone, alone_slope] = run(label, 1);
    set_threads(0);
    EXPECT_EQ(alone, loss);
    EXPECT_TRUE(std::ranges::equal(alone_slope.data<const float>(), slope.data<const float>()));
  }
}

TEST(OpSpecial, EntropyOverAVocabulary) {
  expect_entropy_of_labels(400, 6001);
  expect_entropy_of_labels(2900, 3001);  // beyond the caches: the slope is written past them
}

TEST(OpSpecial, ExtremesKeepNaN) {
  for (const size_t at : {size_t{0}, size_t{3}, size_t{20}}) {
    std::vector<double> v(21, 1.0);
    v[at] = nan;
    const Tensor x = tensor(v);
    EXPECT_TRUE(std::isnan(max(x, 0).item())) << at;
    EXPECT_TRUE(std::isnan(min(x, 0).item())) << at;
    EXPECT_EQ(arg_max(x, 0).item(), static_cast<double>(at));
    const Tensor ones = Tensor::full({21}, 1.0);
    EXPECT_TRUE(std::isnan(maximum(x, ones).at(static_cast<int64_t>(at))));
    EXPECT_TRUE(std::isnan(maximum(ones, x).at(static_cast<int64_t>(at))));
    EXPECT_TRUE(std::isnan(minimum(x, ones).at(static_cast<int64_t>(at))));
    EXPECT_TRUE(std::isnan(minimum(ones, x).at(static_cast<int64_t>(at))));
  }
  for (int64_t at = 0; at < 4; ++at) {
    const Tensor image = Tensor::full({1, 2, 2, 1}, 1.0);
    image.data<float>()[static_cast<size_t>(at)] = NAN;
    EXPECT_TRUE(std::isnan(max_pool2d(image).item())) << at;
  }
}

TEST(OpSpecial, TiesShareTheGradient) {
  Tensor a = tensor({1, 2, 3}), b = tensor({1, 5, 0});
  require_grad(a), require_grad(b);
  backward(sum(maximum(a, b)));
  EXPECT_EQ(values(grad_of(a)), (std::vector<double>{0.5, 0, 1}));
  EXPECT_EQ(values(grad_of(b)), (std::vector<double>{0.5, 1, 0}));
  Tensor x = tensor({4, 1, 4, 4});
  require_grad(x);
  backward(max(x, 0));
  EXPECT_EQ(values(grad_of(x)), (std::vector<double>{static_cast<double>(1 / 3.0F), 0, static_cast<double>(1 / 3.0F),
                                                     static_cast<double>(1 / 3.0F)}));
  EXPECT_EQ(arg_max(x, 0).item(), 0);  // the first
  Tensor image = Tensor::full({1, 2, 2, 1}, 7.0);
  require_grad(image);
  backward(sum(max_pool2d(image)));
  EXPECT_EQ(values(grad_of(image)), (std::vector<double>{1, 0, 0, 0}));  // the first
}

// In one running float value this sum would be wrong in its fourth digit.
TEST(OpSpecial, LongSumsKeepTheirDigits) {
  const int64_t n = 1 << 21;
  for (const Shape& shape : {Shape{n}, Shape{1, n}, Shape{n, 1}, Shape{n / 4, 4}, Shape{n / 700, 700},
                             Shape{2, n / 2, 1}, Shape{2, n / 8, 4}}) {
    const Tensor x = Tensor::full(shape, 0.1);
    const double want = static_cast<double>(0.1F);
    EXPECT_NEAR(sum(x).item() / (want * static_cast<double>(shape.numel())), 1, 2e-6) << shape.str();
    for (int axis = 0; axis < shape.rank(); ++axis)
      EXPECT_NEAR(sum(x, axis).at(0) / (want * static_cast<double>(shape[axis])), 1, 2e-6)
          << shape.str() << " axis " << axis;
    if (shape.rank() < 2 || shape.numel() == shape[-1]) continue;
    const Tensor channel = Tensor::zeros({shape[-1]}), ones = Tensor::full({shape[-1]}, 1.0);
    const Tensor mean = channel.clone(), variance = ones.clone();
    static_cast<void>(batch_norm(x, {ones, channel, mean, variance, true, 1.0}));
    EXPECT_NEAR(mean.at(0) / want, 1, 1e-5) << shape.str();
  }
}

TEST(OpSpecial, BatchNormMovesItsStatistics) {
  const Tensor x = Tensor::from(std::vector<float>{1, 10, 2, 20, 3, 60}, {3, 2});
  const Tensor gamma = Tensor::full({2}, 1.0), beta = Tensor::zeros({2});
  const Tensor mean = Tensor::full({2}, 4.0), variance = Tensor::full({2}, 2.0);
  static_cast<void>(batch_norm(x, {gamma, beta, mean, variance, true, 0.25}));
  EXPECT_FLOAT_EQ(static_cast<float>(mean.at(0)), 0.75F * 4 + 0.25F * 2);
  EXPECT_FLOAT_EQ(static_cast<float>(mean.at(1)), 0.75F * 4 + 0.25F * 30);
  EXPECT_FLOAT_EQ(static_cast<float>(variance.at(0)), 0.75F * 2 + 0.25F * 1);  // unbiased: divided by n - 1
  EXPECT_FLOAT_EQ(static_cast<float>(variance.at(1)), 0.75F * 2 + 0.25F * 700);
  static_cast<void>(batch_norm(x, {gamma, beta, mean, variance, false}));
  EXPECT_FLOAT_EQ(static_cast<float>(mean.at(0)), 3.5F) << "evaluation changed the statistics";
}

TEST(OpSpecial, DropoutKeepsItsShareAndItsMean) {
  const Tensor x = Tensor::full({200000}, 1.0);
  for (const double probability : {0.1, 0.5, 0.9}) {
    Rng rng(1, "dropout");
    const Tensor y = dropout(x, probability, rng);
    int64_t kept = 0;
    for (const float v : y.data<const float>()) {
      if (v == 0) continue;
      ++kept;
      ASSERT_FLOAT_EQ(v, static_cast<float>(1 / (1 - probability)));
    }
    // Five standard deviations of a binomial.
    EXPECT_NEAR(static_cast<double>(kept), 200000 * (1 - probability),
                5 * std::sqrt(200000 * probability * (1 - probability)));
    EXPECT_EQ(rng.counter, 1U);
  }
  Rng first(1, "a"), again(1, "a"), other(1, "b");
  const Tensor y = dropout(x, 0.5, first);
  EXPECT_EQ(values(y), values(dropout(x, 0.5, again)));
  EXPECT_NE(values(y), values(dropout(x, 0.5, other)));
  EXPECT_NE(values(y), values(dropout(x, 0.5, first))) << "the next mask of a stream is another one";
  Tensor leaf = x.clone();
  require_grad(leaf);
  Rng rng(1, "a");
  const Tensor z = dropout(leaf, 0.5, rng);
  backward(sum(z));
  EXPECT_EQ(values(grad_of(leaf)), values(z)) << "the gradient has the mask of the forward pass";
}

TEST(OpSpecial, LockedDropoutLeavesOutTheSameColumnsOfASequence) {
  const Lengths lengths{3, 1, 0, 4};
  const int64_t width = 1000, tokens = 8;
  Tensor x = Tensor::full({tokens, width}, 2.0);
  require_grad(x);
  Rng rng(1, "dropout");
  const Tensor y = locked_dropout(x, lengths, 0.4, rng);
  backward(sum(y));
  const std::vector<double> out = values(y), gradient = values(grad_of(x));
  std::vector<std::vector<double>> first;  // row of each sequence
  int64_t row = 0;
  for (const int64_t length : lengths) {
    for (int64_t i = 0; i < length; ++i, ++row) {
      const std::vector<double> own(out.begin() + row * width, out.begin() + (row + 1) * width);
      if (i == 0) first.push_back(own);
      EXPECT_EQ(own, first.back()) << "row " << row;
    }
  }
  EXPECT_NE(first[0], first[1]);
  EXPECT_NE(first[1], first[2]);
  for (size_t i = 0; i < out.size(); ++i) ASSERT_DOUBLE_EQ(out[i], 2 * gradient[i]);
  for (const auto& columns : first) {
    const auto kept = std::ranges::count_if(columns, [](double v) { return v != 0; });
    EXPECT_NEAR(static_cast<double>(kept), 600, 5 * std::sqrt(1000 * 0.4 * 0.6));
    EXPECT_FLOAT_EQ(static_cast<float>(std::ranges::max(columns)), static_cast<float>(2 / 0.6));
  }
  expect_error(ErrorKind::usage, {"locked_dropout", "1 sequences sum to 3", "8 rows"},
               [&] { (void)locked_dropout(x, {3}, 0.4, rng); });
  expect_error(ErrorKind::usage, {"locked_dropout", "(tokens, width)", "(8)"},
               [&] { (void)locked_dropout(Tensor::zeros({8}), {8}, 0.4, rng); });
}

// Forwards or backwards through its weight, alone or on two threads.
TEST(OpSpecial, APreparedLinearLayerSaysTheSameAtEachCall) {
  Rng rng(3, "linear");
  const auto drawn = [&](const Shape& shape) {
    Tensor t = Tensor::empty(shape);
    for (float& v : t.data<float>()) v = static_cast<float>(rng.uniform(-1, 1));
    return t;
  };
  for (const int64_t rows : {1, 3, 9})
    for (const int64_t out : {1, 7, 130, 514}) {
      PreparedLinear ready;
      ready.weight = drawn({out, 391}), ready.bias = drawn({out});
      const Tensor x = drawn({rows, 391});
      const auto want = values(linear(x, ready.weight, ready.bias, kernels::Unary::relu));
      for (int call = 0; call < 4; ++call) {
        set_threads(call < 2 ? 1 : 2);
        EXPECT_EQ(values(linear(x, ready, kernels::Unary::relu)), want) << rows << " rows to " << out;
      }
      set_threads(0);
      EXPECT_EQ(ready.calls, 4U);
    }
}

TEST(OpSpecial, MaxPoolIsTheSameWithoutPositions) {
  Rng rng(3, "pool");
  Tensor x = Tensor::empty({2, 9, 7, 35});
  for (float& v : x.data<float>()) v = rng.chance(0.01) ? NAN : static_cast<float>(rng.uniform(-1, 1));
  Tensor leaf = x.clone();
  require_grad(leaf);
  for (const bool with_relu : {false, true}) {
    const Tensor with = max_pool2d(leaf, {3, 2, 1}, with_relu), without = max_pool2d(x, {3, 2, 1}, with_relu);
    for (int64_t i = 0; i < with.numel(); ++i)
      EXPECT_TRUE(with.at(i) == without.at(i) || (std::isnan(with.at(i)) && std::isnan(without.at(i)))) << i;
  }
}

// What stays in memory between forward and backward, in units of one tensor.
TEST(OpSpecial, KeepsOnlyWhatTheGradientNeeds) {
  const int64_t n = 1 << 16;
  const size_t unit = static_cast<size_t>(n) * sizeof(float);
  Tensor leaf = Tensor::full({n}, 0.5);
  require_grad(leaf);
  const auto kept = [&](auto call) {
    const size_t before = memory_use().now;
    const Tensor y = call();
    return static_cast<double>(memory_use().now - before) / static_cast<double>(unit);
  };
  // Chains of two, so that an input that is not the leaf may be freed; the output itself is one unit.
  EXPECT_NEAR(kept([&] { return -(-leaf); }), 1, 0.01);
  EXPECT_NEAR(kept([&] { return (leaf * 2.0) * 2.0; }), 1, 0.01);
  EXPECT_NEAR(kept([&] { return (leaf + 1.0) + 1.0; }), 1, 0.01);
  EXPECT_NEAR(kept([&] { return relu(leaf + 1.0); }), 1, 0.01);
  EXPECT_NEAR(kept([&] { return tanh(leaf + 1.0); }), 1, 0.01);
  EXPECT_NEAR(kept([&] { return gelu(leaf + 1.0); }), 2, 0.01);
  EXPECT_NEAR(kept([&] { return reshape(leaf + 1.0, {-1, 16}); }), 1, 0.01);
  EXPECT_NEAR(kept([&] { return (leaf + 1.0) * Tensor::full({n}, 3.0); }), 2, 0.01);  // the factor, not the sum
  EXPECT_NEAR(kept([&] {
                return linear(reshape(leaf + 1.0, {256, 256}), Tensor::zeros({256, 256}), {});
              }),
              2, 0.01)
      << "a weight that gets no gradient needs no input";
  Rng rng(1, "dropout");
  EXPECT_NEAR(kept([&] { return dropout(leaf + 1.0, 0.5, rng); }), 1, 0.01);
  const NoGrad off;
  EXPECT_NEAR(kept([&] { return gelu(leaf + 1.0); }), 1, 0.01);
}

TEST(OpSpecial, IntegersChangeShape) {
  const Tensor x = Tensor::from(std::vector<int64_t>{1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(values(permute(x, {1, 0})), (std::vector<double>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(values(slice(x, 1, 1, 2)), (std::vector<double>{2, 5}));
  EXPECT_EQ(values(concat({x, x}, 0)).size(), 12U);
  EXPECT_EQ(reshape(x, {-1}).dtype(), DType::i64);
}

}  // namespace
}  // namespace tandem::testing
