#include <tandem/autograd/tape.h>
#include <tandem/base/random.h>
#include <tandem/ops/activation.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/linear.h>
#include <tandem/ops/reduce.h>
#include <tandem/ops/shape.h>
#include <tandem/people/attribution.h>

#include <cmath>
#include <numeric>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

using people::Score;

Tensor uniform(const Shape& shape, uint64_t seed, double low = -1, double high = 1) {
  Tensor out = Tensor::empty(shape);
  Rng rng(seed, "attribution");
  for (float& v : out.data<float>()) v = static_cast<float>(rng.uniform(low, high));
  return out;
}

double total(const Tensor& x) {
  double out = 0;
  for (const float v : x.data<const float>()) out += static_cast<double>(v);
  return out;
}

/// A small network without kinks, of inputs of 12 numbers in any shape.
Score smooth_network() {
  const Tensor w1 = uniform({8, 12}, 1), b1 = uniform({8}, 2), w2 = uniform({1, 8}, 3);
  return [=](const Tensor& x) {
    const Tensor flat = reshape(x, {x.size(0), 12});
    return reshape(linear(tanh(linear(flat, w1, b1)), w2, {}), {x.size(0)});
  };
}

Score weighted_sum(const Tensor& w) {
  return [w](const Tensor& x) {
    const Tensor flat = reshape(x, {x.size(0), w.numel()});
    return reshape(linear(flat, w.view({1, w.numel()}), {}), {x.size(0)});
  };
}

TEST(Attribution, OfALinearFunctionIsItsTerms) {
  const Tensor w = uniform({3, 2, 2}, 4), x = uniform({3, 2, 2}, 5), base = uniform({3, 2, 2}, 6);
  const Score score = weighted_sum(w);
  const auto integrated = people::integrated_gradients(score, x, base);
  const Tensor plain = people::gradient_input(score, x, base);
  const Tensor smooth = people::smooth_grad(score, x, base, 0.3, 8, 1);
  for (int64_t i = 0; i < 12; ++i) {
    const double term = w.at(i) * (x.at(i) - base.at(i));
    EXPECT_NEAR(plain.at(i), term, 1e-6);
    EXPECT_NEAR(smooth.at(i), term, 1e-6);
    EXPECT_NEAR(integrated.values.at(i), term, 1e-6);
  }
  EXPECT_EQ(integrated.steps, 32);
}

// On x^2 from 0 the gradient is 2 x: its mean on the way is x, so that each part gets x^2, where gradient times input
// gives twice as much.
TEST(Attribution, IntegratedGradientsOfASquare) {
  const Tensor x = uniform({5}, 7, 0.5, 2), none = Tensor::zeros({5});
  const Score score = [](const Tensor& v) { return sum(square(v), 1); };
  const auto got = people::integrated_gradients(score, x, none);
  const Tensor plain = people::gradient_input(score, x, none);
  for (int64_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(got.values.at(i), x.at(i) * x.at(i), 1e-5);
    EXPECT_NEAR(plain.at(i), 2 * x.at(i) * x.at(i), 1e-5);
  }
}

TEST(Attribution, IntegratedGradientsAreComplete) {
  const Score score = smooth_network();
  for (uint64_t seed = 10; seed < 20; ++seed) {
    const Tensor x = uniform({2, 3, 2}, seed, -2, 2), base = uniform({2, 3, 2}, seed + 100, -2, 2);
    const auto got = people::integrated_gradients(score, x, base);
    EXPECT_LE(got.gap, 0.005);
    EXPECT_NEAR(total(got.values), got.change, 0.0051 * std::abs(got.change));
  }
  // A step in the middle of the way needs more points; too few leave a gap, and say so.
  const Score kink = [](const Tensor& v) { return reshape(relu(v * 50 - 37), {v.size(0)}); };
  const Tensor one = Tensor::full({1}, 1), zero = Tensor::zeros({1});
  EXPECT_GT(people::integrated_gradients(kink, one, zero, 0.0001, 2).gap, 0.0001);
  const auto fine = people::integrated_gradients(kink, one, zero);
  EXPECT_LE(fine.gap, 0.005);
  EXPECT_GT(fine.steps, 32);
}

