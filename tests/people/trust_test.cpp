#include <tandem/base/random.h>
#include <tandem/people/trust.h>

#include "tests/testing.h"

namespace tandem::people {
namespace {

// A network that is sure of class 0, for `items` items.
std::vector<float> sure(int64_t items, int64_t classes, float p = 1) {
  std::vector<float> out;
  for (int64_t i = 0; i < items * classes; ++i)
    out.push_back(i % classes == 0 ? p : (1 - p) / static_cast<float>(classes - 1));
  return out;
}

// One answer of a new person against a sure network has the odds that were promised, for any number of classes.
TEST(Trust, OneNewPersonIsBelievedAgainstASureNetwork) {
  for (const int64_t classes : {2, 3, 10, 1000}) {
    const std::vector<Answer> one{{0, 0, 1}};
    const Trust t = weigh(sure(1, classes), classes, one);
    EXPECT_NEAR(t.answers[0] / t.items[0], 2, 1e-6) << classes;
    EXPECT_NEAR(t.answers[0], 2.0 / 3, 0.02) << classes;  // the classes that nobody speaks of have their floor too
  }
}

// By hand: Bayes' rule with fixed reliabilities, when the prior is so strong that answers do not move them.
TEST(Trust, IsBayesRuleWhenReliabilitiesAreKnown) {
  const std::vector<float> network{0.5F, 0.3F, 0.2F};
  const std::vector<Answer> two{{0, 0, 1}, {0, 1, 2}};
  const Trust t = weigh(network, 3, two, {.right = 9e9, .wrong = 1e9});
  const double a = 0.5 * 0.05 * 0.05, b = 0.3 * 0.9 * 0.05, c = 0.2 * 0.05 * 0.9;
  EXPECT_NEAR(t.items[0], a / (a + b + c), 1e-6);
  EXPECT_NEAR(t.items[1], b / (a + b + c), 1e-6);
  EXPECT_NEAR(t.items[2], c / (a + b + c), 1e-6);
  EXPECT_NEAR(t.answers[1], t.items[2], 1e-12);
}

TEST(Trust, WhoContradictsAgainAndAgainWithoutSupportLosesIt) {
  std::vector<Answer> answers;
  for (int64_t i = 0; i < 10; ++i) answers.push_back({i, 0, 1});
  const Trust alone = weigh(sure(10, 10), 10, answers);
  EXPECT_LT(alone.answers[0], 0.4);
  EXPECT_LT(alone.people[0], 0.9);
  for (int64_t i = 0; i < 10; ++i) answers.push_back({i, 1, 1});  // a second person says the same
  const Trust both = weigh(sure(10, 10), 10, answers);
  EXPECT_GT(both.answers[0], 0.99);
  EXPECT_GT(both.people[0], 0.97);
}

// A hundred answers by `people` in turn. Honest ones correct what the network is unsure of, the right class being its
// second choice; every fifth contradicts what it is sure of, and is person 0's.
struct Hundred {
  std::vector<float> network;
  std::vector<Answer> answers;
  explicit Hundred(int64_t people) {
    Rng rng(3, "trust");
    for (int64_t i = 0; i < 100; ++i) {
      const bool bad = i % 5 == 0;
      const double p = bad ? 0.999 : rng.uniform(0.4, 0.95), second = (1 - p) * (bad ? 1.0 / 9 : 0.7);
      const auto label = static_cast<int32_t>(1 + rng.below(9));
      for (int32_t c = 0; c < 10; ++c)
        network.push_back(static_cast<float>(c == 0 ? p : c == label ? second : (1 - p - second) / 8));
      answers.push_back({i, bad || people == 1 ? 0 : 1 + i % (people - 1), label});
    }
  }
};

TEST(Trust, FindsThePersonWhoIsWrong) {
  const Hundred h(5);
  const Trust t = weigh(h.network, 10, h.answers);
  for (size_t j = 0; j < h.answers.size(); ++j) EXPECT_EQ(t.answers[j] > 0.5, j % 5 != 0) << j;
  for (size_t p = 1; p < 5; ++p) EXPECT_GT(t.people[p], 0.95);
  EXPECT_LT(t.people[0], 0.7);
}

TEST(Trust, TellsOnePersonsRightAnswersFromTheWrong) {
  const Hundred h(1);
  const Trust t = weigh(h.network, 10, h.answers);
  for (size_t j = 0; j < h.answers.size(); ++j) EXPECT_EQ(t.answers[j] > 0.5, j % 5 != 0) << j;
  EXPECT_NEAR(t.people[0], 0.8, 0.05);
}

TEST(Trust, NobodySaysAnything) {
  const Trust t = weigh(std::vector<float>{0.25F, 0.75F}, 2, {});
  EXPECT_NEAR(t.items[1], 0.75, 1e-6);
  EXPECT_TRUE(t.answers.empty() && t.people.empty());
}

TEST(Trust, RefusesAnswersAboutNothing) {
  const std::vector<float> network(4, 0.5F);
  const auto ask = [&](Answer a) { return [&network, a] { (void)weigh(network, 2, std::vector{a}); }; };
  tandem::testing::expect_error(ErrorKind::usage, {"item 2 of 2"}, ask({2, 0, 0}));
  tandem::testing::expect_error(ErrorKind::usage, {"label 2 of 2"}, ask({0, 0, 2}));
  tandem::testing::expect_error(ErrorKind::usage, {"no whole rows"}, [&] { (void)weigh(network, 3, {}); });
}

}  // namespace
}  // namespace tandem::people
