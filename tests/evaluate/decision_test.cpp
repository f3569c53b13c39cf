// Decisions at a threshold, their intervals, and groups of people.
#include <tandem/base/random.h>
#include <tandem/base/threads.h>
#include <tandem/evaluate/curves.h>
#include <tandem/evaluate/decision.h>
#include <tandem/evaluate/decision_report.h>
#include <tandem/evaluate/groups.h>

#include <algorithm>
#include <cmath>

#include "tests/testing.h"

namespace tandem::evaluate {
namespace {

using tandem::testing::expect_error;

const std::vector<int32_t> labels{1, 1, 1, 1, 0, 0, 0, 0, 0, 0};
const std::vector<float> scores{0.9F, 0.8F, 0.6F, 0.3F, 0.7F, 0.5F, 0.4F, 0.2F, 0.1F, 0.05F};

TEST(Decision, SharesByHand) {
  const Decision d = decide(labels, scores, 0.5);
  EXPECT_EQ(d.true_positive, 3);
  EXPECT_EQ(d.false_negative, 1);
  EXPECT_EQ(d.false_positive, 2) << "a score at the threshold is positive";
  EXPECT_EQ(d.true_negative, 4);
  EXPECT_DOUBLE_EQ(d.sensitivity().value, 0.75);
  EXPECT_DOUBLE_EQ(d.specificity().value, 4.0 / 6);
  EXPECT_DOUBLE_EQ(d.ppv().value, 0.6);
  EXPECT_DOUBLE_EQ(d.npv().value, 0.8);
  EXPECT_DOUBLE_EQ(d.accuracy().value, 0.7);
  EXPECT_DOUBLE_EQ(d.called().value, 0.5);
  EXPECT_DOUBLE_EQ(d.sensitivity().interval.low, wilson(3, 4).low);
  EXPECT_TRUE(std::isnan(decide(std::vector<int32_t>{0}, std::vector<float>{0.1F}, 0.5).sensitivity().value));
  Decision twice = d;
  twice.true_positive *= 2, twice.false_negative *= 2, twice.repeats = 2;
  EXPECT_EQ(twice.sensitivity().interval.low, d.sensitivity().interval.low) << "measuring again makes nothing surer";
  const std::vector<double> own(10, 0.65);
  EXPECT_EQ(decide(labels, scores, own).true_positive, 2);
}

TEST(Decision, ThresholdForAGoal) {
  const auto at = [](const char* kind, double least) {
    return choose_threshold(labels, scores, {.kind = kind, .least = least});
  };
  // Sensitivity of 1 needs 0.3, and the highest threshold that keeps it lies between 0.3 and the next score above.
  EXPECT_NEAR(at("sensitivity", 0.95), 0.25, 1e-6);
  EXPECT_NEAR(at("sensitivity", 0.75), 0.55, 1e-6);
  EXPECT_NEAR(at("specificity", 0.95), 0.75, 1e-6);
  EXPECT_NEAR(at("youden", 0), 0.75, 0.26);
  const Decision best = decide(labels, scores, at("accuracy", 0));
  EXPECT_EQ(best.true_positive + best.true_negative, 8);
  for (const char* kind : {"sensitivity", "specificity"}) {
    const Decision d = decide(labels, scores, at(kind, 0.8));
    EXPECT_GE((std::string(kind) == "sensitivity" ? d.sensitivity() : d.specificity()).value, 0.8) << kind;
  }
  EXPECT_EQ((ThresholdGoal{.kind = "sensitivity"}.text()), "sensitivity of at least 95 %");
  expect_error(ErrorKind::data, {"none of the"}, [] {
    (void)choose_threshold(std::vector<int32_t>{0, 0}, std::vector<float>{0.1F, 0.2F}, {});
  });
}

TEST(Decision, NetBenefitByItsDefinition) {
  const auto curve = decision_curve(labels, scores);
  ASSERT_EQ(curve.size(), 99U);
  const NetBenefit& half = curve[49];
  EXPECT_DOUBLE_EQ(half.threshold, 0.5);
  EXPECT_NEAR(half.model, 0.3 - 0.2, 1e-12);
  EXPECT_NEAR(half.all, 0.4 - 0.6, 1e-12);
  EXPECT_NEAR(curve[19].model, 0.4 - 0.25 * 0.4, 1e-12) << "odds of 0.2 are a quarter";
}

TEST(Decision, BootstrapAgreesWithTheNormalIntervalOfAMean) {
  std::vector<double> values;
  Rng rng(3, "values");
  for (int i = 0; i < 400; ++i) values.push_back(rng.normal());
  const auto mean = [&](std::span<const int64_t> drawn) {
    double sum = 0;
    for (const int64_t i : drawn) sum += values[static_cast<size_t>(i)];
    return sum / static_cast<double>(drawn.size());
  };
  std::vector<int64_t> all(400);
  for (size_t i = 0; i < 400; ++i) all[i] = static_cast<int64_t>(i);
  const double m = mean(all);
  double squares = 0;
  for (const double v : values) squares += (v - m) * (v - m);
  const double half = 1.96 * std::sqrt(squares / 400 / 400);
  const Interval got = bootstrap(400, mean, 1, 4000);
  EXPECT_NEAR(got.low, m - half, 0.08 * half);
  EXPECT_NEAR(got.high, m + half, 0.08 * half);
  set_threads(1);
  const Interval alone = bootstrap(400, mean, 1, 4000);
  set_threads(0);
  EXPECT_EQ(alone.low, got.low);
  EXPECT_EQ(alone.high, got.high);
  EXPECT_NE(bootstrap(400, mean, 2, 100).low, bootstrap(400, mean, 1, 100).low);
  EXPECT_TRUE(std::isnan(bootstrap(
                             4, [](auto) { return std::nan(""); }, 1, 10)
                             .low));
}

TEST(Decision, BadInput) {
  expect_error(ErrorKind::usage, {"10 labels but 1 scores"}, [] { (void)decide(labels, std::vector<float>{1}, 0.5); });
  expect_error(ErrorKind::data, {"got 2 at example 0"},
               [] { (void)decide(std::vector<int32_t>{2}, std::vector<float>{1}, 0.5); });
  expect_error(ErrorKind::numeric, {"NaN"},
               [] { (void)decide(std::vector<int32_t>{1}, std::vector<float>{std::nanf("")}, 0.5); });
  expect_error(ErrorKind::usage, {"bootstrap"}, [] {
    (void)bootstrap(
        0, [](auto) { return 0.0; }, 1);
  });
}

TEST(Decision, ReportCountsAPatientOnce) {
  DecisionInput once{.labels = labels, .scores = scores};
  DecisionInput thrice = once;
  once.goal = thrice.goal = ThresholdGoal{.kind = "sensitivity", .least = 0.9};
  once.thresholds = thrice.thresholds = {0.25};
  once.groupings = {grouping("half", std::vector<double>{0, 1, 0, 1, 0, 1, 0, 1, 0, 1})};
  thrice.groupings = once.groupings;
  for (int64_t repeat = 0; repeat < 3; ++repeat)
    for (int64_t i = 0; i < 10; ++i) thrice.units.push_back(i);
  for (int repeat = 1; repeat < 3; ++repeat) {
    thrice.labels.insert(thrice.labels.end(), labels.begin(), labels.end());
    thrice.scores.insert(thrice.scores.end(), scores.begin(), scores.end());
    thrice.groupings[0].of.insert(thrice.groupings[0].of.end(), once.groupings[0].of.begin(),
                                  once.groupings[0].of.end());
  }
  const DecisionReport a = decision_report(once, "ill", 1), b = decision_report(thrice, "ill", 1);
  EXPECT_EQ(b.examples, 30);
  EXPECT_EQ(b.units, 10);
  EXPECT_DOUBLE_EQ(a.auc.value, roc_auc(labels, scores));
  EXPECT_DOUBLE_EQ(a.auc.value, b.auc.value);
  EXPECT_DOUBLE_EQ(a.auc.interval.low, b.auc.interval.low) << "three copies of a patient are one patient";
  EXPECT_EQ(a.chosen->sensitivity().interval.high, b.chosen->sensitivity().interval.high);
  EXPECT_EQ(a.chosen->sensitivity().value, 1);
  EXPECT_EQ(b.groups[0].groups[0].decision.examples(), 5);
  EXPECT_NEAR(a.ece.value, 0.335, 1e-6);
  EXPECT_NE(text_of(b).find("(10 different)"), std::string::npos);
}

TEST(Groups, FromWordsAndNumbers) {
  const Grouping words = grouping("sex", std::vector<std::string>{"m", "f", "", "m"});
  EXPECT_EQ(words.names, (std::vector<std::string>{"f", "m"}));
  EXPECT_EQ(words.of, (std::vector<int32_t>{1, 0, -1, 1}));
  const std::vector<double> few{1, 0, std::nan(""), 1};
  EXPECT_EQ(grouping("sex", few).of, (std::vector<int32_t>{1, 0, -1, 1}));
  std::vector<double> ages;
  for (int i = 0; i < 90; ++i) ages.push_back(i);
  const Grouping thirds = grouping("age", ages);
  EXPECT_EQ(thirds.names, (std::vector<std::string>{"at most 29", "above 29 to 59", "above 59"}));
  EXPECT_EQ(thirds.of[29], 0);
  EXPECT_EQ(thirds.of[30], 1);
  EXPECT_EQ(thirds.of[89], 2);
}

// Two groups, of which the second is served worse: its positives get lower scores.
struct Unfair {
  std::vector<int32_t> labels;
  std::vector<float> scores;
  Grouping grouping{"group", {"a", "b"}, {}};
  Unfair() {
    Rng rng(5, "unfair");
    for (int i = 0; i < 600; ++i) {
      const int group = i % 2, label = i % 5 < 2;
      labels.push_back(label);
      grouping.of.push_back(group);
      scores.push_back(static_cast<float>(1 / (1 + std::exp(-(rng.normal() + (label ? 1.5 - group : -1.5))))));
    }
  }
};

TEST(Groups, GapsAreFoundWithTheirIntervals) {
  const Unfair u;
  const GroupReport report = by_group(u.grouping, u.labels, u.scores, 0.5, 1);
  ASSERT_EQ(report.groups.size(), 2U);
  EXPECT_EQ(report.groups[0].decision.examples(), 300);
  EXPECT_GT(report.groups[0].auc, report.groups[1].auc);
  EXPECT_LT(report.groups[0].auc_interval.low, report.groups[0].auc);
  EXPECT_GT(report.groups[0].auc_interval.high, report.groups[0].auc);
  bool found = false;
  for (const Gap& gap : report.gaps) {
    EXPECT_LE(gap.interval.low, gap.gap);
    EXPECT_GE(gap.interval.high, gap.gap);
    if (gap.rate != "sensitivity") continue;
    found = true;
    EXPECT_EQ(gap.highest, "a");
    EXPECT_NEAR(gap.gap, 0.24, 0.1) << "normal(1.5) against normal(0.5) above 0";
    EXPECT_GT(gap.interval.low, 0);
  }
  EXPECT_TRUE(found);
  EXPECT_NE(text_of(report).find("sensitivity differs by"), std::string::npos);
}

TEST(Groups, ThresholdsOfTheirOwnCloseTheGap) {
  const Unfair u;
  const ThresholdGoal goal{.kind = "sensitivity", .least = 0.9};
  const GroupThresholds own = thresholds_by_group(u.grouping, u.labels, u.scores, goal);
  ASSERT_EQ(own.names, (std::vector<std::string>{"a", "b"}));
  EXPECT_GT(own.values[0], own.values[1]);
  EXPECT_EQ(own.of("b", 0.5), own.values[1]);
  EXPECT_EQ(own.of("c", 0.5), 0.5);
  std::vector<double> each;
  for (const int32_t g : u.grouping.of) each.push_back(own.values[static_cast<size_t>(g)]);
  const GroupReport report = by_group(u.grouping, u.labels, u.scores, 0.5, 1, each);
  for (const GroupScores& g : report.groups) {
    ASSERT_TRUE(g.own.has_value());
    EXPECT_NEAR(g.own->sensitivity().value, 0.9, 0.01) << g.name;
    EXPECT_NEAR(g.own_threshold, own.of(g.name, 0), 1e-12);
    EXPECT_EQ(g.decision.examples(), g.own->examples());
  }
  const auto gap_of = [](const std::vector<Gap>& gaps) {
    const auto found = std::ranges::find(gaps, "sensitivity", &Gap::rate);
    return found == gaps.end() ? 0.0 : found->gap;
  };
  EXPECT_GT(gap_of(report.gaps), 0.14);
  EXPECT_LT(gap_of(report.own_gaps), 0.02);
  EXPECT_NE(text_of(report).find("if each had its own threshold"), std::string::npos);

  // A group that keeps the common threshold has none of its own.
  for (size_t i = 0; i < each.size(); ++i)
    if (u.grouping.of[i] == 0) each[i] = i % 4 ? std::nan("") : 0.5;
  const GroupReport half = by_group(u.grouping, u.labels, u.scores, 0.5, 1, each);
  EXPECT_FALSE(half.groups[0].own.has_value());
  EXPECT_TRUE(half.groups[1].own.has_value());
  EXPECT_NE(text_of(half).find("a, the common one"), std::string::npos);
  EXPECT_TRUE(thresholds_by_group(u.grouping, u.labels, u.scores, goal, 200).names.empty()) << "too few to choose by";
  const GroupReport none = by_group(u.grouping, u.labels, u.scores, 0.5, 1);
  EXPECT_TRUE(none.own_gaps.empty());
  EXPECT_EQ(text_of(none).find("its own threshold"), std::string::npos);
  expect_error(ErrorKind::usage, {"1 thresholds"},
               [&] { (void)by_group(u.grouping, u.labels, u.scores, 0.5, 1, std::vector<double>{0.5}); });
}

}  // namespace
}  // namespace tandem::evaluate
