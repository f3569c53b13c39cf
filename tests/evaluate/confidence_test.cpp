#include "tests/evaluate/clusters.h"

#include <algorithm>
#include <limits>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

using evaluate::Confidence;
using evaluate::Goal;
using evaluate::Why;

TEST(Temperature, UndoesWhatMadeTheNetworkTooSure) {
  for (const double sharpness : {0.5, 1.0, 2.5}) {
    const Clusters c = clusters(20'000, 3, sharpness);
    EXPECT_NEAR(evaluate::fit_temperature(c.outputs.probabilities, c.labels), sharpness, 0.05 * sharpness);
  }
}

TEST(Temperature, StaysInBoundsWhenEverythingIsRight) {
  const Tensor sure = Tensor::from<float>({0.9F, 0.1F, 0.2F, 0.8F}, {2, 2});
  EXPECT_NEAR(evaluate::fit_temperature(sure, std::vector<int32_t>{0, 1}), 0.2, 1e-6);
  EXPECT_NEAR(evaluate::fit_temperature(sure, std::vector<int32_t>{1, 0}), 20, 1e-4);
  expect_error(ErrorKind::usage, {"confidence", "(2, 2)", "3"}, [&] {
    (void)evaluate::fit_temperature(sure, std::vector<int32_t>{1, 0, 1});
  });
}

TEST(Conformal, ThresholdIsTheRightOneOfTheSortedProbabilities) {
  const std::vector<float> p{0.9F, 0.1F, 0.5F, 0.3F, 0.7F, 0.2F, 0.8F, 0.4F, 0.6F};
  // Of 9 examples, ceil(10 * 0.8) = 8 must have their truth in the set.
  EXPECT_FLOAT_EQ(static_cast<float>(evaluate::conformal_threshold(p, 0.8)), 0.2F);
  EXPECT_FLOAT_EQ(static_cast<float>(evaluate::conformal_threshold(p, 0.9)), 0.1F);
  EXPECT_EQ(evaluate::conformal_threshold(p, 0.95), 0) << "9 examples cannot promise 95 %";
}

/// The probability that each example's own class was given.
std::vector<float> of_truth(const Clusters& c) {
  std::vector<float> out;
  for (size_t i = 0; i < c.labels.size(); ++i)
    out.push_back(c.outputs.probabilities.data<const float>()[3 * i + static_cast<size_t>(c.labels[i])]);
  return out;
}

// Over repeated draws the mean coverage lies between the promise and 1/(n + 1) above it. 20,000 examples to measure on
// move it by 0.002, 400 draws of 99 by 0.0015.
TEST(Conformal, SetsHoldTheTruthAsOftenAsPromised) {
  const std::vector<float> fresh = of_truth(clusters(20'000, 99));
  for (const double promise : {0.9, 0.95}) {
    double covered = 0;
    for (uint64_t draw = 0; draw < 400; ++draw) {
      const double least = evaluate::conformal_threshold(of_truth(clusters(99, 1000 + draw)), promise);
      const auto inside = [&](float p) { return static_cast<double>(p) >= least; };
      covered += static_cast<double>(std::ranges::count_if(fresh, inside)) / 20'000 / 400;
    }
    EXPECT_GT(covered, promise - 0.007);
    EXPECT_LT(covered, promise + 0.01 + 0.007);
  }
}

// Errors have probability (1 - p) / 5 and p is uniform in 0.5 … 1, so answers from t up are right in 1 - (1 - t) / 10:
// 97 % is true from t = 0.7 on.
TEST(DeferralRule, KeepsThePromiseAsOftenAsItSays) {
  const Goal goal{.right = 0.97, .sure = 0.9};
  constexpr int draws = 100;
  int broken = 0;
  double mean = 0;
  for (uint64_t draw = 0; draw < draws; ++draw) {
    Rng rng(draw, "rule");
    std::vector<float> p;
    std::vector<uint8_t> right;
    for (int i = 0; i < 6000; ++i) {
      p.push_back(static_cast<float>(rng.uniform(0.5, 1)));
      right.push_back(!rng.chance((1 - static_cast<double>(p.back())) / 5));
    }
    const double threshold = evaluate::threshold_for_right(p, right, goal);
    broken += threshold < 0.7;
    EXPECT_LE(threshold, 1) << "something can be promised";
    mean += threshold / draws;
  }
  EXPECT_LE(broken, 19) << "10 % of 100, and three deviations more";
  EXPECT_LT(mean, 0.85) << "a rule that stays far from its goal hands over too much";
}

TEST(DeferralRule, HandsOverEverythingWhenThereIsTooLittleToPromise) {
  const std::vector<float> p(50, 0.99F);
  const std::vector<uint8_t> right(50, 1);
  EXPECT_GT(evaluate::threshold_for_right(p, right, {.right = 0.999}), 1);
  EXPECT_LT(evaluate::threshold_for_right(p, right, {.right = 0.9}), 1);
  const Confidence c = fitted({.goal = {.right = 0.9999}});
  EXPECT_FALSE(c.reached());
  for (const auto& v : c.judge(clusters(50, 5).outputs)) EXPECT_TRUE(v.deferred());
}

TEST(Confidence, GivesPeopleTheShareTheyWant) {
  for (const double share : {0.02, 0.2, 0.5}) {
    const Confidence c = fitted({.goal = {.share = share}});
    int64_t deferred = 0;
    const Clusters fresh = clusters(4000, 7);
    for (const auto& v : c.judge(fresh.outputs)) deferred += v.deferred();
    EXPECT_NEAR(static_cast<double>(deferred) / 4000, share, 0.02 + 0.1 * share);
  }
}

// "At most 20 %", nine times of ten: over validation parts that differ by chance, and not by giving people nothing.
TEST(Confidence, PeopleSeldomTakeMoreThanTheirShare) {
  const Clusters train = clusters(2000, 1), fresh = clusters(4000, 7);
  int more = 0;
  double mean = 0;
  constexpr int rounds = 60;
  for (int round = 0; round < rounds; ++round) {
    const Clusters validation = clusters(300, 100 + static_cast<uint64_t>(round));
    const Confidence c = Confidence::fit({.goal = {.share = 0.2}}, train.outputs, train.labels, validation.outputs,
                                         validation.labels);
    const auto deferred = std::ranges::count_if(c.judge(fresh.outputs), &evaluate::Verdict::deferred);
    more += deferred > 800;
    mean += static_cast<double>(deferred) / 4000 / rounds;
  }
  EXPECT_LE(more, 14);
  EXPECT_GT(more, 0);
  EXPECT_NEAR(mean, 0.17, 0.015);
}

TEST(Confidence, SaysWhyItDefers) {
  const Confidence c = fitted({.coverage = 0.99, .goal = {.share = 0.1}});
  Clusters few = clusters(3, 8);
  const auto x = few.outputs.features.data<float>(), p = few.outputs.probabilities.data<float>();
  const std::vector<float> features{3, 0, 0, 3, 1.5F, 1.5F, 0, 3, -40, 7, 90, -60};  // at home; between two; nowhere
  const std::vector<float> said{0.999F, 0.0005F, 0.0005F, 0.5F, 0.49F, 0.01F, 0.999F, 0.0005F, 0.0005F};
  std::ranges::copy(features, x.begin());
  std::ranges::copy(said, p.begin());
  auto verdicts = c.judge(few.outputs);
  EXPECT_EQ(verdicts[0].why, Why::answered);
  EXPECT_EQ(verdicts[0].set, std::vector<int32_t>{0});
  EXPECT_LT(verdicts[0].strangeness, 1);
  EXPECT_EQ(verdicts[1].why, Why::unsure);
  EXPECT_EQ(verdicts[1].set, (std::vector<int32_t>{0, 1})) << "the most probable first";
  EXPECT_EQ(verdicts[2].why, Why::unfamiliar);
  EXPECT_GT(verdicts[2].strangeness, 1);
  x[0] = std::numeric_limits<float>::quiet_NaN();
  verdicts = c.judge(few.outputs);
  EXPECT_EQ(verdicts[0].why, Why::unfamiliar) << "what is no number is not trusted";
}

TEST(Familiarity, LengthCountsAsDirectionDoes) {
  const Clusters train = clusters(3000, 1), validation = clusters(3000, 2), fresh = clusters(3000, 3);
  auto familiarity = evaluate::Familiarity::fit(train.outputs.features, train.labels, 3);
  familiarity.set_limits(validation.outputs.features, 0.02);
  const auto own = familiarity.strangeness(fresh.outputs.features);
  EXPECT_NEAR(static_cast<double>(std::ranges::count_if(own, [](double v) { return v > 1; })) / 3000, 0.02, 0.012);
  const Tensor points = Tensor::from<float>({3, 0, 0, 3, 30, 0, 0, 30, 0.03F, 0, 0, 0.03F, 0, 0, 0, -3}, {4, 4});
  const auto d = familiarity.strangeness(points);
  EXPECT_LT(d[0], 0.6);
  for (const size_t i : {1U, 3U}) EXPECT_GT(d[i], 1) << i << ": too long, the other way round";
  expect_error(ErrorKind::usage, {"1025 numbers", "at most 1024"}, [] {
    (void)evaluate::Familiarity::fit(Tensor::zeros({2, 1025}), std::vector<int32_t>{0, 1}, 2);
  });
  // A class that the training part lacks, and features that never change, do no harm.
  const auto odd = evaluate::Familiarity::fit(Tensor::full({4, 3}, 1), std::vector<int32_t>{0, 0, 2, 2}, 3);
  for (const double v : odd.strangeness(Tensor::full({1, 3}, 1))) EXPECT_LT(v, 1e-3);
}

TEST(Confidence, IsReadBackAsItWasWritten) {
  Confidence c = fitted({.coverage = 0.8, .goal = {.share = 0.1}});
  const std::string text = Fields::write(c).str();
  Confidence back = Confidence::read(text, c.tensors(), 3, 4, "here");
  EXPECT_EQ(Fields::write(back).str(), text);
  const Clusters fresh = clusters(200, 9);
  const auto a = c.judge(fresh.outputs), b = back.judge(fresh.outputs);
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].why, b[i].why);
    EXPECT_EQ(a[i].set, b[i].set);
    EXPECT_EQ(a[i].strangeness, b[i].strangeness);
  }
  expect_error(ErrorKind::data, {"here", "4 classes", "confidence.plain"},
               [&] { (void)Confidence::read(text, c.tensors(), 4, 4, "here"); });
  expect_error(ErrorKind::data, {"here", "does not fit"}, [&] { (void)Confidence::read(text, {}, 3, 4, "here"); });
  expect_error(ErrorKind::usage, {"unknown key 'warmth'"},
               [&] { (void)Confidence::read("warmth: 1", c.tensors(), 3, 4, "here"); });
}

TEST(Confidence, RefusesWhatCannotBeFitted) {
  expect_error(ErrorKind::data, {"no validation part"}, [] {
    const Clusters train = clusters(10, 1);
    (void)Confidence::fit({}, train.outputs, train.labels, {}, {});
  });
  expect_error(ErrorKind::usage, {"both right: 0.99 and share: 0.1"},
               [] { (void)fitted({.goal = {.right = 0.99, .share = 0.1}}); });
  expect_error(ErrorKind::usage, {"no sets", "0.5"}, [] { (void)fitted({}).set_of(std::vector<float>{1, 0, 0}, 0.5); });
}

}  // namespace
}  // namespace tandem::testing
