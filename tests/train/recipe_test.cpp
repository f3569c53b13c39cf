#include <tandem/train/recipe.h>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

using train::Recipe;

Recipe recipe(const std::string& text) { return Recipe::read(Config::parse(text, "r.yaml")); }

std::vector<fs::path> recipe_files() {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(fs::path(TANDEM_SOURCE_DIR) / "recipes"))
    if (entry.path().extension() == ".yaml") out.push_back(entry.path());
  return out;
}

TEST(Recipe, EveryRecipeIsReadAndWrittenTheSame) {
  ASSERT_FALSE(recipe_files().empty());
  for (const fs::path& path : recipe_files()) {
    Recipe first = Recipe::read(Config::load(path));
    EXPECT_EQ(first.name, path.stem().string()) << "the run's folder carries the recipe's name";
    const std::string text = first.write().str();
    EXPECT_EQ(recipe(text).write().str(), text) << path;
  }
}

TEST(Recipe, TravelsInsideTheProgram) {
  EXPECT_EQ(train::builtin_recipes().size(), recipe_files().size());
  for (const auto& [name, text] : train::builtin_recipes())
    EXPECT_EQ(text, read_text(fs::path(TANDEM_SOURCE_DIR) / "recipes" / (std::string(name) + ".yaml")));
}

TEST(Recipe, IsFoundByNameAndByPath) {
  EXPECT_EQ(Recipe::read(train::find_recipe("digits")).name, "digits");
  const Folder folder;
  EXPECT_EQ(
      Recipe::read(train::find_recipe(folder.write("mine.yaml", "name: mine\nnetwork: [flatten, linear: classes]\n")))
          .name,
      "mine");
  expect_error(ErrorKind::usage, {"'digist'", "did you mean 'digits'", "there are: "},
               [] { (void)train::find_recipe("digist"); });
  expect_error(ErrorKind::usage, {"is no file"}, [] { (void)train::find_recipe(std::string(5000, 'a')); });
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  fs::create_directory("digits");
  EXPECT_EQ(Recipe::read(train::find_recipe("digits")).name, "digits")
      << "a folder of that name does not hide the recipe";
  fs::current_path(before);
}

TEST(Recipe, OverridesOfTheCommandLine) {
  Config config = Config::parse(
      "network: [flatten, linear: 50, relu, linear: classes]\ndata: builtin\noptimizer: adam\nloss: cross_entropy\n",
      "r.yaml");
  train::apply_overrides(
      config, {"train.epochs=3", "optimizer.lr=0.1", "data=mnist", "data.validation=0.2", "network.1.linear=60",
               "network.2=gelu", "loss.label_smoothing=0.1", "network.3.linear.bias=false"});
  Recipe r = Recipe::read(config);
  EXPECT_EQ(r.train.epochs, 3);
  EXPECT_EQ(r.optimizer.type, "adam");
  EXPECT_EQ(r.optimizer.lr, 0.1);
  EXPECT_EQ(r.data.source, "mnist");
  EXPECT_EQ(r.data.validation, 0.2);
  train::apply_overrides(config, {"data.size=32"});
  EXPECT_EQ(Recipe::read(config).data.size, (std::vector<int64_t>{32, 32})) << "one number is a square";
  EXPECT_EQ(r.loss.type, "cross_entropy");
  EXPECT_EQ(r.loss.label_smoothing, 0.1);
  const std::string network = r.network.write().str();
  EXPECT_NE(network.find("units: 60"), std::string::npos) << network;
  EXPECT_NE(network.find("gelu"), std::string::npos) << network;
  EXPECT_NE(network.find("{units: classes, inputs: 0, bias: false}"), std::string::npos) << network;
  for (const char* bad : {"train.epochs", "=3", ""})
    expect_error(ErrorKind::usage, {"is no override", "key=value"}, [&] { train::apply_overrides(config, {bad}); });
}

TEST(Recipe, AnAverageIsARunningMeanWhenItIsOneNumber) {
  EXPECT_EQ(recipe("network: [relu]\ntrain: {average: 0.99}\n").train.average.decay, 0.99);
  Recipe equal = recipe("network: [relu]\ntrain: {average: {last: 0.25}}\n");
  EXPECT_EQ(equal.train.average.last, 0.25);
  EXPECT_EQ(equal.train.average.decay, 0);
  EXPECT_EQ(Recipe::read(equal.write()).write().str(), equal.write().str());
}

