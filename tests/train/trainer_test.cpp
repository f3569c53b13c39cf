#include <tandem/base/threads.h>
#include <tandem/train/trainer.h>

#include <cstring>

#include "tests/train/small.h"

namespace tandem::testing {
namespace {

using train::Outcome;
using train::Trainer;

struct Finished {
  std::vector<uint8_t> weights;
  std::vector<evaluate::EpochPoint> history;
  int64_t best_epoch = 0;
  Outcome outcome = Outcome::finished;
};

/// Validation labels are wrong: the better the network learns, the worse it gets there.
data::Dataset wrong(data::Dataset set) {
  for (auto& label : set.labels) label = (label + 1) % 3;
  return set;
}

/// Trains; at each of `stops` (a count of steps within the piece) the state goes to a file and a new trainer goes on.
Finished train_it(const train::Recipe& recipe, const std::vector<int>& stops,
                  const std::function<void(TensorFile&)>& meddle = {}) {
  // A plateau only acts when the validation loss does not fall.
  const bool rising = recipe.schedule.type == "plateau";
  const data::Dataset train = bands(90, 1), validation = rising ? wrong(bands(30, 2)) : bands(30, 2);
  const Folder folder;
  for (size_t piece = 0;; ++piece) {
    tasks::Classifier model = train::make_model(recipe, train);
    Trainer trainer(recipe, model, train, validation);
    if (piece > 0) {
      TensorFile file = read_safetensors(folder / "last");
      if (meddle) meddle(file);
      trainer.restore(file, "last");
    }
    int steps = 0;
    train::Hooks hooks;
    if (piece < stops.size()) hooks.stop = [&] { return ++steps == stops[piece]; };
    const Outcome outcome = trainer.run(hooks);
    if (outcome != Outcome::interrupted) {
      EXPECT_GE(piece, stops.size()) << "it ended before it was stopped";
      return {weights(model.net), trainer.history(), trainer.best_epoch(), outcome};
    }
    write_safetensors(folder / "last", trainer.checkpoint());
  }
}

void expect_equal(const Finished& a, const Finished& b) {
  EXPECT_TRUE(a.weights == b.weights) << "weights differ";
  expect_same_history(a.history, b.history);
  EXPECT_EQ(a.best_epoch, b.best_epoch);
  EXPECT_EQ(a.outcome, b.outcome);
}

// 90 examples in batches of 16 are 6 steps an epoch, the last of them with 10 examples.
struct Resume : ::testing::TestWithParam<const char*> {};

TEST_P(Resume, IsBitForBit) {
  const train::Recipe recipe = small_recipe(GetParam() + std::string("\n"));
  const Finished whole = train_it(recipe, {});
  ASSERT_EQ(whole.history.size(), 4U);
  const std::vector<std::vector<int>> stops{{1}, {4}, {6}, {7}, {17}, {3, 3, 6, 2}};
  for (const auto& at : stops) {
    SCOPED_TRACE("stopped first after step " + std::to_string(at[0]));
    expect_equal(train_it(recipe, at), whole);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Recipes, Resume,
    ::testing::Values(
        "optimizer: {type: sgd, lr: 0.05}\nschedule: {type: cosine, warmup: 1}\ntrain: {epochs: 4, batch: 16, average: "
        "0.9}",
        "optimizer: {type: sgd, lr: 0.05, momentum: 0.9, nesterov: true, weight_decay: 0.01}\nschedule: {type: "
        "plateau, patience: 0, factor: 0.5}\ntrain: {epochs: 4, batch: 16}",
        "optimizer: {type: adam, lr: 0.01}\nschedule: {type: plateau, patience: 0, factor: 0.5}\ntrain: {epochs: 4, "
        "batch: 16, average: 0.9, clip: 0.5}",
        "optimizer: {type: adamw, lr: 0.01, weight_decay: 0.1, decay_all: false}\nschedule: {type: cosine}\ntrain: "
        "{epochs: 4, batch: 16, keep: last}",
        "optimizer: {type: rmsprop, lr: 0.003, momentum: 0.5}\nschedule: {type: step, at: [1.5, 3]}\nloss: "
        "{label_smoothing: 0.1, balanced: true}\ntrain: {epochs: 4, batch: 16, keep: last, average: 0.9}",
        "optimizer: {type: adam, lr: 0.01}\ntrain: {epochs: 4, batch: 16, average: 0.9, clip: 0.5, precision: bf16}"));

TEST(Trainer, WhatWatchesTheValidationPartNeedsOne) {
  const data::Dataset train = bands(90, 1), none;
  for (const char* watcher : {"train: {epochs: 2, early_stopping: {patience: 1}}\n", "schedule: plateau\n"}) {
    const train::Recipe recipe = small_recipe(watcher);
    tasks::Classifier model = train::make_model(recipe, train);
    expect_error(ErrorKind::usage, {"validation part", "data.validation"},
                 [&] { train::Trainer(recipe, model, train, none); });
  }
}

TEST(Trainer, APlateauLowersTheRateAndResumeKnowsIt) {
  const train::Recipe recipe = small_recipe(
      "optimizer: {type: sgd, lr: 0.05}\nschedule: {type: plateau, patience: 0, factor: 0.5}\ntrain: {epochs: 4, "
      "batch: 16, keep: last}\n");
  const Finished whole = train_it(recipe, {});
  EXPECT_LT(whole.history[3].learning_rate, whole.history[0].learning_rate);
  EXPECT_FALSE(train_it(recipe, {20}, [](TensorFile& file) {
                 std::string& state = file.metadata.at("tandem.state");
                 const size_t at = state.find("\"schedule\":[");
                 ASSERT_NE(at, std::string::npos);
                 const size_t number = at + 12, end = state.find(',', number);
                 EXPECT_NE(state.substr(number, end - number), "1.0");
                 state.replace(number, end - number, "1.0");
               }).weights == whole.weights);
}

TEST(Trainer, ResumeNeedsEachPartOfTheState) {
  const train::Recipe recipe =
      small_recipe("optimizer: {type: adam, lr: 0.01}\ntrain: {epochs: 3, batch: 16, average: 0.9}\n");
  const Finished whole = train_it(recipe, {});
  EXPECT_TRUE(train_it(recipe, {8}, [](TensorFile&) {}).weights == whole.weights);
  for (const char* prefix :
       {"optimizer.0.first", "optimizer.1.second", "average.", "net.0.weight", "net.1.running_var"}) {
    const Finished other = train_it(recipe, {8}, [&](TensorFile& file) {
      int count = 0;
      for (auto& [name, tensor] : file.tensors)
        if (name.starts_with(prefix)) tensor = Tensor::zeros(tensor.shape()), ++count;
      EXPECT_GT(count, 0) << prefix;
    });
    EXPECT_FALSE(other.weights == whole.weights) << prefix << " made no difference";
  }
  for (const char* key : {"\"step\":", "\"optimizer_steps\":"}) {
    const Finished other = train_it(recipe, {8}, [&](TensorFile& file) {
      std::string& state = file.metadata.at("tandem.state");
      const size_t at = state.find(key) + std::strlen(key);
      state.replace(at, state.find_first_of(",}", at) - at, "0");
    });
    EXPECT_FALSE(other.weights == whole.weights) << key << " made no difference";
  }
}

TEST(Trainer, RestoreRefusesWhatDoesNotFit) {
  const train::Recipe recipe = small_recipe("train: {epochs: 3, batch: 16}\n");
  const data::Dataset train = bands(90, 1), none;
  tasks::Classifier model = train::make_model(recipe, train);
  Trainer trainer(recipe, model, train, none);
  int steps = 0;
  ASSERT_EQ(trainer.run({.step = {}, .epoch = {}, .stop = [&] { return ++steps == 2; }}), Outcome::interrupted);
  const TensorFile good = parse_safetensors(format_safetensors(trainer.checkpoint()), "good");
  const auto before = weights(model.net);
  const auto refused = [&](const std::vector<std::string>& parts, const std::function<void(TensorFile&)>& change) {
    TensorFile bad = good;
    change(bad);
    expect_error(ErrorKind::data, parts, [&] { trainer.restore(bad, "last"); });
    EXPECT_TRUE(weights(model.net) == before) << "a refused checkpoint must change nothing: " << parts[0];
  };
  const auto edit = [](const std::string& from, const std::string& to) {
    return [=](TensorFile& f) {
      std::string& state = f.metadata.at("tandem.state");
      const size_t at = state.find(from);
      ASSERT_NE(at, std::string::npos) << state;
      state.replace(at, from.size(), to);
    };
  };
  refused({"no checkpoint"}, [](TensorFile& f) { f.metadata.clear(); });
  refused({"damaged"}, [](TensorFile& f) { f.metadata["tandem.state"] = "{"; });
  refused({"damaged"}, [](TensorFile& f) { f.metadata["tandem.state"] = "[]"; });
  refused({"damaged"}, edit("\"step\":2", "\"step\":\"2\""));
  refused({"damaged"}, edit("\"waited\"", "\"wated\""));
  refused({"stands at step 6 of an epoch of 6"}, edit("\"step\":2", "\"step\":6"));
  refused({"step is -1", "expected 0 to"}, edit("\"step\":2", "\"step\":-1"));
  refused({"'0.weight'", "missing"}, [](TensorFile& f) { f.tensors.erase(f.tensors.begin()); });
  refused({"0.weight", "shape"}, [](TensorFile& f) { f.tensors[0].second = Tensor::zeros({3}); });
  refused({"optimizer.0.first", "missing"}, [](TensorFile& f) {
    std::erase_if(f.tensors, [](const auto& t) { return t.first == "optimizer.0.first"; });
  });
  refused({"optimizer.7.second"}, [](TensorFile& f) {
    for (auto& [name, tensor] : f.tensors)
      if (name == "optimizer.7.second") tensor = Tensor::zeros({1, 2});
  });
  refused({"average.0.weight", "belongs to nothing"},
          [](TensorFile& f) { f.tensors.emplace_back("average.0.weight", f.tensors[0].second); });
  refused({"best.0.weight", "belongs to nothing"}, [](TensorFile& f) {
    for (size_t i = 0, n = f.tensors.size(); i < n; ++i)
      if (f.tensors[i].first.starts_with("net."))
        f.tensors.emplace_back("best." + f.tensors[i].first.substr(4), f.tensors[i].second.to(DType::f64));
  });
  refused({"optimizer.0.first", "type"}, [](TensorFile& f) {
    for (auto& [name, tensor] : f.tensors)
      if (name == "optimizer.0.first") tensor = tensor.to(DType::f64);
  });
  refused({"'extra'", "no layer"}, [](TensorFile& f) { f.tensors.emplace_back("net.extra", Tensor::zeros({1})); });
  trainer.restore(good, "last");
}

struct Precision : ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Both, Precision, ::testing::Values("fp32", "bf16"), [](const auto& p) { return p.param; });

TEST_P(Precision, SameBytesForAnyNumberOfThreads) {
  // 28x28 and 8 filters: batches are worth several threads in every kernel.
  const train::Recipe recipe =
      small_recipe(std::string("optimizer: {type: adam, lr: 0.01}\ntrain: {epochs: 2, batch: 48, average: 0.9, clip: "
                               "1, precision: ") +
                   GetParam() + "}\n");
  const data::Dataset train = bands(150, 1, 28), validation = bands(60, 2, 28);
  std::vector<uint8_t> first;
  std::vector<evaluate::EpochPoint> history;
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    tasks::Classifier model = train::make_model(recipe, train);
    Trainer trainer(recipe, model, train, validation);
    trainer.run();
    if (count == 1) {
      first = weights(model.net), history = trainer.history();
      continue;
    }
    EXPECT_TRUE(weights(model.net) == first) << count << " threads";
    expect_same_history(trainer.history(), history);
  }
  set_threads(0);
}

// Weights and all that a model or a checkpoint holds are float32; the training learns as well as in float32, but
// differs.
TEST(Trainer, MixedPrecisionLearns) {
  const data::Dataset train = bands(90, 1), validation = bands(60, 2);
  std::vector<std::vector<uint8_t>> ends;
  for (const char* precision : {"fp32", "bf16"}) {
    const train::Recipe recipe =
        small_recipe(std::string("optimizer: {type: adam, lr: 0.01}\ntrain: {epochs: 12, batch: 16, precision: ") +
                     precision + "}\n");
    tasks::Classifier model = train::make_model(recipe, train);
    Trainer trainer(recipe, model, train, validation);
    trainer.run();
    EXPECT_GE(trainer.history().back().validation_accuracy, 0.95) << precision;
    for (const auto& [name, tensor] : trainer.checkpoint().tensors) EXPECT_EQ(tensor.dtype(), DType::f32) << name;
    ends.push_back(weights(model.net));
  }
  EXPECT_FALSE(ends[0] == ends[1]) << "bf16 changed nothing";
}

TEST(Trainer, SmallerPicturesFirstThenTheFullOnes) {
  const std::string network =
      "network: [conv: {filters: 4, padding: same}, batch_norm, relu, global_avg_pool, linear: classes]\n";
  const auto recipe = [&](const std::string& more) {
    return train::Recipe::read(Config::parse(network + "train: {epochs: 4, batch: 16" + more + "}\n", "p.yaml"));
  };
  const train::Recipe progressive = recipe(", progressive: {size: [4, 6], until: [0.25, 0.5]}");
  const auto& p = progressive.train.progressive;
  for (const auto& [share, size] :
       std::vector<std::pair<double, int64_t>>{{0, 4}, {0.24, 4}, {0.25, 6}, {0.49, 6}, {0.5, 0}, {0.99, 0}})
    EXPECT_EQ(p.at(share), size) << share;
  const Finished whole = train_it(progressive, {});
  expect_equal(train_it(progressive, {4, 5, 6}), whole);
  EXPECT_FALSE(whole.weights == train_it(recipe(""), {}).weights);

  train::Recipe flat = small_recipe("train: {epochs: 4, batch: 16, progressive: {size: [6], until: [0.5]}}\n");
  expect_error(ErrorKind::usage,
               {"train.progressive", "6.weight", "(16, 64) for 8x8", "(16, 36) for 6x6", "global_avg_pool"},
               [&] { train_it(flat, {}); });
}

// Without learning, and with all examples in one batch, only what is random differs from epoch to epoch.
TEST(Trainer, EachEpochIsAugmentedAnew) {
  const auto spread = [](const std::string& augment) {
    const std::string more = "optimizer: {lr: 0}\ntrain: {epochs: 3, batch: 90}\n";
    train::Recipe recipe = train::Recipe::read(Config::parse(
        "network: [conv: 4, batch_norm, relu, flatten, linear: classes]\ndata: {augment: {" + augment + "}}\n" + more,
        "a"));
    const auto history = train_it(recipe, {}).history;
    return std::max(std::abs(history[0].train_loss - history[1].train_loss),
                    std::abs(history[1].train_loss - history[2].train_loss));
  };
  EXPECT_LT(spread(""), 1e-6) << "only the order of the sum";
  EXPECT_GT(spread("noise: 0.3"), 1e-5);
  EXPECT_GT(spread("shift: 2"), 1e-5);
}

// The same picture in every place: the loss of two steps differs by dropout alone.
TEST(Trainer, EachStepDropsAnew) {
  const auto losses = [](const std::string& dropout) {
    const train::Recipe recipe =
        train::Recipe::read(Config::parse("network: [flatten, linear: 20, relu, " + dropout +
                                              "linear: classes]\noptimizer: {lr: 0}\ntrain: {epochs: 2, batch: 30}\n",
                                          "d"));
    data::Dataset train = bands(90, 1);
    const data::Dataset none;
    for (int64_t i = 1; i < 90; ++i)
      std::ranges::copy(train.pixels().rows(0, 1).data<uint8_t>(),
                        train.pixels().rows(i, i + 1).data<uint8_t>().begin());
    train.labels.assign(90, 0);
    tasks::Classifier model = train::make_model(recipe, train);
    Trainer trainer(recipe, model, train, none);
    std::vector<double> means;
    trainer.run({.step = [&](const train::Progress& p) { means.push_back(p.loss * static_cast<double>(p.step)); },
                 .epoch = {},
                 .stop = {}});
    // Progress tells the mean of the epoch so far.
    return std::vector<double>{means[0], means[1] - means[0], means[2] - means[1], means[3], means[4] - means[3]};
  };
  const auto without = losses(""), with = losses("dropout: 0.5, ");
  for (size_t a = 0; a < 5; ++a)
    for (size_t b = 0; b < a; ++b) {
      EXPECT_NEAR(without[a], without[b], 1e-6);
      EXPECT_GT(std::abs(with[a] - with[b]), 1e-5) << "steps " << a << " and " << b << " drop the same";
    }
}

TEST(Trainer, TheSeedDecides) {
  train::Recipe a = small_recipe("seed: 1\ntrain: {epochs: 1, batch: 16}\n"),
                b = small_recipe("seed: 2\ntrain: {epochs: 1, batch: 16}\n");
  EXPECT_TRUE(train_it(a, {}).weights == train_it(a, {}).weights);
  EXPECT_FALSE(train_it(a, {}).weights == train_it(b, {}).weights);
}

double validation_loss(tasks::Classifier& model, const data::Dataset& set) {
  const auto p = model.predict(set);
  double sum = 0;
  for (size_t i = 0; i < set.labels.size(); ++i)
    sum -= std::log(std::max<double>(p[i * 3 + static_cast<size_t>(set.labels[i])], 1e-12));
  return sum / static_cast<double>(set.labels.size());
}

TEST(Trainer, EarlyStoppingRestoresTheBestWeights) {
  for (const char* average : {"0", "0.9"}) {
    const train::Recipe recipe =
        small_recipe(std::string("optimizer: {type: adam, lr: 0.003}\ntrain: {epochs: 50, batch: 16, average: ") +
                     average + ", early_stopping: 3}\n");
    const data::Dataset train = bands(90, 1), validation = wrong(bands(30, 2));
    tasks::Classifier model = train::make_model(recipe, train);
    Trainer trainer(recipe, model, train, validation);
    EXPECT_EQ(trainer.run(), Outcome::stopped_early);
    const auto& history = trainer.history();
    ASSERT_EQ(static_cast<int64_t>(history.size()), trainer.best_epoch() + 3) << "patience";
    EXPECT_EQ(trainer.kept_epoch(), trainer.best_epoch());
    for (const auto& p : history)
      EXPECT_GE(p.validation_loss, history[static_cast<size_t>(trainer.best_epoch()) - 1].validation_loss);
    EXPECT_LT(history[static_cast<size_t>(trainer.best_epoch()) - 1].validation_loss, history.back().validation_loss);
    EXPECT_DOUBLE_EQ(validation_loss(model, validation),
                     history[static_cast<size_t>(trainer.best_epoch()) - 1].validation_loss);

    // Its checkpoint says that it is done: going on changes nothing.
    const auto kept = weights(model.net);
    const TensorFile file = parse_safetensors(format_safetensors(trainer.checkpoint()), "last");
    tasks::Classifier again = train::make_model(recipe, train);
    Trainer second(recipe, again, train, validation);
    second.restore(file, "last");
    EXPECT_EQ(second.run(), Outcome::stopped_early);
    EXPECT_EQ(second.history().size(), history.size());
    EXPECT_TRUE(weights(again.net) == kept);
  }
}

// What the history says must be what decided: the best epoch, the epochs waited since, and the end.
TEST(Trainer, EarlyStoppingCountsFromTheLastProgress) {
  const train::Recipe recipe =
      small_recipe("optimizer: {type: adam, lr: 0.02}\ntrain: {epochs: 60, batch: 16, early_stopping: 4}\n");
  const data::Dataset train = bands(90, 1), validation = bands(30, 2);
  tasks::Classifier model = train::make_model(recipe, train);
  Trainer trainer(recipe, model, train, validation);
  ASSERT_EQ(trainer.run(), Outcome::stopped_early);
  double best = INFINITY;
  int64_t best_epoch = 0, waited = 0, recovered = 0;
  for (const auto& p : trainer.history()) {
    ASSERT_LT(waited, 4) << "it should have stopped before epoch " << p.epoch;
    if (p.validation_loss < best) {
      recovered += waited > 0 ? 1 : 0;
      best = p.validation_loss, best_epoch = p.epoch, waited = 0;
    } else {
      ++waited;
    }
  }
  EXPECT_EQ(waited, 4);
  EXPECT_EQ(trainer.best_epoch(), best_epoch);
  EXPECT_GT(recovered, 0) << "this training never went on after waiting: it tests nothing, choose another";
}

TEST(Trainer, EarlyStoppingWithKeepLastKeepsTheLast) {
  const data::Dataset train = bands(90, 1), validation = wrong(bands(30, 2));
  for (const char* average : {"0", "0.9"}) {
    const train::Recipe recipe = small_recipe(
        std::string("optimizer: {type: adam, lr: 0.003}\ntrain: {epochs: 50, batch: 16, keep: last, average: ") +
        average + ", early_stopping: 2}\n");
    tasks::Classifier model = train::make_model(recipe, train);
    Trainer trainer(recipe, model, train, validation);
    EXPECT_EQ(trainer.run(), Outcome::stopped_early);
    EXPECT_DOUBLE_EQ(validation_loss(model, validation), trainer.history().back().validation_loss)
        << "average " << average;
    EXPECT_EQ(trainer.kept_epoch(), std::ssize(trainer.history()));
    EXPECT_LT(trainer.best_epoch(), trainer.kept_epoch()) << "nothing was waited for: this tests nothing";
  }
}

TEST(Trainer, WithoutValidationTheLastWeightsAreKept) {
  const train::Recipe recipe = small_recipe("train: {epochs: 2, batch: 16}\n");
  const data::Dataset train = bands(90, 1), none;
  tasks::Classifier model = train::make_model(recipe, train);
  Trainer trainer(recipe, model, train, none);
  EXPECT_EQ(trainer.run(), Outcome::finished);
  EXPECT_EQ(trainer.best_epoch(), 0);
  EXPECT_EQ(trainer.kept_epoch(), 2);
  EXPECT_TRUE(std::isnan(trainer.history()[1].validation_loss) || trainer.history()[1].validation_loss == 0);
}

TEST(Trainer, ALossThatIsNoNumberNamesEpochAndStep) {
  train::Recipe recipe = small_recipe("optimizer: {type: sgd}\ntrain: {epochs: 3, batch: 16}\n");
  recipe.optimizer.lr = 1e30;
  expect_error(ErrorKind::numeric, {"train: epoch 1, step ", "optimizer.lr", "after 5 returns"},
               [&] { train_it(recipe, {}); });
  recipe.train.clip = 1;
  recipe.optimizer.lr = 1e38;
  expect_error(ErrorKind::numeric, {"epoch 1, step "}, [&] { train_it(recipe, {}); });
}

// One step an epoch: no later loss would tell. Neither model nor checkpoint may hold what is no number.
TEST(Trainer, WeightsThatAreNoNumbersAreNotKept) {
  train::Recipe recipe = small_recipe("optimizer: {type: sgd, lr: 0.01}\ntrain: {epochs: 1, batch: 90}\n");
  recipe.optimizer.lr = 1e38;
  recipe.optimizer.weight_decay = 1e3;
  expect_error(ErrorKind::numeric, {"no longer finite after epoch 1, step 1", "optimizer.lr", "after 5 returns"},
               [&] { train_it(recipe, {}); });
}

TEST(Trainer, HooksHearEverythingOnce) {
  const train::Recipe recipe = small_recipe("train: {epochs: 2, batch: 16}\n");
  const data::Dataset train = bands(90, 1), validation = bands(30, 2);
  tasks::Classifier model = train::make_model(recipe, train);
  Trainer trainer(recipe, model, train, validation);
  std::vector<std::pair<int64_t, int64_t>> steps;
  std::vector<int64_t> epochs;
  trainer.run({.step =
                   [&](const train::Progress& p) {
                     steps.emplace_back(p.epoch, p.step);
                     EXPECT_EQ(p.epochs, 2);
                     EXPECT_EQ(p.steps, 6);
                     EXPECT_GT(p.loss, 0);
                     EXPECT_GE(p.seconds_left, 0);
                   },
               .epoch = [&](const evaluate::EpochPoint& p, bool) { epochs.push_back(p.epoch); },
               .stop = {}});
  ASSERT_EQ(steps.size(), 12U);
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(steps[i], (std::pair<int64_t, int64_t>(1 + i / 6, 1 + i % 6)));
  EXPECT_EQ(epochs, (std::vector<int64_t>{1, 2}));
}

TEST(Trainer, ALastBatchOfOneIsLeftOut) {
  const data::Dataset none;
  const auto steps = [&](int64_t examples, int64_t batch) {
    train::Recipe recipe = small_recipe("train: {epochs: 1}\n");
    recipe.train.batch = batch;
    const data::Dataset train = bands(examples, 1);
    tasks::Classifier model = train::make_model(recipe, train);
    Trainer trainer(recipe, model, train, none);
    int64_t count = 0;
    trainer.run({.step = [&](const train::Progress&) { ++count; }, .epoch = {}, .stop = {}});
    return count;
  };
  EXPECT_EQ(steps(33, 16), 2);
  EXPECT_EQ(steps(34, 16), 3);
  EXPECT_EQ(steps(32, 16), 2);
  EXPECT_EQ(steps(12, 16), 1);
}

TEST(Trainer, RefusesNoExamples) {
  const train::Recipe recipe = small_recipe();
  const data::Dataset train = bands(9, 1);
  data::Dataset none = bands(3, 1);
  none.labels.clear();
  tasks::Classifier model = train::make_model(recipe, train);
  expect_error(ErrorKind::data, {"train: the training part has no examples"},
               [&] { Trainer(recipe, model, none, none); });
}

}  // namespace
}  // namespace tandem::testing
