#include <tandem/evaluate/deferral.h>
#include <tandem/evaluate/report.h>

#include <nlohmann/json.hpp>

#include "tests/evaluate/clusters.h"
#include "tests/testing.h"

namespace tandem::testing {
namespace {

using evaluate::Confidence;
using evaluate::Deferral;

TEST(Deferral, CountsAddUp) {
  const Confidence c = fitted({.goal = {.share = 0.1}, .person_error = 0.04});
  const Clusters fresh = clusters(3000, 11);
  const Deferral d = evaluate::deferral(c, fresh.outputs, fresh.labels);
  const auto verdicts = c.judge(fresh.outputs);
  int64_t wrong = 0, answered_wrong = 0, answered = 0;
  for (size_t i = 0; i < verdicts.size(); ++i) {
    const bool error = verdicts[i].label != fresh.labels[i];
    wrong += error;
    answered += !verdicts[i].deferred();
    answered_wrong += error && !verdicts[i].deferred();
  }
  ASSERT_GT(answered_wrong, 0);
  EXPECT_EQ(d.answered, answered);
  EXPECT_EQ(d.answered + d.unsure + d.unfamiliar, 3000);
  EXPECT_EQ(d.errors, answered_wrong);
  EXPECT_EQ(d.errors + d.caught, wrong);
  EXPECT_NEAR(d.network, 1 - static_cast<double>(wrong) / 3000, 1e-12);
  EXPECT_NEAR(d.pair,
              (static_cast<double>(answered - answered_wrong) + static_cast<double>(3000 - answered) * 0.96) / 3000,
              1e-12);
  EXPECT_GT(d.accuracy, d.network) << "what is handed over is what would go wrong";
  EXPECT_GT(d.pair, d.network);
  EXPECT_DOUBLE_EQ(d.person, 0.96);
  ASSERT_FALSE(d.curve.empty());
  EXPECT_DOUBLE_EQ(d.curve.back().share, 1);
  EXPECT_DOUBLE_EQ(d.curve.back().accuracy, d.network);
  EXPECT_GT(d.curve.front().accuracy, d.network);
  ASSERT_EQ(d.sets.size(), 3U);
  for (const auto& s : d.sets) {
    EXPECT_NEAR(s.covered, s.promised, 0.02);
    EXPECT_LE(s.interval.low, s.covered);
    EXPECT_GE(s.interval.high, s.covered);
  }
  EXPECT_GT(d.sets[2].mean_size, d.sets[0].mean_size);
}

TEST(Deferral, IsInTheReport) {
  const Confidence c = fitted({.goal = {.right = 0.97}});
  const Clusters fresh = clusters(500, 12);
  const Deferral d = evaluate::deferral(c, fresh.outputs, fresh.labels);
  const Tensor calibrated = c.calibrated(fresh.outputs.probabilities);
  const auto values = calibrated.data<const float>();
  const auto result = evaluate::classification({{"a", "b", "c"}, fresh.labels, {values.begin(), values.end()}});
  const auto json = nlohmann::json::parse(evaluate::report_json({}, result, &d));
  EXPECT_EQ(json["people"]["answered"]["examples"], d.answered);
  EXPECT_EQ(json["people"]["goal"], "97 % of the answers right");
  EXPECT_EQ(json["people"]["sets"].size(), 3U);
  EXPECT_DOUBLE_EQ(json["people"]["accuracy"]["both"], d.pair);
  EXPECT_FALSE(nlohmann::json::parse(evaluate::report_json({}, result)).contains("people"));
  const std::string text = evaluate::text_of(d);
  for (const char* part : {"answers ", "hands ", "both together", "promised to hold the truth in 95 %", "temperature"})
    EXPECT_NE(text.find(part), std::string::npos) << part;
}

TEST(Strangers, AreToldFromWhatIsKnown) {
  const Confidence c = fitted({});
  const auto known = c.judge(clusters(500, 13).outputs);
  Clusters far = clusters(200, 14);
  for (float& v : far.outputs.features.data<float>()) v = -v;
  const auto s = evaluate::strangers(known, c.judge(far.outputs), "far");
  EXPECT_GT(s.auc, 0.99);
  EXPECT_GT(s.unfamiliar, 0.9);
  EXPECT_GE(s.deferred, s.unfamiliar);
  EXPECT_NEAR(evaluate::strangers(known, c.judge(clusters(500, 15).outputs), "same").auc, 0.5, 0.06);
  expect_error(ErrorKind::usage, {"at least one of each"}, [&] { (void)evaluate::strangers(known, {}, "none"); });
}

}  // namespace
}  // namespace tandem::testing
