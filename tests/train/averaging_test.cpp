// Means of weights: what is averaged, from when on, and the statistics that belong to it.
#include <tandem/nn/activation.h>
#include <tandem/nn/linear.h>
#include <tandem/nn/norm.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/train/averaging.h>

#include <cmath>

#include "tests/train/small.h"

namespace tandem::testing {
namespace {

using train::AverageOptions;

TEST(Averaging, HowFarTheMeanMoves) {
  EXPECT_EQ(AverageOptions{}.pull(5, 0, 0.5), 0);
  const AverageOptions running{.decay = 0.9};
  EXPECT_DOUBLE_EQ(running.pull(1, 0, 0), 1 - 2.0 / 11) << "faster early on";
  EXPECT_DOUBLE_EQ(running.pull(1000, 999, 0.5), 1 - 0.9);
  const AverageOptions equal{.last = 0.25};
  EXPECT_EQ(equal.pull(100, 0, 0.75), 0) << "not yet";
  EXPECT_EQ(equal.pull(100, 0, 0.76), 1) << "the first one alone";
  EXPECT_EQ(equal.pull(100, 3, 0.9), 0.25);
}

TEST(Averaging, TheEqualMeanIsThatOfTheLastSteps) {
  for (const char* keep : {"last", "best"}) {
    const data::Dataset learned = bands(90, 1), held = bands(30, 2);
    const train::Recipe recipe = small_recipe(
        std::string("optimizer: {type: adam, lr: 0.01}\ntrain: {epochs: 4, batch: 16, average: {last: 0.5}, keep: ") +
        keep + "}\n");
    tasks::Classifier model = train::make_model(recipe, learned);
    train::Trainer trainer(recipe, model, learned, held);
    std::vector<std::vector<double>> sums;  // of each trained tensor over the steps of epochs 3 and 4
    int64_t steps = 0;
    train::Hooks hooks;
    hooks.step = [&](const train::Progress& p) {
      if (p.epoch <= 2) return;
      size_t i = 0;
      model.net.visit("", [&](const std::string&, Tensor& t, bool trained) {
        if (!trained) return;
        if (i == sums.size()) sums.emplace_back(static_cast<size_t>(t.numel()));
        for (size_t k = 0; k < sums[i].size(); ++k) sums[i][k] += t.at(static_cast<int64_t>(k));
        ++i;
      });
      ++steps;
    };
    ASSERT_EQ(trainer.run(hooks), train::Outcome::finished);
    ASSERT_EQ(steps, 12);
    EXPECT_EQ(trainer.kept_epoch(), std::string(keep) == "best" ? trainer.best_epoch() : 4);
    if (std::string(keep) == "best" && trainer.best_epoch() != 4) continue;  // then it is the mean up to there
    size_t i = 0;
    model.net.visit("", [&](const std::string& name, Tensor& t, bool trained) {
      if (!trained) return;
      for (size_t k = 0; k < sums[i].size(); ++k)
        ASSERT_NEAR(t.at(static_cast<int64_t>(k)), sums[i][k] / 12, 2e-6) << name;
      ++i;
    });
    // The validation loss of the last epoch is that of the network that is kept, with its statistics.
    tasks::Classification task(model, learned, held, {});
    EXPECT_DOUBLE_EQ(task.validate().loss, trainer.history().back().validation_loss);
  }
}

/// Numbers that a batch norm sees as they are; carries something from step to step.
class Numbers : public tasks::Task {
 public:
  explicit Numbers(std::vector<float> values) : values_(std::move(values)) {
    nn::Build build{Rng(1, "n"), 1};
    net_.build({1}, build);
  }
  nn::Module& network() override { return net_; }
  int64_t examples() const override { return std::ssize(values_); }
  std::vector<std::vector<int64_t>> batches(int64_t size, Rng) const override {
    std::vector<std::vector<int64_t>> out;
    for (int64_t first = 0; first < examples(); first += size) {
      auto& batch = out.emplace_back();
      for (int64_t i = first; i < std::min(first + size, examples()); ++i) batch.push_back(i);
    }
    return out;
  }
  tasks::BatchLoss loss(std::span<const int64_t> batch, const tasks::Moment&, nn::Pass& pass) override {
    std::vector<float> x;
    for (const int64_t i : batch) x.push_back(values_[static_cast<size_t>(i)]);
    carried_.data<float>()[0] += 1;
    return {sum_to(net_.forward(Tensor::from(x, {std::ssize(batch), 1}), pass), {}), std::ssize(batch)};
  }
  bool validates() const override { return false; }
  tasks::Measure validate() override { return {}; }
  void visit_state(const nn::Visitor& visitor) override { visitor("carried", carried_, false); }
  nn::BatchNorm& norm() { return dynamic_cast<nn::BatchNorm&>(*net_.layers()[0]); }
  double carried() const { return carried_.at(0); }

 private:
  nn::Sequential net_{nn::BatchNorm{}};
  std::vector<float> values_;
  Tensor carried_ = Tensor::zeros({1});
};

TEST(Averaging, StatisticsAreTheMeanOverThePass) {
  Numbers task({1, 3, 10, 20, 6, 7});
  task.norm().momentum = 0.25;
  task.norm().running_mean.data<float>()[0] = -100;
  train::renew_statistics(task, 2, 1, 0, false);
  EXPECT_NEAR(task.norm().running_mean.at(0), (2 + 15 + 6.5) / 3, 1e-5);
  EXPECT_NEAR(task.norm().running_var.at(0), (2 + 50 + 0.5) / 3, 1e-4) << "the mean of the unbiased variances";
  EXPECT_EQ(task.norm().momentum, 0.25) << "the layer's own is back";
  EXPECT_EQ(task.carried(), 0) << "what goes from step to step is as it was";

  Numbers odd({1, 3, 10});  // a batch of one has no variance
  odd.norm().momentum = 0.25;
  EXPECT_THROW(train::renew_statistics(odd, 2, 1, 0, false), Error);
  EXPECT_EQ(odd.norm().momentum, 0.25) << "also then";
}

TEST(Averaging, ANetworkWithoutBatchNormNeedsNoPass) {
  struct Never : tasks::Task {
    nn::Sequential net{nn::Linear{1}};
    nn::Module& network() override { return net; }
    int64_t examples() const override { return 1; }
    tasks::BatchLoss loss(std::span<const int64_t>, const tasks::Moment&, nn::Pass&) override {
      ADD_FAILURE() << "nobody asked";
      return {};
    }
    bool validates() const override { return false; }
    tasks::Measure validate() override { return {}; }
  } never;
  train::renew_statistics(never, 2, 1, 0, false);
}

}  // namespace
}  // namespace tandem::testing