TEST(Attribution, SmoothGradIsSeededAndSmoothes) {
  const Score score = [](const Tensor& v) { return sum(relu(v), 1); };
  const Tensor x = Tensor::from<float>({0.01F, -0.01F, 5, -5}, {4}), base = Tensor::full({4}, -10);
  const Tensor a = people::smooth_grad(score, x, base, 1, 400, 3), b = people::smooth_grad(score, x, base, 1, 400, 3);
  for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(a.at(i), b.at(i));
  EXPECT_NEAR(a.at(0) / 10, 0.5, 0.1) << "half of the noisy copies lie beyond the kink";
  EXPECT_NEAR(a.at(1) / 10, 0.5, 0.1);
  EXPECT_NEAR(a.at(2), 15, 1e-4);
  EXPECT_NEAR(a.at(3), 0, 1e-6);
}

TEST(Attribution, GradientOfWhatDoesNotDependOnTheInput) {
  const Score constant = [](const Tensor& v) { return Tensor::full({v.size(0)}, 3); };
  EXPECT_EQ(total(people::gradient(constant, uniform({2, 3}, 1))), 0);
  expect_error(ErrorKind::usage, {"2 inputs", "(3)"}, [] {
    (void)people::gradient([](const Tensor&) { return Tensor::zeros({3}); }, uniform({2, 3}, 1));
  });
}

TEST(Attribution, GradCamFollowsTheChannelThatCounts) {
  Tensor a = Tensor::zeros({2, 2, 3});
  for (const auto& [at, v] : std::vector<std::pair<size_t, float>>{{0, 2.F}, {4, 1.F}, {8, 5.F}, {9, 1.F}, {10, 3.F}})
    a.data<float>()[at] = v;
  // The score is the mean of channel 0 less the mean of channel 1; channel 2 plays no part.
  const Score rest = [](const Tensor& x) {
    const Tensor means = mean(reshape(x, {x.size(0), 4, 3}), 1);
    return reshape(slice(means, 1, 0, 1) - slice(means, 1, 1, 2), {x.size(0)});
  };
  const Tensor map = people::grad_cam(rest, a);
  EXPECT_NEAR(map.at(0), 2 * 0.25, 1e-6) << "the weight is the mean gradient, 1/4";
  EXPECT_EQ(map.at(1), 0) << "what speaks against is cut";
  EXPECT_EQ(map.at(2), 0);
  EXPECT_EQ(map.at(3), 0);
}

TEST(Attribution, OcclusionFindsThePixelThatCounts) {
  Tensor w = Tensor::zeros({5, 6, 1});
  w.data<float>()[3 * 6 + 4] = 7;
  const Tensor x = Tensor::full({5, 6, 1}, 1), base = Tensor::zeros({5, 6, 1});
  const Tensor map = people::occlusion(weighted_sum(w), x, base, 1, 1);
  for (int64_t p = 0; p < 30; ++p) EXPECT_NEAR(map.at(p), p == 22 ? 7 : 0, 1e-6);
  const Tensor wide = people::occlusion(weighted_sum(w), x, base, 3, 2);
  for (int64_t p = 0; p < 30; ++p) EXPECT_LE(wide.at(p), wide.at(22)) << p;
  expect_error(ErrorKind::usage, {"square of 6 pixels", "(5, 6, 1)"},
               [&] { (void)people::occlusion(weighted_sum(w), x, base, 6, 1); });
}

/// Worth: the sum of own[i] over the members, a bonus for each pair of neighbours, and a fine when 0 and 3 are both in.
people::SetFunction game(const std::vector<double>& own) {
  return [own](std::span<const uint8_t> coalitions, int64_t players) {
    std::vector<double> out;
    for (size_t at = 0; at < coalitions.size(); at += static_cast<size_t>(players)) {
      double worth = 1.5;  // of nobody
      for (size_t i = 0; i < static_cast<size_t>(players); ++i) {
        if (coalitions[at + i] == 0) continue;
        worth += own[i];
        if (i > 0 && coalitions[at + i - 1] != 0) worth += 0.8;
      }
      if (coalitions[at] != 0 && coalitions[at + 3] != 0) worth -= 2;
      out.push_back(worth);
    }
    return out;
  };
}

