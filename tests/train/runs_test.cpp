#include <tandem/train/mlflow.h>
#include <tandem/train/runs.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tests/python.h"

namespace tandem::train {
namespace {

using tandem::testing::Folder;

void make_run(const Folder& home, const std::string& name, double lr, bool finished) {
  home.write("runs/" + name + "/recipe.yaml",
             fmt::format("name: {}\nnetwork: [flatten, linear: {{units: 4}}]\noptimizer: {{type: adam, lr: {}}}\n"
                         "train: {{epochs: 3}}\n",
                         name, lr));
  home.write("runs/" + name + "/metrics.jsonl",
             metrics_lines(
                 {{.epoch = 1, .train_loss = 1.5, .validation_loss = 1.25, .validation_accuracy = 0.5, .seconds = 2},
                  {.epoch = 2, .train_loss = 1, .validation_loss = 1.125, .validation_accuracy = 0.75, .seconds = 2}}));
  if (finished) home.write("runs/" + name + "/report.json", R"({"accuracy": 0.875, "loss": 0.5, "parameters": 42})");
}

TEST(Runs, ASummarySaysHowARunGoes) {
  const Folder home;
  make_run(home, "a", 0.1, true);
  make_run(home, "b", 0.2, false);
  home.write("runs/b/report.html", "x");
  const auto all = list_runs({home / "runs", home / "nowhere"});
  ASSERT_EQ(all.size(), 2u);
  std::map<std::string, RunSummary> by_name;
  for (const RunSummary& r : all) by_name.emplace(r.name, r);
  const RunSummary &a = by_name.at("a"), &b = by_name.at("b");
  EXPECT_EQ(a.state, "finished");
  EXPECT_EQ(a.accuracy, 0.875);
  EXPECT_EQ(a.parameters, 42);
  EXPECT_EQ(a.validation, 0.75);
  EXPECT_EQ(a.epochs, 2);
  EXPECT_EQ(a.planned, 3);
  EXPECT_EQ(b.state, "training") << "its files are new";
  EXPECT_TRUE(std::isnan(b.accuracy));
  EXPECT_TRUE(b.report);
}

TEST(Runs, DamagedFilesAreAsIfTheyWereNotThere) {
  const Folder home;
  make_run(home, "a", 0.1, true);
  home.write("runs/a/metrics.jsonl", "{\"epoch\":");
  home.write("runs/a/report.json", "[1");
  const RunSummary a = list_runs({home / "runs"}).at(0);
  EXPECT_EQ(a.epochs, 0);
  EXPECT_TRUE(std::isnan(a.accuracy));
}

TEST(Runs, FlatNamesEveryKey) {
  const auto keys = flat(Config::parse("a: 1\nb: {c: [1, 2], d: [x, {y: 3}]}\n", "x"));
  EXPECT_EQ(keys, (std::vector<std::pair<std::string, std::string>>{
                      {"a", "1"}, {"b.c", "[1, 2]"}, {"b.d.0", "x"}, {"b.d.1.y", "3"}}));
}

// MLflow's file store: experiment and run each a folder with meta.yaml; one file a parameter, a metric, a tag.
TEST(MlFlow, TheLayoutOfItsFileStore) {
  const Folder home;
  make_run(home, "a", 0.1, true);
  const fs::path run = write_mlflow({home / "runs/a"}, home / "mlruns");
  EXPECT_EQ(write_mlflow({home / "runs/a"}, home / "mlruns"), run) << "done again it replaces what it wrote";
  const Config experiment = Config::load(run.parent_path() / "meta.yaml"), meta = Config::load(run / "meta.yaml");
  EXPECT_EQ(experiment.get("name").text(), "tandem");
  EXPECT_EQ(experiment.get("experiment_id").text(), run.parent_path().filename());
  EXPECT_EQ(meta.get("run_id").text(), run.filename());
  EXPECT_EQ(run.filename().string().size(), 32u);
  EXPECT_EQ(meta.get("run_name").text(), "a");
  EXPECT_EQ(meta.get("status").text(), "3") << "finished";
  EXPECT_EQ(read_text(run / "params/optimizer.lr"), "0.1");
  EXPECT_EQ(read_text(run / "params/network.1.linear.units"), "4");
  EXPECT_EQ(read_text(run / "tags/mlflow.runName"), "a");
  const std::string lines = read_text(run / "metrics/validation_accuracy");
  EXPECT_EQ(std::ranges::count(lines, '\n'), 2);
  EXPECT_TRUE(lines.ends_with(" 0.75 2\n")) << lines;
  EXPECT_TRUE(read_text(run / "metrics/test_accuracy").find(" 0.875 ") != std::string::npos);
  EXPECT_TRUE(fs::exists(run / "artifacts/recipe.yaml"));
}

TEST(MlFlow, ItsClientReadsThem) {
  const auto python = testing::python_with("mlflow");
  if (!python) GTEST_SKIP() << "there is no Python with mlflow";
  const Folder home;
  make_run(home, "a", 0.1, true);
  (void)write_mlflow({home / "runs/a"}, home / "mlruns");
  const char* script =
      "import sys\nfrom mlflow.tracking import MlflowClient\nc = MlflowClient(tracking_uri='file:' + sys.argv[1])\n"
      "e = c.get_experiment_by_name('tandem')\nfor r in c.search_runs([e.experiment_id]):\n"
      "  print(r.info.run_name, r.info.status, r.data.params['optimizer.lr'])\n"
      "  for k in sorted(r.data.metrics):\n"
      "    print(k, [(m.step, m.value) for m in c.get_metric_history(r.info.run_id, k)])\n";
  const testing::Said said = testing::Program(home.path(), {"-c", script, (home / "mlruns").string()},
                                              {"MLFLOW_ALLOW_FILE_STORE=true"}, "/dev/null", *python)
                                 .wait();
  EXPECT_TRUE(said.out.starts_with("a FINISHED 0.1\n")) << said.out << said.err;
  for (const char* line : {"train_loss [(1, 1.5), (2, 1.0)]\n", "validation_accuracy [(1, 0.5), (2, 0.75)]\n",
                           "test_accuracy [(", ", 0.875)]\n"})
    EXPECT_NE(said.out.find(line), std::string::npos) << line << "is not in\n" << said.out;
}

}  // namespace
}  // namespace tandem::train
