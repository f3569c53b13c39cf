#include <tandem/data/formats/image.h>
#include <tandem/improve/page.h>
#include <tandem/improve/search.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/train/small.h"

namespace tandem::improve {
namespace {

using namespace tandem::testing;
using nlohmann::json;

/// Pictures that a small network tells apart, as a folder, made once.
struct SearchTest : ::testing::Test {
  static Folder* home;
  static void SetUpTestSuite() {
    home = new Folder;
    const data::Dataset set = bands(150, 7);
    for (int64_t i = 0; i < set.size(); ++i) {
      const auto png = data::encode_png(set.pixels().rows(i, i + 1).view({8, 8, 1}));
      home->write(fmt::format("bands/{}/{}.png", set.classes[static_cast<size_t>(set.labels[static_cast<size_t>(i)])], i),
                  png);
    }
  }
  static void TearDownTestSuite() {
    delete home;
    home = nullptr;
  }
  static Config recipe(const std::string& search = "") {
    return Config::parse(fmt::format(R"(name: small
data: {{source: {}/bands, validation: 0.3, test_share: 0.1}}
network: [flatten, linear: 8, relu, linear: classes]
train: {{epochs: 4, batch: 16}}
search:
  halving: {{factor: 2, first: 1}}
{}  space:
    optimizer.lr: {{low: 1e-4, high: 1, log: true}}
    network.1.linear: {{low: 4, high: 16, step: 4}}
)",
                                     home->path().string(), search),
                         "small.yaml");
  }
  static SearchFolder folder(const std::string& name) { return SearchFolder::create(*home / "searches", name); }
};
Folder* SearchTest::home = nullptr;

void expect_same_trials(const std::vector<Trial>& a, const std::vector<Trial>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].point, b[i].point) << "trial " << i + 1;
    EXPECT_EQ(a[i].state, b[i].state) << "trial " << i + 1;
    ASSERT_EQ(a[i].results.size(), b[i].results.size()) << "trial " << i + 1;
    for (size_t k = 0; k < a[i].results.size(); ++k) {
      EXPECT_EQ(a[i].results[k].epochs, b[i].results[k].epochs);
      EXPECT_EQ(a[i].results[k].values, b[i].results[k].values);
    }
  }
}

