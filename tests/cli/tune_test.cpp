// The verbs that improve: tune, init, runs.
#include <tandem/train/recipe.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/cli/program.h"

namespace tandem::testing {
namespace {

using nlohmann::json;

const char* const tiny = R"(name: tiny
data: {train: 200, test: 60, validation: 0.3, size: [14, 14]}
network: [flatten, linear: 16, relu, linear: classes]
train: {epochs: 4, batch: 32}
search:
  trials: 5
  halving: {factor: 2, first: 1}
  space:
    optimizer.lr: {low: 1e-4, high: 1e-1, log: true}
    network.1.linear: {choices: [8, 32]}
)";

void expect_has(const std::string& text, const std::vector<std::string>& parts) {
  for (const auto& part : parts) EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' not in:\n" << text;
}

TEST(Tune, WritesTheBestRecipeReadyToTrainAndAPage) {
  const Folder home;
  home.write("tiny.yaml", tiny);
  const Said said = tandem(home, {"tune", "tiny.yaml", "--json", "--seed", "3", "train.batch=16"});
  ASSERT_EQ(said.code, 0) << said.err;
  const json j = json::parse(said.out);
  EXPECT_EQ(j.at("trials").size(), 5u);
  EXPECT_EQ(j.at("seed"), 3);
  expect_has(said.err, {"searching searches/tiny: accuracy by tpe, seed 3", "trial    1", "searches/tiny/best.yaml",
                        "searches/tiny/search.html", "tandem train searches/tiny/best.yaml"});
  EXPECT_EQ(said.err.find('\x1b'), std::string::npos) << "no colour outside a terminal";
  EXPECT_EQ(Config::load(home / "searches/tiny/best.yaml").get("train").get("batch").text(), "16");
  expect_has(read_text(home / "searches/tiny/best.yaml"), {"# Trial ", "on the validation part, 4 of 4 epochs"});
  const Said trained = tandem(home, {"train", "searches/tiny/best.yaml", "--json"});
  EXPECT_EQ(trained.code, 0) << trained.err;

  // Another run of the same seed says the same; going on with a finished search does nothing more, unless asked.
  const Said again = tandem(home, {"tune", "tiny.yaml", "--json", "--seed", "3", "train.batch=16", "--threads", "1"});
  EXPECT_EQ(json::parse(again.out).at("best"), j.at("best"));
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(json::parse(again.out)["trials"][i]["values"], j["trials"][i]["values"]);
    EXPECT_EQ(json::parse(again.out)["trials"][i]["parameters"], j["trials"][i]["parameters"]);
  }
  const Said more = tandem(home, {"tune", "--resume", "searches/tiny", "--trials", "7", "--json"});
  ASSERT_EQ(more.code, 0) << more.err;
  EXPECT_EQ(json::parse(more.out).at("trials").size(), 7u);
  const Said table = tandem(home, {"tune", "--resume", "searches/tiny"});
  expect_has(table.out, {"  trial  epochs  ", "  accuracy  ", "  lr  linear\n", " %"});
}

void wait_for(const Program& program, const std::string& text) {
  for (int i = 0; i < 600; ++i, std::this_thread::sleep_for(std::chrono::milliseconds(50)))
    if (fs::exists(program.err()) && read_text(program.err()).find(text) != std::string::npos) return;
  ADD_FAILURE() << "it never said: " << text;
}

// Killed at an arbitrary moment, a search goes on from its file as it would have.
TEST(Tune, IsKilledAndGoesOn) {
  const Folder home;
  home.write("tiny.yaml", tiny);
  const std::vector<std::string> arguments{"tune", "tiny.yaml", "--json", "--trials", "6", "data.train=1000"};
  const Said whole = tandem(home, arguments);
  ASSERT_EQ(whole.code, 0) << whole.err;
  const Folder other;
  other.write("tiny.yaml", tiny);
  Program program(other.path(), arguments);
  wait_for(program, "trial    2");
  program.signal(SIGKILL);
  EXPECT_EQ(program.wait().code, 128 + SIGKILL);
  const Said rest = tandem(other, {"tune", "--resume", "searches/tiny", "--json"});
  ASSERT_EQ(rest.code, 0) << rest.err;
  const json a = json::parse(whole.out), b = json::parse(rest.out);
  ASSERT_EQ(a.at("trials").size(), b.at("trials").size());
  for (size_t i = 0; i < a["trials"].size(); ++i)
    for (const char* key : {"state", "epochs", "values", "parameters"})
      EXPECT_EQ(a["trials"][i][key], b["trials"][i][key]) << key << " of trial " << i + 1;
}

TEST(Tune, IsInterruptedAndGoesOn) {
  const Folder home;
  home.write("tiny.yaml", tiny);
  Program program(home.path(), {"tune", "tiny.yaml", "--trials", "1000", "data.train=1000"});
  wait_for(program, "trial    2");
  program.signal(SIGINT);
  const Said said = program.wait();
  EXPECT_EQ(said.code, 130) << said.err;
  expect_has(said.err, {"stopped; to go on: tandem tune --resume searches/tiny"});
  const Said on = tandem(home, {"tune", "--resume", "searches/tiny", "--trials", "1", "--json"});
  EXPECT_EQ(on.code, 0) << on.err;
  const Said timed = tandem(home, {"tune", "tiny.yaml", "--trials", "1000", "--minutes", "0.01", "--json"});
  EXPECT_EQ(timed.code, 0) << timed.err;
  EXPECT_LT(json::parse(timed.out).at("trials").size(), 1000u);
}