// Every bonus and fine belongs to a pair, which shares it in halves.
TEST(Shapley, ExactValuesOfAGameThatCanBeSolvedByHand) {
  const auto value = people::shapley_exact(game({1, 2, 3, 4, 5}), 5);
  const std::vector<double> expected{1 + 0.4 - 1, 2 + 0.8, 3 + 0.8, 4 + 0.8 - 1, 5 + 0.4};
  for (size_t i = 0; i < 5; ++i) EXPECT_NEAR(value[i], expected[i], 1e-12) << i;
}

TEST(Shapley, SamplingAgreesWithEnumeration) {
  constexpr int64_t players = 9;
  const Score score = smooth_network();
  const Tensor x = uniform({12}, 31, -2, 2);
  const people::SetFunction worth = [&](std::span<const uint8_t> coalitions, int64_t n) {
    const NoGrad off;
    const auto count = std::ssize(coalitions) / n;
    Tensor inputs = Tensor::zeros({count, 12});
    for (int64_t c = 0; c < count; ++c)
      for (int64_t i = 0; i < n; ++i)
        if (coalitions[static_cast<size_t>(c * n + i)] != 0)
          inputs.data<float>()[static_cast<size_t>(c * 12 + i)] = static_cast<float>(x.at(i));
    const Tensor got = score(inputs);
    std::vector<double> out;
    for (int64_t c = 0; c < count; ++c) out.push_back(got.at(c));
    return out;
  };
  const auto exact = people::shapley_exact(worth, players);
  const auto sampled = people::shapley_sampled(worth, players, 400, 1);
  double sum = 0, largest = 0;
  for (const double v : exact) largest = std::max(largest, std::abs(v));
  for (size_t i = 0; i < exact.size(); ++i) {
    EXPECT_NEAR(sampled.values[i], exact[i], 5 * sampled.errors[i] + 1e-6) << i;
    EXPECT_LT(sampled.errors[i], 0.1 * largest);
    sum += sampled.values[i];
  }
  EXPECT_NEAR(sum, std::accumulate(exact.begin(), exact.end(), 0.0), 1e-5) << "each order shares out all there is";
  const auto again = people::shapley_sampled(worth, players, 400, 1),
             other = people::shapley_sampled(worth, players, 400, 2);
  EXPECT_EQ(again.values, sampled.values);
  EXPECT_NE(other.values, sampled.values);
}

TEST(Shapley, OddCases) {
  const people::SetFunction one = [](std::span<const uint8_t> s, int64_t) {
    return std::vector<double>(s.begin(), s.end());
  };
  EXPECT_EQ(people::shapley_exact(one, 1), std::vector<double>{1});
  EXPECT_EQ(people::shapley_sampled(one, 1, 3, 1).values, std::vector<double>{1});
  expect_error(ErrorKind::usage, {"21 players", "1 to 20"}, [&] { (void)people::shapley_exact(one, 21); });
  expect_error(ErrorKind::usage, {"0 permutations"}, [&] { (void)people::shapley_sampled(one, 1, 0, 1); });
  expect_error(ErrorKind::usage, {"8 coalitions", "24 values"}, [&] { (void)people::shapley_exact(one, 3); });
}

TEST(Faithfulness, KnowsAGoodRankingFromABadOne) {
  Tensor w = Tensor::zeros({4, 4, 1});
  for (const size_t p : {3U, 7U, 8U}) w.data<float>()[p] = 1;
  const Tensor x = Tensor::full({4, 4, 1}, 1), base = Tensor::zeros({4, 4, 1});
  const auto good = people::ranking_of(w.view({4, 4}));
  EXPECT_EQ(std::vector<int64_t>(good.begin(), good.begin() + 3), (std::vector<int64_t>{3, 7, 8}));
  const std::vector<int64_t> bad(good.rbegin(), good.rend());
  const auto a = people::faithfulness(weighted_sum(w), x, base, good, 1, 16);
  const auto b = people::faithfulness(weighted_sum(w), x, base, bad, 1, 16);
  EXPECT_EQ(a.deletion.size(), 17U);
  EXPECT_NEAR(a.deletion[3], 0, 1e-6);
  EXPECT_NEAR(a.insertion[3], 3, 1e-6);
  EXPECT_LT(a.deletion_area, b.deletion_area);
  EXPECT_GT(a.insertion_area, b.insertion_area);
  expect_error(ErrorKind::usage, {"16 positions of 2 numbers"},
               [&] { (void)people::faithfulness(weighted_sum(w), x, base, good, 2, 4); });
}

}  // namespace
}  // namespace tandem::testing
