// Several runs that answer as one, and a network that learns from them.
#include <tandem/base/threads.h>
#include <tandem/train/ensemble.h>

#include <cmath>

#include "tests/train/small.h"

namespace tandem::testing {
namespace {

using train::Recipe;

/// Bands whose picture is hard to see: each network errs in its own way.
data::Dataset faint(int64_t n, uint64_t seed) {
  data::Dataset set = bands(n, seed);
  Rng rng(seed, "faint");
  for (uint8_t& value : set.pixels().data<uint8_t>())
    value = static_cast<uint8_t>(std::clamp<int64_t>(value + rng.below(601) - 300, 0, 255));
  return set;
}

struct Ensembles : ::testing::Test {
  const data::Dataset learned = faint(90, 1), held = faint(300, 2), none{};
  const Folder home;
  std::vector<std::string> runs;

  /// Trains so many networks from different beginnings and saves them.
  void SetUp() override {
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      Recipe recipe = recipe_of("");
      recipe.seed = seed;
      tasks::Classifier model = train::make_model(recipe, learned);
      train::Trainer(recipe, model, learned, none).run();
      model.notes["recipe"] = recipe.write().str();
      runs.push_back((home / (std::to_string(seed) + ".safetensors")).string());
      model.save(runs.back());
    }
  }
  [[nodiscard]] static Recipe recipe_of(const std::string& more, int64_t epochs = 6) {
    return Recipe::read(
        Config::parse("network: [flatten, linear: 16, relu, linear: classes]\nloss: cross_entropy\n"
                      "data: {seed: 1}\noptimizer: {type: adam, lr: 0.01}\ntrain: {batch: 16, epochs: " +
                          std::to_string(epochs) + "}\n" + more,
                      "pupil.yaml"));
  }
  [[nodiscard]] std::string teach(const std::string& more = "") const {
    return "teach: {from: [" + runs[0] + ", " + runs[1] + ", " + runs[2] + "]" + more + "}\n";
  }
};

TEST_F(Ensembles, AnswerByTheMeanOfTheirProbabilities) {
  tasks::Ensemble ensemble = train::load_ensemble(runs);
  const train::Evaluation found = train::evaluate_ensemble(ensemble, held, "test");
  ASSERT_EQ(found.facts.members.size(), 3U);
  std::vector<std::vector<float>> said;
  double alone = 0, loss = 0;
  for (size_t m = 0; m < 3; ++m) {
    tasks::Classifier one = tasks::Classifier::load(runs[m]);
    said.push_back(one.predict(held));
    const train::Evaluation own = train::evaluate_model(one, held, "test");
    EXPECT_EQ(found.facts.members[m].accuracy, own.result.accuracy);
    EXPECT_EQ(found.facts.members[m].name, runs[m]);
    alone += own.result.accuracy / 3, loss += own.result.loss / 3;
  }
  for (size_t i = 0; i < said[0].size(); ++i)
    ASSERT_NEAR(found.predictions.probabilities[i], (said[0][i] + said[1][i] + said[2][i]) / 3, 1e-6);
  EXPECT_LT(found.result.loss, loss) << "the loss is convex: together they lose less than on average";
  EXPECT_GT(found.result.accuracy, alone - 0.01);
  const std::string json = train::json_of(found), text = train::text_of(found);
  EXPECT_NE(json.find("\"members\""), std::string::npos);
  EXPECT_NE(text.find("members alone"), std::string::npos) << text;
  EXPECT_EQ(train::json_of(train::evaluate_model(ensemble.members[0], held, "test")).find("\"members\""),
            std::string::npos);
}

TEST_F(Ensembles, RefuseMembersThatDoNotBelongTogether) {
  tasks::Classifier other = tasks::Classifier::load(runs[1]);
  other.classes = {"bottom", "middle", "top"};
  const std::string path = (home / "other.safetensors").string();
  other.save(path);
  expect_error(ErrorKind::usage,
               {"ensemble", "other.safetensors tells bottom, middle, top", "tells top, middle, bottom"}, [&] {
                 (void)train::load_ensemble({runs[0], path});
               });
  data::Dataset renamed = learned;
  renamed.classes = {"a", "b", "c"};
  expect_error(ErrorKind::usage, {"teach", "knows the classes top, middle, bottom", "a, b, c"},
               [&] { (void)tasks::teaching(train::load_ensemble({runs[0]}), tasks::fit_input(learned), renamed, 2); });
  expect_error(ErrorKind::file, {"gone"}, [&] { (void)train::load_ensemble({runs[0], (home / "gone").string()}); });
  tasks::Ensemble ensemble = train::load_ensemble(runs);
  expect_error(ErrorKind::data, {"the test part has no examples"},
               [&] { (void)train::evaluate_ensemble(ensemble, data::subset(held, {}), "test"); });
}

TEST_F(Ensembles, WhatIsTaughtIsTheirSoftenedMeanOfWhatThePupilSees) {
  // The pupil's own normalisation differs from the teachers'.
  tasks::ImageInput own = tasks::fit_input(learned);
  own.mean[0] -= 0.2, own.std[0] *= 3;
  const tasks::Taught taught = tasks::teaching(train::load_ensemble(runs), own, learned, 3);
  const std::vector<int64_t> examples{5, 17, 3, 80};
  const Tensor plain = taught(examples, tasks::make_batch(own, learned, examples, {}, {}));
  ASSERT_EQ(plain.shape(), Shape({4, 3}));
  tasks::Ensemble ensemble = train::load_ensemble(runs);
  const std::vector<float> mean = tasks::Ensemble::mean(ensemble.opinions(data::subset(learned, examples)));
  for (int64_t i = 0; i < 4; ++i) {
    double sum = 0;
    for (int64_t c = 0; c < 3; ++c) sum += std::pow(mean[static_cast<size_t>(i * 3 + c)], 1.0 / 3);
    for (int64_t c = 0; c < 3; ++c)
      EXPECT_NEAR(plain.at(i * 3 + c), std::pow(mean[static_cast<size_t>(i * 3 + c)], 1.0 / 3) / sum, 1e-5);
  }
  // Of a changed picture they say what they say of that one.
  const Tensor other = taught(examples, tasks::make_batch(own, learned, examples, {.shift = 3}, Rng(1, "a")));
  double differences = 0;
  for (int64_t i = 0; i < 12; ++i) differences += std::abs(plain.at(i) - other.at(i));
  EXPECT_GT(differences, 0.01);

  tasks::ImageInput large = own;
  large.height = 9;
  expect_error(ErrorKind::data, {"teach", "looks at pictures of 8x8x1", "9x8x1", "data.size"},
               [&] { (void)tasks::teaching(train::load_ensemble(runs), large, learned, 2); });
}

TEST_F(Ensembles, APupilComesNearToWhatItIsTaught) {
  // Agreement with the teachers on pictures that neither has seen: the mean of |p - q| over classes.
  tasks::Ensemble ensemble = train::load_ensemble(runs);
  const std::vector<float> together = tasks::Ensemble::mean(ensemble.opinions(held));
  const auto distance = [&](const Recipe& recipe) {
    tasks::Classifier model = train::make_model(recipe, learned);
    train::Trainer trainer(recipe, model, learned, none);
    EXPECT_EQ(trainer.run(), train::Outcome::finished);
    const std::vector<float> own = model.predict(held);
    double sum = 0;
    for (size_t i = 0; i < own.size(); ++i) sum += std::abs(own[i] - together[i]);
    return sum / static_cast<double>(own.size());
  };
  double taught = 0, untaught = 0;
  for (uint64_t seed = 11; seed <= 13; ++seed) {
    Recipe pupil = recipe_of(teach(", share: 1"), 20), other = recipe_of("", 20);
    pupil.seed = other.seed = seed;
    taught += distance(pupil) / 3, untaught += distance(other) / 3;
  }
  EXPECT_LT(taught, 0.75 * untaught);
}

TEST_F(Ensembles, AResumedPupilIsTheSame) {
  const Recipe recipe = recipe_of(teach());
  std::vector<uint8_t> whole;
  for (const int count : {1, 2}) {
    set_threads(count);
    tasks::Classifier model = train::make_model(recipe, learned);
    train::Trainer trainer(recipe, model, learned, held);
    trainer.run();
    if (count == 1) whole = weights(model.net);
    EXPECT_TRUE(weights(model.net) == whole) << count << " threads";
  }
  set_threads(0);
  tasks::Classifier begun = train::make_model(recipe, learned);
  train::Trainer first(recipe, begun, learned, held);
  int steps = 0;
  train::Hooks hooks;
  hooks.stop = [&] { return ++steps == 8; };
  ASSERT_EQ(first.run(hooks), train::Outcome::interrupted);
  const TensorFile state = parse_safetensors(format_safetensors(first.checkpoint()), "state");
  tasks::Classifier again = train::make_model(recipe, learned);
  train::Trainer second(recipe, again, learned, held);
  second.restore(state, "state");
  second.run();
  EXPECT_TRUE(weights(again.net) == whole);
  tasks::Classifier untaught = train::make_model(recipe_of(""), learned);
  const Recipe plain = recipe_of("");
  train::Trainer(plain, untaught, learned, held).run();
  EXPECT_FALSE(weights(untaught.net) == whole) << "teaching makes a difference";
}

}  // namespace
}  // namespace tandem::testing
