#include <tandem/train/fit.h>
#include <tandem/train/run.h>

#include <nlohmann/json.hpp>

#include "tests/train/small.h"

namespace tandem::testing {
namespace {

using train::Outcome;
using train::RunFolder;

train::Recipe tiny() {
  return train::Recipe::read(Config::parse(R"(
name: tiny
data: {train: 200, test: 60, validation: 0.2, size: [14, 14]}
network: [conv: {filters: 4, kernel: 5, stride: 2}, batch_norm, relu, flatten, dropout: 0.1, linear: classes]
optimizer: {lr: 0.01}
train: {epochs: 3, batch: 32, average: 0.9}
)",
                                           "tiny.yaml"));
}

std::vector<std::string> files(const fs::path& folder) {
  std::vector<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) {
      const std::string name = fs::relative(entry.path(), folder).string();  // that of events holds the time
      out.push_back(name.starts_with("events.out.tfevents.") ? "events" : name);
    }
  std::ranges::sort(out);
  return out;
}

const std::vector<std::string> all_files{"checkpoints/best.safetensors",
                                         "checkpoints/last.safetensors",
                                         "checkpoints/previous.safetensors",
                                         "events",
                                         "log.txt",
                                         "metrics.jsonl",
                                         "model.safetensors",
                                         "recipe.yaml",
                                         "report.html",
                                         "report.json"};

TEST(Run, WritesAllThatItIs) {
  const Folder home;
  const RunFolder folder = RunFolder::create(home / "runs", "tiny");
  EXPECT_EQ(folder.path, home / "runs/tiny");
  train::Recipe recipe = tiny();
  const train::RunResult result = train::run(recipe, folder, home.path(), "tandem train tiny", false, {});
  EXPECT_EQ(result.outcome, Outcome::finished);
  EXPECT_EQ(files(folder.path), all_files);

  EXPECT_EQ(read_text(folder.recipe()), recipe.write().str());
  EXPECT_EQ(train::Recipe::read(Config::load(folder.recipe())).write().str(), recipe.write().str());
  const auto history = train::read_metrics(folder.metrics());
  ASSERT_EQ(history.size(), 3U);
  EXPECT_EQ(train::metrics_lines(history), read_text(folder.metrics()));
  EXPECT_NE(read_text(folder.log()).find("tandem train tiny\nseed 1"), std::string::npos);
  EXPECT_NE(read_text(folder.log()).find("epoch 3  train loss"), std::string::npos);

  const auto report = nlohmann::json::parse(read_text(folder.report_json()));
  EXPECT_EQ(report.at("task"), "image_classification");
  EXPECT_EQ(report.at("split"), "test");
  EXPECT_EQ(report.at("examples"), 60);
  EXPECT_EQ(report.at("accuracy"), result.test.evaluation->result.accuracy);
  EXPECT_EQ(report.at("seed"), 1);
  EXPECT_EQ(report.at("classes").size(), 10U);
  for (const char* key :
       {"data", "loss", "macro", "weighted", "confusion", "calibration", "seconds", "parameters", "version"})
    EXPECT_TRUE(report.contains(key)) << key;
  EXPECT_NE(read_text(folder.report_page()).find("</html>"), std::string::npos);

  // One file is enough to predict, and says the same.
  tasks::Classifier model = tasks::Classifier::load(folder.model());
  EXPECT_EQ(model.notes.at("recipe"), recipe.write().str());
  EXPECT_EQ(model.notes.at("seed"), "1");
  const data::Splits data = train::prepare(recipe, home.path());
  EXPECT_EQ(model.predict(data.test), result.test.evaluation->predictions.probabilities);
  EXPECT_EQ(train::evaluate_model(model, data.test, "test").result.accuracy, result.test.evaluation->result.accuracy);
  EXPECT_EQ(train::layer_rows(model.net).size(), model.net.layers().size());

  EXPECT_EQ(RunFolder::create(home / "runs", "tiny").path, home / "runs/tiny-2");
  EXPECT_EQ(RunFolder::create(home / "runs", "tiny").path, home / "runs/tiny-3");
}

