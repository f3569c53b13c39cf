// Pruning: how many weights go and when, that the smallest go, and that none comes back.
#include <tandem/train/fit.h>
#include <tandem/train/pruning.h>

#include <cmath>

#include "tests/train/small.h"

namespace tandem::testing {
namespace {

using train::PruneOptions;

int64_t zeros(const Tensor& t) {
  int64_t out = 0;
  for (int64_t i = 0; i < t.numel(); ++i) out += t.at(i) == 0 ? 1 : 0;
  return out;
}

/// Zeros and all, of the weights of a network.
std::pair<int64_t, int64_t> pruned(nn::Module& net) {
  std::pair<int64_t, int64_t> out;
  net.visit("", [&](const std::string&, Tensor& t, bool trained) {
    if (trained && t.rank() >= 2) out.first += zeros(t), out.second += t.numel();
  });
  return out;
}

TEST(Pruning, GoesQuicklyFirstAndEndsAtItsShare) {
  const PruneOptions o{.share = 0.8, .until = 0.5};
  EXPECT_EQ(o.at(0), 0);
  EXPECT_DOUBLE_EQ(o.at(0.25), 0.8 * (1 - 0.125));
  EXPECT_EQ(o.at(0.5), 0.8);
  EXPECT_EQ(o.at(1), 0.8);
  EXPECT_EQ((PruneOptions{.share = 0.8, .until = 0}.at(0)), 0.8) << "at once";
}

TEST(Pruning, TakesTheSmallestOfAllOrOfEachTensor) {
  const auto weights = [] {
    return std::vector<Tensor>{Tensor::from(std::vector<float>{0.1F, -0.2F, 0.3F, 0.4F}, {2, 2}),
                               Tensor::from(std::vector<float>{5, 6, -7, 8}, {2, 2}), Tensor::full({4}, 0.01)};
  };
  const auto values = [](const Tensor& t) {
    return std::vector<float>(t.data<float>().begin(), t.data<float>().end());
  };
  std::vector<Tensor> all = weights();
  train::Pruning({.share = 0.5, .until = 0}, all).step(1, 0.1, [] {});
  EXPECT_EQ(values(all[0]), (std::vector<float>{0, 0, 0, 0}));
  EXPECT_EQ(values(all[1]), (std::vector<float>{5, 6, -7, 8}));
  EXPECT_EQ(values(all[2]), (std::vector<float>{0.01F, 0.01F, 0.01F, 0.01F})) << "no weight: it has one axis";
  std::vector<Tensor> each = weights();
  train::Pruning({.share = 0.5, .by = "layer", .until = 0}, each).step(1, 0.1, [] {});
  EXPECT_EQ(values(each[0]), (std::vector<float>{0, 0, 0.3F, 0.4F}));
  EXPECT_EQ(values(each[1]), (std::vector<float>{0, 0, -7, 8}));
  std::vector<Tensor> same{Tensor::full({3, 3}, 2)};
  train::Pruning({.share = 0.5, .until = 0}, same).step(1, 0.1, [] {});
  EXPECT_EQ(values(same[0]), (std::vector<float>{0, 0, 0, 0, 0, 2, 2, 2, 2}))
      << "of equals the first, 9 / 2 rounded up";
}

TEST(Pruning, CutsWhenItIsTimeToAndHoldsZerosInBetween) {
  std::vector<Tensor> w{Tensor::from(std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {2, 5})};
  train::Pruning pruning({.share = 0.8, .until = 0.5, .every = 10}, w);
  const auto move = [&] {
    for (float& value : w[0].data<float>()) value += 1;
  };
  for (int64_t step = 1; step <= 9; ++step) pruning.step(step, 0.25, move);
  EXPECT_EQ(zeros(w[0]), 1) << "the one that was zero, and no cut yet";
  EXPECT_EQ(w[0].at(1), 10) << "others move";
  pruning.step(10, 0.25, move);
  EXPECT_EQ(zeros(w[0]), 7) << "0.7 of ten";
  EXPECT_FALSE(pruning.complete(0.49));
  pruning.step(11, 0.5, move);
  EXPECT_EQ(zeros(w[0]), 8) << "complete, though it is not the tenth";
  EXPECT_TRUE(pruning.complete(0.5));
}

struct PrunedTraining : ::testing::TestWithParam<const char*> {};

// Whatever moves weights: momentum that goes on, decay, a mean over time.
TEST_P(PrunedTraining, EndsAtExactlyItsShareAndNoZeroComesBack) {
  for (const char* more : {"", ", average: 0.9", ", average: {last: 0.5}", ", keep: last"}) {
    SCOPED_TRACE(more);
    const data::Dataset learned = bands(90, 1), held = bands(30, 2);
    const train::Recipe recipe =
        small_recipe(std::string("optimizer: ") + GetParam() +
                     "\ntrain: {epochs: 6, batch: 16, prune: {share: 0.75, until: 0.6, every: 4}" + more + "}\n");
    tasks::Classifier model = train::make_model(recipe, learned);
    train::Trainer trainer(recipe, model, learned, held);
    int64_t before = 0;
    train::Hooks hooks;
    hooks.step = [&](const train::Progress&) {
      const int64_t now = pruned(model.net).first;
      EXPECT_GE(now, before);
      before = now;
    };
    ASSERT_EQ(trainer.run(hooks), train::Outcome::finished);
    const auto [none, all] = pruned(model.net);
    EXPECT_EQ(none, std::llround(0.75 * static_cast<double>(all)));
    EXPECT_GE(trainer.best_epoch(), 4) << "no network before is the one that is wanted";
  }
}

INSTANTIATE_TEST_SUITE_P(Optimizers, PrunedTraining,
                         ::testing::Values("{type: sgd, lr: 0.05, momentum: 0.9, weight_decay: 0.01}",
                                           "{type: adamw, lr: 0.01, weight_decay: 0.1}",
                                           "{type: muon, lr: 0.01, momentum: 0.9, weight_decay: 0.05}"));

TEST(Pruning, APrunedNetworkLearnsOnAndStaysSo) {
  const Folder home;
  const data::Splits data{.train = bands(90, 1), .validation = bands(30, 2), .test = {}};
  train::Fit fit =
      train::fit(small_recipe().network, data, {.epochs = 4, .batch = 16, .prune = {.share = 0.8, .until = 0.2}});
  const auto [none, all] = pruned(fit.model.net);
  EXPECT_EQ(none, std::llround(0.8 * static_cast<double>(all)));
  fit.model.save(home / "small.safetensors");
  const TensorFile file = read_safetensors(home / "small.safetensors");
  EXPECT_TRUE(file.find("6.weight.mask").defined()) << "zeros take a bit in the file";
  tasks::Classifier again = tasks::Classifier::load(home / "small.safetensors");
  EXPECT_EQ(weights(again.net), weights(fit.model.net));
  EXPECT_EQ(again.predict(data.validation), fit.model.predict(data.validation));

  train::Recipe recipe = train::Recipe::read(
      Config::parse(fmt::format("start_from: {}\noptimizer: {{type: sgd, lr: 0.05, momentum: 0.9}}\n"
                                "train: {{epochs: 2, batch: 16, keep: last, prune: {{share: 0.5}}}}",
                                (home / "small.safetensors").string()),
                    "on.yaml"));
  tasks::Classifier on = train::make_model(recipe, data.train);
  train::Trainer(recipe, on, data.train, data.validation).run();
  EXPECT_EQ(pruned(on.net).first, none);
  EXPECT_NE(weights(on.net), weights(fit.model.net));
}

TEST(Pruning, RefusesWhatCannotBe) {
  expect_error(ErrorKind::usage, {"train.prune", "an adapter begins as zeros", "tandem merge"}, [] {
    (void)train::Recipe::read(
        Config::parse("start_from: runs/x\nadapt: {lora: {rank: 2}}\ntrain: {prune: {share: 0.5}}", "r.yaml"));
  });
  expect_error(ErrorKind::usage, {"share", "0.99"}, [] { (void)small_recipe("train: {prune: {share: 1}}\n"); });
  expect_error(ErrorKind::usage, {"by", "network", "layer"}, [] { (void)small_recipe("train: {prune: {by: me}}\n"); });
  expect_error(ErrorKind::usage, {"train.prune", "no weight to take out"},
               [] { (void)train::Pruning({.share = 0.5}, {Tensor::zeros({3})}); });
}

}  // namespace
}  // namespace tandem::testing
