#include <tandem/deploy/http.h>
#include <tandem/deploy/run_list.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "tests/testing.h"

namespace tandem::deploy {
namespace {

using json = nlohmann::json;
using tandem::testing::Folder;

std::string epochs(int64_t n) {
  std::vector<evaluate::EpochPoint> points;
  for (int64_t e = 1; e <= n; ++e)
    points.push_back({.epoch = e,
                      .train_loss = 1.0 / static_cast<double>(e),
                      .validation_accuracy = 0.9 + 0.01 * static_cast<double>(e),
                      .seconds = 1});
  return train::metrics_lines(points);
}

void age(const fs::path& file, int seconds) {
  fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::seconds(seconds));
}

int64_t count(const std::string& text, const std::string& what) {
  int64_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(RunList, SaysHowEachRunGoes) {
  const Folder folder;
  folder.write("a/done/recipe.yaml", "train: {epochs: 3}\n");
  folder.write("a/done/metrics.jsonl", epochs(3));
  folder.write("a/done/report.json", R"({"accuracy": 0.975, "parameters": 1234})");
  folder.write("a/done/report.html", "<p>well</p>");
  age(folder.write("a/left/recipe.yaml", "train: {epochs: 9}\n"), 4000);
  age(folder.write("a/left/metrics.jsonl", epochs(2)), 4000);
  folder.write("b/now/recipe.yaml", "train: {epochs: 5}\n");
  folder.write("b/now/metrics.jsonl", epochs(1));
  folder.write("b/broken/recipe.yaml", "train: [");
  folder.write("b/broken/metrics.jsonl", "{");
  folder.write("b/broken/report.json", "[]");
  folder.write("b/no-run/notes.txt", "");
  for (const char* name : {"recipe.yaml", "metrics.jsonl", "report.json"})
    age(folder / (std::string("a/done/") + name), 1000);

  const RunList list({folder / "a", folder / "b", folder / "none"});
  const json runs = json::parse(list.list());
  ASSERT_EQ(runs.size(), 4);
  const auto of = [&](const std::string& name) {
    for (const json& run : runs)
      if (run["name"] == name) return run;
    return json();
  };
  EXPECT_EQ(runs[3]["name"], "left") << "the latest first";
  EXPECT_EQ(of("done")["state"], "finished");
  EXPECT_EQ(of("done")["accuracy"], 0.975);
  EXPECT_EQ(of("done")["parameters"], 1234);
  EXPECT_EQ(of("done")["report"], true);
  EXPECT_NEAR(of("done")["validation"].get<double>(), 0.93, 1e-12);
  EXPECT_EQ(of("left")["state"], "stopped");
  EXPECT_EQ(of("left")["epochs"], 2);
  EXPECT_EQ(of("left")["planned"], 9);
  EXPECT_EQ(of("left")["accuracy"], nullptr);
  EXPECT_EQ(of("now")["state"], "training");
  EXPECT_EQ(of("broken")["epochs"], 0) << "a damaged run does not hide the others";

  EXPECT_EQ(list.report("done"), "<p>well</p>");
  for (const char* name : {"now", "nobody", "", ".", "..", "../a/done", "a/done"})
    EXPECT_THROW((void)list.report(name), Refused) << name;
}

TEST(RunList, EpochsComeOnceEachAsTheyAreWritten) {
  const Folder folder;
  folder.write("now/recipe.yaml", "train: {epochs: 3}\n");
  const RunList list({folder.path()});
  auto next = list.follow("now");
  EXPECT_EQ(next(), "") << "nothing yet, but it trains";
  folder.write("now/metrics.jsonl", epochs(1));
  const std::string first = next().value_or("ended");
  EXPECT_EQ(count(first, "event: epoch\n"), 1);
  EXPECT_EQ(json::parse(first.substr(first.find("data: ") + 6))["validation_accuracy"], 0.91);
  EXPECT_EQ(json::parse(first.substr(first.find("data: ") + 6))["validation_loss"], nullptr);
  EXPECT_EQ(next(), "");
  folder.write("now/metrics.jsonl", epochs(3));
  EXPECT_EQ(count(next().value_or("ended"), "event: epoch\n"), 2);
  folder.write("now/report.json", "{}");
  std::string rest;
  for (int i = 0; i < 5; ++i) {
    const auto piece = next();
    if (!piece) break;
    rest += *piece;
  }
  EXPECT_EQ(rest, "event: end\ndata: {}\n\n");
  EXPECT_EQ(next(), std::nullopt);
  EXPECT_THROW((void)list.follow("nobody"), Refused);
}

}  // namespace
}  // namespace tandem::deploy
