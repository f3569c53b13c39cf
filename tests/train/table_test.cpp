// Tables from a CSV to a report: training, folds, thresholds, groups, and the model's file.
#include <tandem/base/threads.h>
#include <tandem/data/catalog.h>
#include <tandem/train/cross_validation.h>
#include <tandem/train/run.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/testing.h"

namespace tandem::train {
namespace {

using tandem::testing::expect_error;
using tandem::testing::Folder;

// 160 patients; the risk grows with age and is higher for smokers; some ages are missing.
std::string patients(int rows = 160, uint64_t seed = 1) {
  Rng rng(seed, "patients");
  std::string out = "id,age,smoker,site,ill\n";
  for (int i = 0; i < rows; ++i) {
    const double age = 40 + std::floor(rng.uniform() * 40);
    const bool smoker = rng.chance(0.4);
    const bool ill = (age - 60) / 6 + (smoker ? 2.5 : -1.5) + rng.normal() > 0;
    out += fmt::format("{},{},{},{},{}\n", i + 1, rng.chance(0.05) ? "?" : fmt::format("{}", age),
                       smoker ? "yes" : "no", i % 2 ? "north" : "south", ill ? "ill" : "well");
  }
  return out;
}

Recipe recipe_of(const fs::path& source, const std::string& more = "") {
  return Recipe::read(Config::parse(
      fmt::format(
          "{{name: patients, task: table_classification, data: {{source: {}, table: {{target: ill, classes: {{well: "
          "[well], "
          "ill: [ill]}}}}{}}}, network: [linear: 8, relu, linear: classes], optimizer: {{type: adamw, lr: 0.02}}, "
          "train: "
          "{{epochs: 12, batch: 16, keep: last}}, decision: {{kind: sensitivity, least: 0.9}}, groups: [smoker]}}",
          source.string(), more),
      "test"));
}

TEST(TableRun, FromACsvToAReportAndBack) {
  const Folder folder;
  const fs::path csv = folder.write("patients.csv", patients());
  Recipe recipe = recipe_of(csv);
  std::vector<std::string> remarks;
  Hooks hooks;
  hooks.remark = [&](const std::string& text) { remarks.push_back(text); };
  const RunFolder run_folder = RunFolder::create(folder / "runs", recipe.name);
  const RunResult result = run(recipe, run_folder, folder.path(), "test", false, hooks);
  EXPECT_TRUE(std::ranges::any_of(remarks, [](const std::string& r) {
    return r.find("'id' is an identifier") != std::string::npos && r.find("left out") != std::string::npos;
  }));
  EXPECT_GT(result.test.figures.at("accuracy"), 0.7);
  const auto report = nlohmann::json::parse(result.test.json);
  EXPECT_EQ(report["task"], "table_classification");
  EXPECT_EQ(report["decision"]["positive"], "ill");
  EXPECT_EQ(report["decision"]["chosen"]["goal"], "sensitivity of at least 90 %");
  EXPECT_EQ(report["decision"]["groups"][0]["groups"].size(), 2U);
  EXPECT_GT(report["decision"]["auc"]["interval"][1], report["decision"]["auc"]["interval"][0]);

  tasks::Classifier model = tasks::Classifier::load(run_folder.model());
  ASSERT_TRUE(model.threshold.has_value());
  EXPECT_DOUBLE_EQ(model.threshold->value, report["decision"]["chosen"]["threshold"].get<double>());
  const data::Splits splits = prepare(recipe, folder.path());
  const Evaluation again = evaluate_model(model, splits.test, "test", recipe.groups);
  EXPECT_EQ(again.result.loss, report["loss"].get<double>());
  // The thresholds of groups go with the model, and the report says what they would change.
  ASSERT_EQ(model.threshold->groups.size(), 1U);
  EXPECT_EQ(model.threshold->groups[0].column, "smoker");
  EXPECT_EQ(json_of(again).find("\"own_gaps\"") != std::string::npos, !model.threshold->groups[0].names.empty());

  // Rows to predict need neither the target nor the same order of columns.
  const auto& input = std::get<tasks::TableInput>(model.input);
  const fs::path rows = folder.write("new.csv", "smoker,site,age,id\nyes,north,79,7\nno,south,41,8\n");
  const data::Dataset asked = data::load_rows(rows, recipe.data.table->source, input.reading(), model.classes);
  const std::vector<float> p = model.predict(asked);
  EXPECT_GT(p[1], 0.8);
  EXPECT_LT(p[3], 0.2);
}

TEST(TableRun, FoldsMeasureEveryRowByOthers) {
  const Folder folder;
  const fs::path csv = folder.write("patients.csv", patients());
  Recipe recipe = recipe_of(csv, ", folds: 5, repeats: 2");
  recipe.train.epochs = 5;
  const RunFolder run_folder = RunFolder::create(folder / "runs", recipe.name);
  const RunResult result = run(recipe, run_folder, folder.path(), "test", false, {});
  const auto report = nlohmann::json::parse(result.test.json);
  EXPECT_EQ(report["split"], "2 x 5 folds");
  EXPECT_EQ(report["examples"], 320);
  EXPECT_EQ(report["decision"]["different"], 160);
  const std::string rows = read_text(run_folder.path / "predictions.csv");
  EXPECT_EQ(std::ranges::count(rows, '\n'), 321);

  // The same for any number of threads.
  const data::Dataset all = prepare(recipe, folder.path()).train;
  recipe.data.validation = 0;
  recipe.decision.reset();
  const CrossValidation before = cross_validate(recipe, all);
  set_threads(1);
  const CrossValidation alone = cross_validate(recipe, all);
  set_threads(0);
  EXPECT_EQ(before.predictions.probabilities, alone.predictions.probabilities);
  for (int64_t i = 0; i < all.size(); ++i) EXPECT_EQ(before.example[static_cast<size_t>(i)], i) << "each once a repeat";
  const RepeatScores scores = repeat_scores(before);
  EXPECT_GT(scores.auc, 0.75);
  EXPECT_GT(scores.accuracy_deviation, 0);
}

TEST(TableRun, PartsOfAFolderShareTypesAndClasses) {
  const Folder folder;
  folder.write("set/train.csv", patients(120, 1));
  folder.write("set/test.csv", patients(40, 2));
  const Recipe recipe = recipe_of(folder / "set");
  const data::Splits splits = prepare(recipe, folder.path());
  EXPECT_EQ(splits.test.size(), 40);
  EXPECT_EQ(splits.train.size() + splits.validation.size(), 120);
  EXPECT_EQ(splits.test.classes, splits.train.classes);
  Recipe folds = recipe_of(folder / "set", ", folds: 5");
  expect_error(ErrorKind::usage, {"test part of its own"}, [&] { (void)prepare(folds, folder.path()); });
  folder.write("set/test.csv", "id,age,smoker,site,ill\n1,old,yes,north,ill\n");
  expect_error(ErrorKind::data, {"test.csv", "line 2", "'old'", "'age'", "no number"},
               [&] { (void)prepare(recipe, folder.path()); });
}

TEST(TableRecipe, WhatCannotBeIsSaidBeforeTraining) {
  const Folder folder;
  const fs::path csv = folder.write("patients.csv", patients());
  expect_error(ErrorKind::data, {"no column 'illl'", "did you mean 'ill'?"}, [&] {
    Recipe recipe = recipe_of(csv);
    recipe.data.table->source.target = "illl";
    (void)prepare(recipe, folder.path());
  });
  expect_error(ErrorKind::usage, {"data.table", "task: table_classification"}, [] {
    (void)Recipe::read(Config::parse("{name: a, data: {table: {target: x}}, network: [linear: classes]}", "r"));
  });
  expect_error(ErrorKind::usage, {"decision", "validation"}, [&] { (void)recipe_of(csv, ", validation: 0"); });
  expect_error(ErrorKind::usage, {"folds", "1"}, [&] { (void)recipe_of(csv, ", folds: 1"); });
  expect_error(ErrorKind::usage, {"no type of a column", "did you mean 'category'?"}, [&] {
    (void)Recipe::read(Config::parse(
        "{name: a, task: table_classification, data: {table: {types: {x: categry}}}, network: [linear: classes]}",
        "r"));
  });
  expect_error(ErrorKind::data, {"no column 'sex'"}, [&] {
    Recipe recipe = recipe_of(csv);
    recipe.groups = {"sex"};
    const data::Splits splits = prepare(recipe, folder.path());
    tasks::Classifier model = make_model(recipe, splits.train);
    (void)evaluate_model(model, splits.test, "test", recipe.groups);
  });
}

TEST(TableData, TheNamedTables) {
  const char* folder = std::getenv("TANDEM_DATA");
  if (!folder) GTEST_SKIP() << "TANDEM_DATA is not set";
  const data::LoadOptions options{.data_folder = folder};
  const data::Dataset wdbc = data::load_table("wdbc", {}, options).train;
  EXPECT_EQ(wdbc.size(), 569);
  EXPECT_EQ(wdbc.classes, (std::vector<std::string>{"benign", "malignant"}));
  EXPECT_EQ(std::ranges::count(wdbc.labels, 1), 212);
  EXPECT_EQ(std::ranges::count_if(wdbc.table().columns, [](const data::Column& c) { return c.used; }), 30);
  const data::Dataset heart = data::load_table("heart_cleveland", {}, options).train;
  EXPECT_EQ(heart.size(), 303);
  EXPECT_EQ(std::ranges::count(heart.labels, 0), 164);
  EXPECT_EQ(std::ranges::count_if(heart.table().columns, [](const data::Column& c) { return c.used; }), 13);
  int64_t missing = 0;
  for (const data::Column& c : heart.table().columns) missing += c.missing;
  EXPECT_EQ(missing, 6);
}

}  // namespace
}  // namespace tandem::train
