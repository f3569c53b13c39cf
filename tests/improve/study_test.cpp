#include <sys/wait.h>
#include <tandem/improve/study.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <set>
#include <sstream>

#include "tests/improve/functions.h"
#include "tests/testing.h"

namespace tandem::improve {
namespace {

using tandem::testing::box;
using tandem::testing::expect_error;
using tandem::testing::Folder;

const std::vector<Objective> accuracy{Objective::of("accuracy")};

Trial trial(int64_t id, State state, int64_t epochs, double value, int64_t limit = 9) {
  Trial t{.id = id, .state = state, .point = {0.5}, .target = epochs, .limit = limit};
  for (const int64_t e : {1, 3, 9})
    if (e <= epochs) t.results.push_back({e, {value}});
  return t;
}

Trial fresh(const std::vector<Trial>&) { return {.point = {0.25}, .target = 1, .limit = 9}; }

TEST(Halving, RungsGrowByTheFactorAndEndWithAllEpochs) {
  EXPECT_EQ((Halving{1, 3}).rungs(9), (std::vector<int64_t>{1, 3, 9}));
  EXPECT_EQ((Halving{2, 4}).rungs(20), (std::vector<int64_t>{2, 8, 20}));
  EXPECT_EQ((Halving{1, 1}).rungs(20), (std::vector<int64_t>{20}));
  EXPECT_EQ((Halving{5, 3}).rungs(4), (std::vector<int64_t>{4}));
}

TEST(Decide, TheBestThirdOfARungGoesOnTheHighestRungFirst) {
  std::vector<Trial> all{trial(1, State::paused, 1, 0.5), trial(2, State::paused, 1, 0.7)};
  const auto next = [&] { return decide(all, {1, 3}, accuracy, 100, fresh); };
  EXPECT_EQ(next().trial.id, 0) << "two at the first rung: a third of them is none";
  all.push_back(trial(3, State::paused, 1, 0.6));
  EXPECT_EQ(next().trial.id, 2);
  EXPECT_EQ(next().trial.target, 3);
  all[1] = trial(2, State::running, 1, 0.7);
  EXPECT_EQ(next().trial.id, 0) << "the best third has gone on already";
  all = {trial(1, State::paused, 3, 0.9), trial(2, State::paused, 3, 0.8), trial(3, State::paused, 3, 0.7)};
  for (int64_t i = 4; i <= 12; ++i) all.push_back(trial(i, State::paused, 1, 0.95));
  EXPECT_EQ(next().trial.id, 1) << "of the second rung, though those of the first look better";
  EXPECT_EQ(next().trial.target, 9);
}

TEST(Decide, AnInterruptedTrialComesFirstAndTheLastOneIsTrainedToItsEnd) {
  std::vector<Trial> all{trial(1, State::paused, 1, 0.5), trial(2, State::waiting, 0, 0)};
  EXPECT_EQ(decide(all, {1, 3}, accuracy, 2, fresh).trial.id, 2);
  all[1] = trial(2, State::paused, 1, 0.7);
  EXPECT_EQ(decide(all, {1, 3}, accuracy, 2, fresh).trial.id, 2) << "nothing else is left, and none has finished";
  all[1] = trial(2, State::finished, 9, 0.7);
  EXPECT_EQ(decide(all, {1, 3}, accuracy, 2, fresh).kind, Decision::Kind::done);
  all[0] = trial(1, State::running, 0, 0);
  EXPECT_EQ(decide(all, {1, 3}, accuracy, 2, fresh).kind, Decision::Kind::wait);
}

TEST(Decide, FailedTrialsCountAtTheRungTheyTriedToReach) {
  std::vector<Trial> all{trial(1, State::paused, 1, 0.5), trial(2, State::failed, 0, 0), trial(3, State::failed, 0, 0)};
  all[1].target = all[2].target = 1;
  EXPECT_EQ(decide(all, {1, 3}, accuracy, 100, fresh).trial.id, 1);
}

TEST(Scores, WhoGotFurtherIsBetterThenTheValue) {
  const std::vector<Trial> all{trial(1, State::paused, 1, 0.9), trial(2, State::finished, 9, 0.8),
                               trial(3, State::finished, 9, 0.85), trial(4, State::failed, 1, 0.99),
                               trial(5, State::running, 0, 0)};
  const auto s = scores(all, {1, 3}, accuracy);
  EXPECT_LT(s[2], s[1]);
  EXPECT_LT(s[1], s[0]);
  EXPECT_TRUE(std::isinf(s[3]) && std::isinf(s[4]));
  EXPECT_EQ(leaders(all, accuracy).front(), 2u);
}

TEST(Objectives, DominanceFrontsAndRanking) {
  // accuracy (as a cost) and size
  const std::vector<std::vector<double>> all{{-0.9, 10}, {-0.95, 20}, {-0.8, 30}, {-0.97, 40}, {-0.9, 15}};
  EXPECT_TRUE(dominates(all[0], all[2]));
  EXPECT_FALSE(dominates(all[0], all[1]));
  EXPECT_FALSE(dominates(all[0], all[0]));
  EXPECT_EQ(fronts(all), (std::vector<int64_t>{0, 0, 2, 0, 1}));
  const auto order = ranking(all);
  EXPECT_EQ(order[2], 1u) << "of the first front the one in the middle is the most crowded";
  EXPECT_EQ(order[3], 4u);
  EXPECT_EQ(order[4], 2u);
  const std::vector<Objective> two{Objective::of("accuracy"), Objective::of("parameters")};
  EXPECT_EQ(costs(two, std::vector<double>{0.9, 10}), (std::vector<double>{-0.9, 10}));
  std::vector<Trial> trials;
  for (size_t i = 0; i < all.size(); ++i) {
    trials.push_back(trial(static_cast<int64_t>(i) + 1, State::finished, 0, 0));
    trials.back().results = {{9, {-all[i][0], all[i][1]}}};
  }
  EXPECT_EQ(pareto_front(trials, two), (std::vector<size_t>{3, 1, 0}));
}

TEST(Study, KeepsTrialsAndResults) {
  const Folder folder;
  const Space space = box(2, 0, 1);
  {
    Study study(folder / "t.sqlite", space);
    const auto first = study.next({1, 3}, accuracy, 2, [](const auto&) {
      return Trial{.point = {0.25, 0.125}, .target = 1, .limit = 9};
    });
    EXPECT_EQ(first.trial.id, 1);
    study.add(1, {1, {0.5}});
    study.end(1, State::paused, 2.5);
    EXPECT_EQ(study.next({1, 3}, accuracy, 2, [](const auto& t) {
                     return Trial{.point = t[0].point, .target = 1, .limit = 9};
                   }).trial.id, 2);
    study.end(2, State::failed, 0, "the loss became nan");
  }
  Study study(folder / "t.sqlite", space);
  const auto all = study.trials();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].point, (Point{0.25, 0.125}));
  EXPECT_EQ(all[0].state, State::paused);
  EXPECT_EQ(all[0].seconds, 2.5);
  ASSERT_EQ(all[0].results.size(), 1u);
  EXPECT_EQ(all[0].results[0].values, (std::vector<double>{0.5}));
  EXPECT_EQ(all[1].message, "the loss became nan");
}

