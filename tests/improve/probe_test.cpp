#include <tandem/improve/probe.h>

#include <cmath>

#include "tests/train/small.h"

namespace tandem::improve {
namespace {

using namespace tandem::testing;

// A loss that is flat up to 1e-4, falls until 1e-2, and then explodes.
TEST(RateProbe, FindsTheFallBetweenTooLowAndTooHigh) {
  std::vector<double> rates, losses;
  for (int i = 0; i < 200; ++i) {
    const double e = -6 + 6.0 * i / 199;  // 1e-6 … 1
    rates.push_back(std::pow(10, e));
    losses.push_back(e < -4 ? 2.3 : e < -2 ? 2.3 - (e + 4) : std::min(0.3 * std::pow(20, e + 2), 1e6));
  }
  const RateProbe p = judge_rates(rates, losses);
  EXPECT_TRUE(p.diverged);
  EXPECT_GT(p.steepest, 1e-4);
  EXPECT_LT(p.steepest, 1.5e-2);
  EXPECT_GE(p.suggested, p.steepest * 0.9);
  EXPECT_LT(p.suggested, 2e-2);
  EXPECT_LT(p.rates.back(), 1) << "what lies behind the explosion is not shown";
}

TEST(RateProbe, SaysSoWhenTheLossNeverFalls) {
  std::vector<double> rates, losses;
  for (int i = 0; i < 100; ++i) rates.push_back(std::pow(10, -6 + i * 0.05)), losses.push_back(2.3 + 0.001 * i);
  EXPECT_EQ(judge_rates(rates, losses).suggested, 0);
  EXPECT_EQ(judge_rates({}, {}).suggested, 0);
}

TEST(RateProbe, OfANetworkGivesARateThatTrainsIt) {
  const data::Splits data{bands(300, 1), bands(90, 2), {}};
  train::Recipe recipe = small_recipe("optimizer: sgd\ntrain: {epochs: 5, batch: 16}\n");
  const RateProbe p = probe_rate(recipe, data, 1e-5, 10, 120);
  ASSERT_GT(p.suggested, 0);
  EXPECT_GT(p.suggested, 1e-4);
  EXPECT_LT(p.suggested, 5);
  recipe.optimizer.lr = p.suggested;
  tasks::Classifier model = train::make_model(recipe, data.train);
  train::Trainer trainer(recipe, model, data.train, data.validation);
  (void)trainer.run();
  EXPECT_GT(trainer.history().back().validation_accuracy, 0.9) << "at " << p.suggested;
  expect_error(ErrorKind::usage, {"0.1 to 0.01", "lower one first"},
               [&] { (void)probe_rate(recipe, data, 0.1, 0.01, 10); });
}

TEST(BatchProbe, TriesRisingBatchesUpToTheData) {
  const data::Splits data{bands(100, 1), bands(30, 2), {}};
  const BatchProbe p = probe_batch(small_recipe(), data, 0.02);
  ASSERT_EQ(p.tried.size(), 4u);  // 8, 16, 32, 64
  EXPECT_EQ(p.tried.back().batch, 64);
  bool found = false;
  for (const BatchSpeed& s : p.tried) {
    EXPECT_GT(s.examples_per_second, 0);
    EXPECT_TRUE(s.fits);
    found = found || s.batch == p.suggested;
  }
  EXPECT_TRUE(found);
}

TEST(BatchProbe, StopsWhereTheMemoryEnds) {
  const data::Splits data{bands(4000, 1, 16), {}, {}};
  const BatchProbe p = probe_batch(small_recipe(), data, 0, 1 << 20);  // a megabyte
  ASSERT_FALSE(p.tried.empty());
  EXPECT_FALSE(p.tried.back().fits);
  EXPECT_LT(p.tried.back().batch, 2048);
  EXPECT_LT(p.suggested, p.tried.back().batch);
}

}  // namespace
}  // namespace tandem::improve