TEST(Recipe, WhatIsTaughtIsWrittenOnlyWhenThereIsATeacher) {
  Recipe plain = recipe("network: [relu]\n");
  EXPECT_EQ(plain.write().str().find("teach"), std::string::npos);
  Recipe pupil = recipe("network: [relu]\nteach: {from: [runs/a, runs/b], temperature: 4}\ndata: {seed: 7}\n");
  EXPECT_EQ(pupil.teach.from, (std::vector<std::string>{"runs/a", "runs/b"}));
  EXPECT_EQ(pupil.teach.share, 0.7);
  EXPECT_EQ(pupil.split_seed(), 7U);
  EXPECT_EQ(plain.split_seed(), 1U);
  EXPECT_EQ(Recipe::read(pupil.write()).write().str(), pupil.write().str());
}

TEST(Recipe, PeopleAreAskedOnlyWhenTheRecipeSaysSo) {
  EXPECT_FALSE(recipe("network: [relu]\n").people.has_value());
  Recipe some = recipe("network: [relu]\npeople: {}\n");
  ASSERT_TRUE(some.people.has_value());
  EXPECT_EQ(some.people->goal.share, 0.05) << "the goal when none is given";
  some = recipe("network: [relu]\npeople: {goal: {right: 0.999}, coverage: 0.9}\n");
  EXPECT_EQ(some.people->goal.right, 0.999);
  EXPECT_EQ(some.people->goal.share, 0);
  EXPECT_EQ(Recipe::read(some.write()).write().str(), some.write().str());
  EXPECT_EQ(recipe("network: [relu]\n").write().str().find("people"), std::string::npos);
}

TEST(Recipe, ATranslationHasANetworkOfTwoParts) {
  const std::string text =
      "task: translation\nnetwork: {encoder: [embedding: 8], decoder: [embedding: 8, tied_head]}\n";
  Recipe r = recipe(text + "translation: {shared: true, beam: 3}\ndata: {from: de, to: en}\n");
  EXPECT_EQ(r.encoder_decoder.decoder.layers().size(), 2U);
  EXPECT_TRUE(r.translation.shared);
  EXPECT_EQ(r.translation.search.beam, 3);
  EXPECT_EQ(r.data.from + r.data.to, "deen");
  EXPECT_EQ(Recipe::read(r.write()).write().str(), r.write().str());
  EXPECT_EQ(recipe("network: [relu]\n").write().str().find("translation"), std::string::npos);
}