// Two processes ask at the same time: every trial is given once.
TEST(Study, TwoProcessesShareTheTrials) {
  const Folder folder;
  const Space space = box(1, 0, 1);
  { Study made(folder / "t.sqlite", space); }
  std::vector<pid_t> children;
  for (int c = 0; c < 2; ++c) {
    const pid_t child = fork();
    if (child == 0) {
      try {
        Study study(folder / "t.sqlite", space);
        std::string mine;
        for (;;) {
          const auto d = study.next({1, 1}, accuracy, 40, [](const auto&) {
            return Trial{.point = {0.5}, .target = 9, .limit = 9};
          });
          if (d.kind == Decision::Kind::done) break;
          if (d.kind == Decision::Kind::wait) continue;
          study.add(d.trial.id, {9, {0.5}});
          study.end(d.trial.id, State::finished, 0);
          mine += std::to_string(d.trial.id) + "\n";
        }
        write_text(folder / ("child" + std::to_string(c)), mine);
        _exit(0);
      } catch (...) {
        _exit(1);
      }
    }
    children.push_back(child);
  }
  std::multiset<std::string> given;
  for (size_t c = 0; c < children.size(); ++c) {
    int status = 0;
    waitpid(children[c], &status, 0);
    EXPECT_EQ(status, 0);
    std::istringstream lines(read_text(folder / ("child" + std::to_string(c))));
    for (std::string line; std::getline(lines, line);) given.insert(line);
  }
  EXPECT_EQ(given.size(), 40u);
  for (const auto& id : given) EXPECT_EQ(given.count(id), 1u) << id;
}