TEST(Run, WithPeopleFitsConfidenceAndReportsIt) {
  const Folder home;
  train::Recipe recipe = tiny();
  recipe.people.emplace().goal.share = 0.2;
  const RunFolder folder = RunFolder::create(home.path(), "people");
  const train::RunResult result = train::run(recipe, folder, home.path(), "x", false, {});
  ASSERT_TRUE(result.test.evaluation->deferral.has_value());
  const auto report = nlohmann::json::parse(read_text(folder.report_json()));
  EXPECT_EQ(report.at("people").at("answered").at("examples"), result.test.evaluation->deferral->answered);
  EXPECT_EQ(report.at("people").at("sets").size(), 3U);
  EXPECT_NE(read_text(folder.report_page()).find("\"people\":{"), std::string::npos);

  tasks::Classifier model = tasks::Classifier::load(folder.model());
  ASSERT_TRUE(model.confidence.has_value());
  const data::Dataset test = train::prepare(recipe, home.path()).test;
  EXPECT_EQ(model.predict(test), result.test.evaluation->predictions.probabilities) << "calibrated, as in the report";
  const Tensor own = model.outputs(test).probabilities;
  EXPECT_NE(std::vector<float>(own.data<const float>().begin(), own.data<const float>().end()), model.predict(test));
  model.save(folder.path / "again.safetensors");
  EXPECT_EQ(read_file(folder.path / "again.safetensors"), read_file(folder.model()));

  // A model file whose confidence is damaged is refused by name.
  TensorFile file = read_safetensors(folder.model());
  file.tensors.pop_back();
  write_safetensors(folder.path / "cut.safetensors", file);
  expect_error(ErrorKind::data, {"cut.safetensors", "confidence"},
               [&] { (void)tasks::Classifier::load(folder.path / "cut.safetensors"); });

  recipe.data.validation = 0;
  expect_error(ErrorKind::usage, {"people", "no validation part"}, [&] {
    (void)train::run(recipe, RunFolder::create(home.path(), "without"), home.path(), "x", false, {});
  });
}

TEST(Run, LayerRowsSayWhatTellsALayerFromOthers) {
  train::Recipe recipe = train::Recipe::read(Config::parse(R"(
network: [conv: {filters: 4, kernel: 5, stride: 2}, max_pool: 2, batch_norm, group_norm: 2, leaky_relu: 0.2, conv: {filters: 3, kernel: 1},
  avg_pool: {kernel: 3, stride: 1, padding: 1}, flatten, dropout: 0.1, linear: 7, linear: classes]
)",
                                                           "rows.yaml"));
  tasks::Classifier model = train::make_model(recipe, bands(30, 1, 12));
  std::vector<std::string> kinds;
  for (const auto& row : train::layer_rows(model.net)) kinds.push_back(row.kind);
  EXPECT_EQ(kinds, (std::vector<std::string>{"conv 4, kernel 5, stride 2", "max_pool 2", "batch_norm", "group_norm 2",
                                             "leaky_relu 0.2", "conv 3, kernel 1", "avg_pool 3", "flatten",
                                             "dropout 0.1", "linear 7", "linear 3"}));
}

TEST(Run, InterruptedAndResumedGivesTheSameModel) {
  const Folder home;
  train::Recipe recipe = tiny();
  const RunFolder whole = RunFolder::create(home.path(), "whole"), parts = RunFolder::create(home.path(), "parts");
  train::run(recipe, whole, home.path(), "x", false, {});
  for (const int stop_after : {1, 3, 6}) {
    int steps = 0;
    train::Recipe again = stop_after == 1 ? recipe : train::Recipe::read(Config::load(parts.recipe()));
    const auto result = train::run(again, parts, home.path(), "x", stop_after != 1,
                                   {.step = {}, .epoch = {}, .stop = [&] { return ++steps == stop_after; }});
    ASSERT_EQ(result.outcome, Outcome::interrupted);
    std::vector<std::string> there{"checkpoints/last.safetensors", "events", "log.txt", "metrics.jsonl", "recipe.yaml"};
    if (stop_after > 1) there.insert(there.begin() + 1, "checkpoints/previous.safetensors");
    if (stop_after == 6) there.insert(there.begin(), "checkpoints/best.safetensors");
    EXPECT_EQ(files(parts.path), there);
  }
  train::Recipe again = train::Recipe::read(Config::load(parts.recipe()));
  EXPECT_EQ(train::run(again, parts, home.path(), "x", true, {}).outcome, Outcome::finished);
  EXPECT_EQ(read_file(parts.model()), read_file(whole.model()));
  expect_same_history(train::read_metrics(parts.metrics()), train::read_metrics(whole.metrics()));
  EXPECT_EQ(files(parts.path), all_files);
  EXPECT_EQ(train::run(again, parts, home.path(), "x", true, {}).outcome, Outcome::finished)
      << "once more does no harm";
  EXPECT_EQ(read_file(parts.model()), read_file(whole.model()));
}