TEST(Tune, BadInputIsOneLineAndLeavesNothing) {
  const Folder home;
  home.write("tiny.yaml", tiny);
  home.write("plain.yaml", std::string(tiny).substr(0, std::string(tiny).find("search:")));
  home.write("empty.yaml", std::string(tiny).substr(0, std::string(tiny).find("  space:")) +
                               "  space: {optimizer.lr: {low: 1, high: 0.1}}\n");
  struct Row {
    int code;
    std::vector<std::string> arguments, parts;
  };
  for (const Row& row :
       std::vector<Row>{{2, {"tune"}, {"give either a recipe"}},
                        {2, {"tune", "tiny.yaml", "--resume", "x"}, {"give either a recipe"}},
                        {2, {"tune", "plain.yaml"}, {"plain.yaml:1:1", "no search: section"}},
                        {2, {"tune", "empty.yaml"}, {"empty.yaml:8:25", "low 1 lies above high 0.1", "swap them"}},
                        {2, {"tune", "tiny.yaml", "search.sampler=best"}, {"'best' is not known"}},
                        {2, {"tune", "tiny.yaml", "data.source=nowhere"}, {"nowhere"}},
                        {2, {"tune", "tiny.yaml", "--trials", "0"}, {"--trials"}},
                        {3, {"tune", "--resume", "searches/none"}, {"searches/none", "is no search"}},
                        {2, {"tune", "--resume", "searches/none", "--seed", "3"}, {"a search goes on as it was"}},
                        {2, {"init", "nowhere"}, {"nowhere"}},
                        {2, {"runs", "--plot", "acuracy"}, {"no runs"}},
                        {3, {"runs", "nothing"}, {"nothing", "is no run folder"}}}) {
    const Said said = tandem(home, row.arguments);
    const std::string typed = ::testing::PrintToString(row.arguments);
    if (said.code == 0) {  // an empty list is an answer
      expect_has(said.out, row.parts);
      continue;
    }
    EXPECT_EQ(said.code, row.code) << typed << "\n" << said.err;
    expect_has(said.err, row.parts);
    EXPECT_FALSE(fs::exists(home / "searches")) << typed;
  }
}

TEST(Runs, ListsComparesPlotsAndExports) {
  const Folder home;
  home.write("tiny.yaml", std::string(tiny));
  ASSERT_EQ(tandem(home, {"train", "tiny.yaml", "train.epochs=2"}).code, 0);
  ASSERT_EQ(tandem(home, {"train", "tiny.yaml", "train.epochs=3", "optimizer.lr=0.01"}).code, 0);
  const Said list = tandem(home, {"runs"});
  EXPECT_EQ(list.code, 0) << list.err;
  expect_has(list.out, {"tiny-2", "3/3", "2/2", "finished", "validation", "test"});
  const Said two = tandem(home, {"runs", "tiny", "tiny-2", "--plot", "validation_accuracy"});
  expect_has(two.out, {"what differs", "optimizer.lr", "0.001", "0.01", "train.epochs", "│", "└", "a  tiny"});
  EXPECT_EQ(two.out.find("train.batch"), std::string::npos) << "it is the same in both";
  const Said as_json = tandem(home, {"runs", "runs/tiny-2", "--json"});
  EXPECT_EQ(json::parse(as_json.out).at(0).at("history").size(), 3u);
  const Said bad = tandem(home, {"runs", "--plot", "acuracy"});
  EXPECT_EQ(bad.code, 2);
  expect_has(bad.err, {"'acuracy' is not known"});
  const Said flow = tandem(home, {"runs", "--mlflow", "mlruns"});
  EXPECT_EQ(flow.code, 0) << flow.err;
  EXPECT_TRUE(fs::exists(home / "mlruns"));
  bool events = false;
  for (const auto& entry : fs::directory_iterator(home / "runs/tiny"))
    events = events || entry.path().filename().string().starts_with("events.out.tfevents.");
  EXPECT_TRUE(events);
}

TEST(Tune, FindsARateAndABatch) {
  const Folder home;
  home.write("tiny.yaml", tiny);
  const Said rate = tandem(home, {"tune", "tiny.yaml", "--find", "rate", "--json", "data.train=2000"});
  ASSERT_EQ(rate.code, 0) << rate.err;
  EXPECT_GT(json::parse(rate.out).at("suggested"), 1e-5);
  const Said batch = tandem(home, {"tune", "tiny.yaml", "--find", "batch"});
  ASSERT_EQ(batch.code, 0) << batch.err;
  expect_has(batch.out, {"examples/s", "train.batch="});
  EXPECT_FALSE(fs::exists(home / "searches"));
}

}  // namespace
}  // namespace tandem::testing
