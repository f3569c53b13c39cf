#include <tandem/improve/sampler.h>

#include <algorithm>

#include "tests/improve/functions.h"
#include "tests/testing.h"

namespace tandem::improve {
namespace {

using namespace tandem::testing;

/// The best value after each of `trials` trials.
std::vector<double> search(const Sampler& sampler, const Space& space, double (*f)(const Point&), int64_t trials,
                           uint64_t seed) {
  std::vector<Scored> history;
  std::vector<double> best;
  for (int64_t i = 0; i < trials; ++i) {
    const Point x = sampler.next(space, history, Rng(seed, "test").split(static_cast<uint64_t>(i)));
    const double y = f(x);
    history.push_back({x, y});
    best.push_back(best.empty() ? y : std::min(best.back(), y));
  }
  return best;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

/// The median, over ten seeds, of the best value.
double typical(const Sampler& sampler, const Space& space, double (*f)(const Point&), int64_t trials) {
  std::vector<double> all;
  for (uint64_t seed = 1; seed <= 10; ++seed) all.push_back(search(sampler, space, f, trials, seed).back());
  return median(all);
}

struct Case {
  const char* name;
  Space space;
  double (*f)(const Point&);
};
std::vector<Case> cases() {
  return {{"branin", branin_space(), branin}, {"hartmann6", box(6, 0, 1), hartmann6}, {"rosenbrock", box(4, -2, 2), rosenbrock}};
}

TEST(Tpe, ReachesWhatRandomSearchReachesInAThirdOfTheTrials) {
  for (const Case& c : cases()) {
    const double random = typical(RandomSampler(), c.space, c.f, 120), tpe = typical(TpeSampler(), c.space, c.f, 40);
    EXPECT_LE(tpe, random) << c.name;
  }
}

TEST(CmaEs, ReachesWhatRandomSearchReachesInAThirdOfTheTrialsAndThenConverges) {
  for (const Case& c : cases())
    EXPECT_LE(typical(CmaSampler(), c.space, c.f, 80), typical(RandomSampler(), c.space, c.f, 240)) << c.name;
  EXPECT_LT(typical(CmaSampler(), box(4, -2, 2), rosenbrock, 1200), 1e-3) << "random search gets to about 1";
}

TEST(Samplers, StayInTheSpaceAndKeepItsConditions) {
  const Space space({{.name = "type", .choices = {"sgd", "adam"}},
                     {.name = "momentum", .low = 0, .high = 0.99, .when = {{.parameter = 0, .choices = {0}}}},
                     {.name = "lr", .low = 1e-4, .high = 1, .log = true},
                     {.name = "units", .low = 16, .high = 128, .step = 16, .log = true}});
  std::vector<Scored> history;
  int64_t sgd = 0;
  for (uint64_t i = 0; i < 80; ++i) {
    const Point x = TpeSampler().next(space, history, Rng(1, "conditions").split(i));
    EXPECT_EQ(std::isnan(x[1]), x[0] == 1);
    EXPECT_TRUE(x[2] >= 1e-4 && x[2] <= 1) << x[2];
    EXPECT_EQ(std::fmod(x[3], 16), 0) << x[3];
    EXPECT_TRUE(x[3] >= 16 && x[3] <= 128) << x[3];
    if (i >= 40) sgd += x[0] == 0;
    history.push_back({x, (x[0] == 0 ? std::abs(x[1] - 0.9) : 1) + std::abs(std::log10(x[2]) + 2)});
  }
  EXPECT_GT(sgd, 25) << "of 40: sgd is better by a lot";
}

TEST(Samplers, TrialsThatFailedAreAvoided) {
  const Space space = box(1, 0, 1);
  std::vector<Scored> history;
  int64_t failed = 0;
  for (uint64_t i = 0; i < 60; ++i) {
    const Point x = TpeSampler().next(space, history, Rng(3, "failing").split(i));
    if (x[0] > 0.5 && i >= 20) ++failed;
    history.push_back(x[0] > 0.5 ? Scored{x} : Scored{x, x[0] * 1e-3});
  }
  EXPECT_LT(failed, 8) << "of 40: half of a random search would fail";
}

TEST(Samplers, TheSameHistoryAndStreamGiveTheSamePoint) {
  const Space space = box(3, 0, 1);
  std::vector<Scored> history;
  for (uint64_t i = 0; i < 30; ++i) {
    Rng rng = Rng(1, "x").split(i);
    history.push_back({space.draw(rng), static_cast<double>(i)});
  }
  for (const auto& name : sampler_names()) {
    const auto sampler = make_sampler(name, space);
    EXPECT_EQ(sampler->next(space, history, Rng(7, "t")), sampler->next(space, history, Rng(7, "t"))) << name;
  }
}

TEST(Samplers, CmaEsRefusesWhatItCannotSearch) {
  const Space space({{.name = "optimizer.type", .choices = {"sgd", "adam"}}});
  expect_error(ErrorKind::usage, {"cma_es takes numbers only", "optimizer.type has choices", "use tpe"},
               [&] { (void)make_sampler("cma_es", space); });
  expect_error(ErrorKind::usage, {"'tpa' is not known", "did you mean 'tpe'"}, [&] { (void)make_sampler("tpa", space); });
}

}  // namespace
}  // namespace tandem::improve
