// A quantised classifier: nearly as right, in a quarter of the room, and exact about its bytes.
#include <tandem/base/threads.h>
#include <tandem/data/catalog.h>
#include <tandem/deploy/onnx/export.h>
#include <tandem/evaluate/classification.h>
#include <tandem/tasks/quantise.h>
#include <tandem/tasks/speed.h>
#include <tandem/train/fit.h>

#include "tests/train/small.h"

namespace tandem::testing {
namespace {

double accuracy(tasks::Classifier& model, const data::Dataset& set) {
  return evaluate::classification({set.classes, set.labels, model.predict(set)}).accuracy;
}

struct Quantised : ::testing::Test {
  static data::Splits* digits;
  static train::Fit* trained;
  static void SetUpTestSuite() {
    data::LoadOptions options;
    options.train_examples = 1500, options.test_examples = 5000;
    digits = new data::Splits(data::load("builtin", options));
    const nn::Sequential net = nn::Sequential::read(
        Config::parse("[conv: {filters: 8, padding: same}, batch_norm, relu, max_pool: 2, conv: {filters: 16, padding: "
                      "same}, max_pool: 2, batch_norm, relu, flatten, dropout: 0.2, linear: 64, relu, linear: classes]",
                      "n.yaml"));
    train::FitOptions how{.optimizer = {.lr = 3e-3}, .epochs = 4, .batch = 32};
    how.people = evaluate::PeopleOptions{};
    how.people->complete("test");
    trained = new train::Fit(train::fit(net, *digits, how));
  }
  static void TearDownTestSuite() {
    delete digits;
    delete trained;
    digits = nullptr, trained = nullptr;
  }
};
data::Splits* Quantised::digits = nullptr;
train::Fit* Quantised::trained = nullptr;

TEST_F(Quantised, LosesAtMostAFifthOfAPointOfAccuracy) {
  const double before = accuracy(trained->model, digits->test);
  ASSERT_GT(before, 0.85) << "a network that has learned";
  tasks::Classifier small = tasks::quantised(trained->model, digits->train);
  EXPECT_GE(accuracy(small, digits->test), before - 0.002);
  EXPECT_EQ(tasks::int8_numbers(small.net), 8 * 9 + 16 * 8 * 9 + 64 * 784 + 640);
  EXPECT_NE(small.notes.at("quantised").find("512 training examples of"), std::string::npos);
  EXPECT_TRUE(small.confidence) << "what was fitted on its features stays";
}

TEST_F(Quantised, TakesAQuarterOfTheRoomAndIsTheSameAfterItsFile) {
  const Folder home;
  tasks::Classifier small = tasks::quantised(trained->model, digits->train);
  small.confidence.reset(), trained->model.confidence.reset();  // which is as large as before
  trained->model.save(home / "before.safetensors");
  small.save(home / "small.safetensors");
  EXPECT_LT(3.3 * static_cast<double>(fs::file_size(home / "small.safetensors")),
            static_cast<double>(fs::file_size(home / "before.safetensors")));
  tasks::Classifier again = tasks::Classifier::load(home / "small.safetensors");
  EXPECT_EQ(again.predict(digits->test), small.predict(digits->test));
  EXPECT_EQ(again.notes.at("quantised"), small.notes.at("quantised"));
}

TEST_F(Quantised, AnExampleHasTheSameBytesInAnyBatchOnAnyThreads) {
  tasks::Classifier small = tasks::quantised(trained->model, digits->train);
  small.confidence.reset();
  set_threads(1);
  const std::vector<float> want = small.predict(digits->test, 256);
  for (const int64_t batch : {1, 3, 100}) EXPECT_EQ(small.predict(digits->test, batch), want) << batch;
  set_threads(2);
  EXPECT_EQ(small.predict(digits->test, 256), want);
  set_threads(0);
}

TEST_F(Quantised, TheSameExamplesGiveTheSameNetworkAndOthersAnother) {
  const auto bytes = [&](const tasks::QuantiseOptions& options) {
    tasks::Classifier small = tasks::quantised(trained->model, digits->train, options);
    return weights(small.net);
  };
  EXPECT_EQ(bytes({}), bytes({}));
  EXPECT_NE(bytes({.seed = 1}), bytes({.seed = 2}));
  EXPECT_NE(bytes({.examples = 10}), bytes({}));
}

TEST_F(Quantised, IsExportedAndMeasuredAsAnyModel) {
  const tasks::Classifier small = tasks::quantised(trained->model, digits->train);
  EXPECT_FALSE(deploy::onnx::graph_of(small).bytes("small", "test").empty());
  const tasks::Speed speed = tasks::speed_of(small);
  EXPECT_EQ(speed.batch, 64);
  EXPECT_GT(speed.batched, 100);
  EXPECT_GT(speed.one_by_one, 100);
}

TEST_F(Quantised, RefusesWhatCannotBe) {
  const tasks::Classifier small = tasks::quantised(trained->model, digits->train);
  expect_error(ErrorKind::usage, {"quantise", "one of 8-bit integers already"},
               [&] { (void)tasks::quantised(small, digits->train); });
  expect_error(ErrorKind::data, {"quantise", "no examples to learn ranges from"},
               [&] { (void)tasks::quantised(trained->model, {}); });
  const Folder home;
  tasks::Classifier same = small;
  same.save(home / "small.safetensors");
  const train::Recipe recipe =
      train::Recipe::read(Config::parse("start_from: " + (home / "small.safetensors").string(), "r.yaml"));
  tasks::Classifier on = train::make_model(recipe, digits->train);
  expect_error(ErrorKind::usage, {"train: tensor '0.weight'", "8-bit integers", "quantise that"},
               [&] { train::Trainer(recipe, on, digits->train, digits->test); });
}

}  // namespace
}  // namespace tandem::testing