TEST_F(SearchTest, TrainsStopsAndPromotesAndWritesTheBestRecipe) {
  const SearchFolder at = folder("whole");
  Search search(at, recipe("  trials: 12\n"), "");
  int64_t steps = 0, changes = 0;
  EXPECT_EQ(search.run({.step = [&](const Trial&, const train::Progress&) { ++steps; },
                        .changed = [&](const std::vector<Trial>&) { ++changes; }}),
            SearchOutcome::done);
  const auto trials = search.trials();
  ASSERT_EQ(trials.size(), 12u);
  int64_t finished = 0, epochs = 0;
  for (const Trial& t : trials) {
    EXPECT_TRUE(t.state == State::finished || t.state == State::paused) << t.message;
    EXPECT_EQ(t.results.size(), static_cast<size_t>(t.target));
    finished += t.state == State::finished;
    epochs += t.target;
    EXPECT_EQ(fs::exists(at.checkpoint(t.id)), t.state == State::paused);
  }
  EXPECT_TRUE(finished >= 1 && finished <= 7) << finished;
  EXPECT_LT(epochs, 36) << "of 48: halving leaves most trials early";
  EXPECT_GT(steps, epochs * 3);
  EXPECT_GT(changes, 12);
  const Trial& best = trials[leaders(trials, search.objectives()).front()];
  EXPECT_EQ(best.state, State::finished);
  EXPECT_GT(best.last()->values[0], 0.8);
  train::Recipe again = train::Recipe::read(Config::load(at.best()));
  EXPECT_EQ(again.train.epochs, 4);
  EXPECT_EQ(fmt::format("{}", again.optimizer.lr), search.options().space.texts(best.point)[0].second);

  // What the page and the JSON say is what the trials say.
  const json j = json::parse(search_json(search, trials));
  EXPECT_EQ(j.at("best"), best.id);
  EXPECT_EQ(j.at("trials").size(), 12u);
  EXPECT_EQ(j.at("epochs"), epochs);
  const std::string page = search_page(search, trials, "tandem tune small.yaml");
  EXPECT_NE(page.find("optimizer.lr"), std::string::npos);
  EXPECT_EQ(page.find("src="), std::string::npos) << "the page is complete";
  EXPECT_LT(page.size(), 400'000u);
}

// Interrupted after every few steps and opened anew each time, a search takes the same way.
TEST_F(SearchTest, AnInterruptedSearchGoesOnAsItWouldHave) {
  const Config config = recipe("  trials: 8\n");
  Search whole(folder("at-once"), config, "");
  EXPECT_EQ(whole.run({}), SearchOutcome::done);
  const SearchFolder at = folder("in-pieces");
  SearchOutcome outcome = SearchOutcome::interrupted;
  int pieces = 0;
  while (outcome == SearchOutcome::interrupted && ++pieces < 200) {
    Search piece(at, config, "");
    int64_t steps = 0;
    outcome = piece.run({.step = [&](const Trial&, const train::Progress&) { ++steps; },
                         .stop = [&] { return steps >= 17; }});
  }
  EXPECT_GT(pieces, 5);
  expect_same_trials(whole.trials(), Search(at, config, "").trials());
}

TEST_F(SearchTest, TrialsThatDivergeOrCannotBeBuiltAreRecordedAndTheSearchGoesOn) {
  const Config config = Config::parse(fmt::format(R"(
data: {{source: {}/bands, validation: 0.3}}
train: {{epochs: 1, batch: 16}}
optimizer: {{type: sgd, momentum: 0.9}}
search:
  sampler: random
  trials: 14
  space:
    optimizer.lr: {{choices: [0.05, 1000]}}
    $kernel: {{choices: [3, 9]}}
  set:
    network: [conv: {{filters: 2, kernel: $kernel}}, relu, flatten, linear: classes]
)",
                                                  home->path().string()),
                                      "bad.yaml");
  Search search(folder("failing"), config, "");
  EXPECT_EQ(search.run({}), SearchOutcome::done);
  int64_t diverged = 0, unbuilt = 0, good = 0;
  for (const Trial& t : search.trials()) {
    if (t.state == State::finished) ++good;
    if (t.message.find("lower optimizer.lr") != std::string::npos) ++diverged;
    if (t.message.find("kernel") != std::string::npos) ++unbuilt;
    EXPECT_EQ(t.state == State::failed, !t.message.empty());
  }
  EXPECT_GT(diverged, 0);
  EXPECT_GT(unbuilt, 0);
  EXPECT_GT(good, 0);
  EXPECT_EQ(diverged + unbuilt + good, 14);
  EXPECT_NE(search_page(search, search.trials(), "").find("lower optimizer.lr"), std::string::npos);
}

TEST_F(SearchTest, WhatIsWrongWithAllTrialsIsThrown) {
  Config config = recipe();
  config.set("data.source", "nowhere");
  Search search(folder("nodata"), config, "");
  expect_error(ErrorKind::usage, {"nowhere"}, [&] { (void)search.run({}); });
  EXPECT_EQ(search.trials().size(), 1u);
  EXPECT_EQ(search.trials()[0].state, State::waiting) << "it is not the trial's fault";
}

TEST_F(SearchTest, SeveralObjectivesKeepTheirFront) {
  const SearchFolder at = folder("front");
  Search search(at, recipe("  trials: 8\n  objectives: [loss, parameters, latency]\n"), "");
  EXPECT_EQ(search.run({}), SearchOutcome::done);
  const auto trials = search.trials();
  const auto front = pareto_front(trials, search.objectives());
  ASSERT_FALSE(front.empty());
  for (const size_t i : front) {
    EXPECT_TRUE(fs::exists(at.front(trials[i].id)));
    EXPECT_EQ(trials[i].last()->values[1], std::floor(trials[i].last()->values[1]));
    EXPECT_GT(trials[i].last()->values[2], 0);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(at.path / "front"), {}), std::ssize(front));
}

}  // namespace
}  // namespace tandem::improve
