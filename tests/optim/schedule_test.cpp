#include <tandem/optim/schedule.h>

#include <cmath>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

using optim::Schedule;
using optim::ScheduleOptions;

TEST(Schedule, PointsWorkedOutByHand) {
  const Schedule constant({}, 10);
  EXPECT_EQ(constant.factor(0), 1);
  EXPECT_EQ(constant.factor(9.9), 1);

  const Schedule cosine({.type = "cosine", .final = 0.1}, 10);
  EXPECT_NEAR(cosine.factor(0), 1, 1e-15);
  EXPECT_NEAR(cosine.factor(5), 0.55, 1e-15);
  EXPECT_NEAR(cosine.factor(2.5), 0.1 + 0.9 * 0.5 * (1 + std::sqrt(0.5)), 1e-15);
  EXPECT_NEAR(cosine.factor(10), 0.1, 1e-15);
  EXPECT_NEAR(cosine.factor(12), 0.1, 1e-15) << "beyond the end it stays";

  const Schedule linear({.type = "linear", .final = 0.2}, 10);
  EXPECT_NEAR(linear.factor(0), 1, 1e-15);
  EXPECT_NEAR(linear.factor(2.5), 0.8, 1e-15);
  EXPECT_NEAR(linear.factor(10), 0.2, 1e-15);

  const Schedule exponential({.type = "exponential", .final = 0.01}, 10);
  EXPECT_NEAR(exponential.factor(0), 1, 1e-15);
  EXPECT_NEAR(exponential.factor(5), 0.1, 1e-15);
  EXPECT_NEAR(exponential.factor(10), 0.01, 1e-15);

  const Schedule step({.type = "step", .at = {2, 4}, .factor = 0.5}, 10);
  EXPECT_EQ(step.factor(1.99), 1);
  EXPECT_EQ(step.factor(2), 0.5);
  EXPECT_EQ(step.factor(3.99), 0.5);
  EXPECT_EQ(step.factor(4), 0.25);
}

TEST(Schedule, WarmupRisesFromZeroAndTheRestStartsAfterIt) {
  const Schedule cosine({.type = "cosine", .warmup = 2}, 10);
  EXPECT_EQ(cosine.factor(0), 0);
  EXPECT_NEAR(cosine.factor(0.5), 0.25, 1e-15);
  EXPECT_NEAR(cosine.factor(2), 1, 1e-15);
  EXPECT_NEAR(cosine.factor(6), 0.5, 1e-15) << "half of the eight epochs that are left";
  EXPECT_NEAR(cosine.factor(10), 0, 1e-15);
  const Schedule step({.type = "step", .warmup = 2, .at = {1}, .factor = 0.5}, 10);
  EXPECT_NEAR(step.factor(1), 0.25, 1e-15);
}

TEST(Schedule, PlateauFallsWhenNothingGetsBetter) {
  Schedule plateau({.type = "plateau", .factor = 0.5, .patience = 2}, 100);
  const std::vector<std::pair<double, double>> told{{1.0, 1},   {0.9, 1},    {0.9, 1},   {0.95, 1},
                                                    {0.9, 0.5}, {0.9, 0.5},  {0.8, 0.5}, {0.8, 0.5},
                                                    {0.8, 0.5}, {0.8, 0.25}, {0.8, 0.25}};
  for (size_t i = 0; i < told.size(); ++i) {
    plateau.observe(told[i].first);
    EXPECT_EQ(plateau.factor(static_cast<double>(i)), told[i].second) << "after " << i + 1;
  }
  Schedule other({.type = "plateau", .factor = 0.5, .patience = 2}, 100);
  other.restore(plateau.state());
  plateau.observe(0.8), plateau.observe(0.8);
  other.observe(0.8), other.observe(0.8);
  EXPECT_EQ(other.factor(0), plateau.factor(0));
  EXPECT_EQ(other.factor(0), 0.125);
  Schedule constant({}, 10);
  for (int i = 0; i < 10; ++i) constant.observe(5);
  EXPECT_EQ(constant.factor(3), 1) << "only plateau listens";
}

TEST(Schedule, RefusesWhatDoesNotFit) {
  expect_error(ErrorKind::usage, {"step needs `at`"}, [] { Schedule({.type = "step"}, 10); });
  expect_error(ErrorKind::usage, {"exponential never reaches", "final: 0.01"},
               [] { Schedule({.type = "exponential"}, 10); });
  expect_error(ErrorKind::usage, {"warmup of 10 epochs", "training of 10"}, [] { Schedule({.warmup = 10}, 10); });
}

}  // namespace
}  // namespace tandem::testing