// A process that dies leaves its trial to others; one trial that kills twice in the same epoch is given up.
TEST(Study, TrialsOfTheDeadGoOnOnce) {
  const Folder folder;
  const Space space = box(1, 0, 1);
  const auto die_in_a_trial = [&] {
    const pid_t child = fork();
    if (child == 0) {
      Study study(folder / "t.sqlite", space);
      (void)study.next({1, 3}, accuracy, 1, fresh);
      std::raise(SIGKILL);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
  };
  die_in_a_trial();
  die_in_a_trial();
  Study study(folder / "t.sqlite", space);
  const auto d = study.next({1, 3}, accuracy, 1, fresh);
  EXPECT_EQ(d.kind, Decision::Kind::done);
  ASSERT_EQ(study.trials().size(), 1u);
  EXPECT_EQ(study.trials()[0].state, State::failed);
  EXPECT_NE(study.trials()[0].message.find("died twice"), std::string::npos);
}

TEST(Study, OneThatDiedOnceIsTrainedAgainHere) {
  const Folder folder;
  const Space space = box(1, 0, 1);
  const pid_t child = fork();
  if (child == 0) {
    Study study(folder / "t.sqlite", space);
    (void)study.next({1, 3}, accuracy, 5, fresh);
    std::raise(SIGKILL);
  }
  waitpid(child, nullptr, 0);
  Study study(folder / "t.sqlite", space);
  const auto d = study.next({1, 3}, accuracy, 5, fresh);
  EXPECT_EQ(d.kind, Decision::Kind::train);
  EXPECT_EQ(d.trial.id, 1);
  EXPECT_EQ(d.trial.point, (Point{0.25}));
}

TEST(Study, RefusesWhatIsNoStudy) {
  const Folder folder;
  const Space space = box(1, 0, 1);
  folder.write("noise.sqlite", std::string(5000, 'x'));
  expect_error(ErrorKind::data, {"noise.sqlite", "no sound database"}, [&] { Study s(folder / "noise.sqlite", space); });
  sql::Database(folder / "other.sqlite").script("CREATE TABLE notes (id INTEGER)");
  expect_error(ErrorKind::data, {"other.sqlite", "another program"}, [&] { Study s(folder / "other.sqlite", space); });
  sql::Database(folder / "new.sqlite").script("PRAGMA user_version = 99");
  expect_error(ErrorKind::data, {"later version"}, [&] { Study s(folder / "new.sqlite", space); });
  {
    Study one(folder / "two.sqlite", box(2, 0, 1));
    (void)one.next({1, 3}, accuracy, 1, [](const auto&) { return Trial{.point = {0.5, 0.5}, .target = 1, .limit = 1}; });
  }
  Study other(folder / "two.sqlite", space);
  expect_error(ErrorKind::data, {"trial 1", "x2", "does not know"}, [&] { (void)other.trials(); });
}

}  // namespace
}  // namespace tandem::improve