TEST(Run, ANumericErrorLeavesTheLastGoodCheckpoint) {
  const Folder home;
  train::Recipe recipe = tiny();
  recipe.optimizer.type = "sgd";
  const RunFolder folder = RunFolder::create(home.path(), "x");
  int64_t epochs = 0;
  train::Hooks hooks;
  hooks.epoch = [&](const evaluate::EpochPoint&, bool) {
    ++epochs;
    recipe.optimizer.lr = 1e38;  // from the second epoch on
  };
  expect_error(ErrorKind::numeric, {"epoch 2"}, [&] { train::run(recipe, folder, home.path(), "x", false, hooks); });
  EXPECT_EQ(epochs, 1);
  EXPECT_EQ(train::read_metrics(folder.metrics()).size(), 1U);
  for (const auto& [name, tensor] : read_safetensors(folder.checkpoint()).tensors)
    for (const float value : tensor.data<const float>()) ASSERT_TRUE(std::isfinite(value)) << name;
  EXPECT_FALSE(fs::exists(folder.model()));
}

TEST(Run, OpenRefusesWhatIsNoRun) {
  const Folder home;
  expect_error(ErrorKind::file, {"is no run folder", "recipe.yaml"}, [&] { (void)RunFolder::open(home.path()); });
  home.write("f", "x");
  expect_error(ErrorKind::file, {"cannot be made"}, [&] { (void)RunFolder::create(home / "f", "x"); });
}

TEST(Run, MetricsRefuseDamage) {
  const Folder home;
  expect_error(ErrorKind::data, {"m.jsonl", "line 2"},
               [&] { (void)train::read_metrics(home.write("m.jsonl", train::metrics_lines({{}}) + "{\n")); });
  evaluate::EpochPoint point;
  point.epoch = 1;
  point.validation_loss = std::nan("");
  EXPECT_TRUE(std::isnan(train::read_metrics(home.write("n.jsonl", train::metrics_lines({point})))[0].validation_loss));
}

TEST(Run, EvaluateRefusesOtherClasses) {
  train::Recipe recipe = small_recipe();
  data::Dataset set = bands(9, 1);
  tasks::Classifier model = train::make_model(recipe, set);
  set.classes = {"a", "b", "c"};
  expect_error(ErrorKind::data, {"a, b, c", "top, middle, bottom"},
               [&] { (void)train::evaluate_model(model, set, "test"); });
  data::Dataset none = bands(3, 1);
  none.labels.clear();
  expect_error(ErrorKind::data, {"the test part has no examples"},
               [&] { (void)train::evaluate_model(model, none, "test"); });
}

TEST(Fit, TrainsInOneCall) {
  data::Splits data;
  data.train = bands(120, 1);
  train::FitOptions options;
  options.optimizer.lr = 0.01;
  options.epochs = 6;
  options.batch = 16;
  const train::Fit fit = train::fit(small_recipe().network, data, options);
  EXPECT_EQ(fit.outcome, Outcome::finished);
  EXPECT_EQ(fit.history.size(), 6U);
  EXPECT_GT(fit.best_epoch, 0);
  EXPECT_GT(fit.history.back().validation_accuracy, 0.9);
  tasks::Classifier model = fit.model;
  EXPECT_GT(train::evaluate_model(model, bands(60, 9), "test").result.accuracy, 0.9);
}

}  // namespace
}  // namespace tandem::testing