TEST(Recipe, RefusesWithPlaceAndAdvice) {
  const std::string net = "network: [relu]\n", both = "network: {encoder: [relu], decoder: [relu]}\n";
  const std::vector<std::pair<std::string, std::vector<std::string>>> rows{
      {"", {"a recipe is a list of keys"}},
      {"3", {"r.yaml:1:1"}},
      {"name: x\n", {"network is missing", "lenet"}},
      {"network: []\n", {"network is missing"}},
      {"network: lenett\n", {"unknown model 'lenett'", "did you mean 'lenet'"}},
      {"network: {linear: 3}\n", {"r.yaml:1:10", "list of layers"}},
      {"network:\n  - flatten\n  - liner: 10\n", {"r.yaml:3:", "unknown layer 'liner'", "did you mean 'linear'"}},
      {"network:\n  - conv: {filters: 3, kernle: 5}\n",
       {"r.yaml:2:", "conv: unknown key 'kernle'", "did you mean 'kernel'"}},
      {"network: [[relu]]\n", {"expected one layer"}},
      {"network: [{relu: , tanh: }]\n", {"expected one layer"}},
      {"network: [relu: 3]\n", {"relu takes no value"}},
      {"network: [dropout: 2]\n", {"dropout.probability", "0 to 0.999"}},
      {net + "task: translation\n", {"network of two parts", "encoder: […]"}},
      {"task: translation\n", {"network is missing", "its two parts"}},
      {both, {"r.yaml:1:10", "task: translation"}},
      {both + "task: translation\nstart_from: runs/x\n", {"begins from nothing"}},
      {both + "task: translation\ntranslation: {beam: 0}\n", {"translation.beam", "1 to 1000"}},
      {both + "task: translation\ntranslation: {share: true}\n", {"'share'", "did you mean 'shared'"}},
      {both + "task: translation\nloss: binary_cross_entropy\n", {"loss", "cross_entropy"}},
      {both + "task: translation\nteach: {from: [runs/a]}\n", {"teach", "classes apart"}},
      {both + "task: translation\ndata: {augment: {mixup: 0.2}}\n", {"mixture of words"}},
      {"network: {encoder: [relu], decodr: [relu]}\n", {"unknown key 'decodr'", "did you mean 'decoder'"}},
      {net + "data: {from: de}\n", {"r.yaml:2:7", "data.from", "task: translation"}},
      {net + "name: ../x\n", {"names the run's folder"}},
      {net + "name: .x\n", {"names the run's folder"}},
      {net + "name: ''\n", {"names the run's folder"}},
      {net + "task: speech\n", {"r.yaml:2:7", "'speech' is not known", "image_classification"}},
      {net + "data: {size: [28, 28, 1]}\n", {"expected [height, width]"}},
      {net + "data: {channels: 2}\n", {"channels"}},
      {net + "data: {validation: 1}\n", {"0 to 0.9"}},
      {net + "data: {augment: {rotat: 3}}\n", {"augment: unknown key 'rotat'", "did you mean 'rotate'"}},
      {net + "optimizer: {type: adamm}\n", {"did you mean 'adam'"}},
      {net + "optimizer: {lr: -1}\n", {"optimizer.lr", "0 to 1000"}},
      {net + "schedule: cosin\n", {"did you mean 'cosine'"}},
      {net + "train: {batch: 0}\n", {"train.batch", "1 to"}},
      {net + "train: {epochs: 1.5}\n", {"whole number"}},
      {net + "train: {precision: fp16}\n", {"train.precision", "'fp16' is not known", "fp32, bf16"}},
      {net + "train: {early_stopping: {monitor: f1}}\n", {"valid: loss, accuracy"}},
      {net + "train: {progressive: {size: [8, 16], until: [0.5]}}\n", {"train.progressive", "one length"}},
      {net + "train: {progressive: {size: [8, 16], until: [0.5, 0.4]}}\n", {"train.progressive", "rising"}},
      {net + "train: {average: 1}\n", {"average.decay", "0 to 0.99999"}},
      {net + "train: {average: {last: 1.5}}\n", {"average.last", "0 to 1"}},
      {net + "train: {average: {decay: 0.9, last: 0.2}}\n", {"r.yaml:2:", "one of them"}},
      {net + "data: {augment: {hue: 200}}\n", {"augment.hue", "0 to 180"}},
      {net + "data: {augment: {brightness: 2}}\n", {"augment.brightness", "0 to 1"}},
      {net + "data: {augment: {rand_augment: 20}}\n", {"rand_augment.operations", "0 to 14"}},
      {net + "data: {augment: {rand_augment: {operations: 2, magnitude: 40}}}\n",
       {"rand_augment.magnitude", "0 to 30"}},
      {net + "data: {augment: {mixup: -1}}\n", {"augment.mixup", "0 to 100"}},
      {net + "task: text_classification\ndata: {augment: {mixup: 0.2}}\n", {"r.yaml:3:", "mixture of words"}},
      {net + "task: table_classification\ndata: {augment: {cutmix: 1}}\n", {"r.yaml:3:", "for tables there is mixup"}},
      {net + "teach: {temperature: 3}\n", {"r.yaml:2:", "from: [runs/NAME"}},
      {net + "teach: {from: [runs/a], share: 2}\n", {"teach.share", "0 to 1"}},
      {net + "teach: {from: [runs/a], temperature: 0}\n", {"teach.temperature", "0.1 to 100"}},
      {net + "teach: {from: [runs/a]}\ntask: language_model\n", {"r.yaml:2:", "classes apart"}},
      {net + "teach: {from: [runs/a]}\nloss: binary_cross_entropy\n", {"r.yaml:2:", "binary_cross_entropy_logits"}},
      {net + "teach: {from: [runs/a]}\ndata: {folds: 5}\n", {"r.yaml:2:", "data.folds leaves out"}},
      {net + "privacy: {epsilon: 8}\ndata: {augment: {cutmix: 1}}\n", {"r.yaml:2:", "an example into two"}},
      {net + "loss: mse\n", {"'mse' is not known", "cross_entropy"}},
      {net + "epochs: 3\n", {"unknown key 'epochs'", "valid: name"}},
      {net + "people: {goal: {rights: 0.99}}\n", {"goal: unknown key 'rights'", "did you mean 'right'"}},
      {net + "people: {goal: {right: 1}}\n", {"goal.right", "0 to 0.999999"}},
      {net + "people: {goal: {right: 0.99, share: 0.1}}\n", {"r.yaml:2:9", "both right: 0.99 and share: 0.1"}},
  };
  for (const auto& [text, parts] : rows) {
    SCOPED_TRACE(text);
    expect_error(ErrorKind::usage, parts, [&, &text = text] { (void)recipe(text); });
  }
}

}  // namespace
}  // namespace tandem::testing
