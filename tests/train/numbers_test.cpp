// Numbers that go wrong in a training: in its data, gradients or weights, at any moment.
#include <tandem/autograd/tape.h>
#include <tandem/ops/cast.h>
#include <tandem/train/fault.h>

#include <limits>

#include "tests/train/small.h"

namespace tandem::testing {
namespace {

using train::Outcome;
using train::Trainer;

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinite = std::numeric_limits<float>::infinity();

/// A classification into whose k-th batch something wrong is put, at a place that `rng` draws; `times` in a row.
class Poisoned : public tasks::Task {
 public:
  enum class Place { data, gradient, weight };
  Poisoned(tasks::Classification& task, tasks::Classifier& model, Place place, float value, int64_t first,
           int64_t times = 1)
      : task_(task), model_(model), place_(place), value_(value), first_(first), times_(times) {}

  nn::Module& network() override { return task_.network(); }
  int64_t examples() const override { return task_.examples(); }
  std::vector<std::vector<int64_t>> batches(int64_t size, Rng rng) const override { return task_.batches(size, rng); }
  bool validates() const override { return task_.validates(); }
  tasks::Measure validate() override { return task_.validate(); }

  tasks::BatchLoss loss(std::span<const int64_t> batch, const tasks::Moment& at, nn::Pass& pass) override {
    // The look for a fault asks for the same moment once more, the doctor's without training.
    if (!pass.training) return task_.loss(batch, at, pass);
    if (at.epoch != last_.epoch || at.step != last_.step || came_ == 0) ++came_;
    last_ = at;
    const int64_t k = came_ - 1;
    const bool now = k >= first_ && k < first_ + times_;
    Rng rng = Rng(7, "poison").split(static_cast<uint64_t>(first_));
    const auto anywhere = [&](const Tensor& t) -> float& {
      return t.data<float>()[static_cast<size_t>(rng.below(t.numel()))];
    };
    if (now && place_ == Place::weight) {
      std::vector<Tensor> own;  // running statistics would be put back
      model_.net.visit("", [&](const std::string&, Tensor& t, bool trained) {
        if (trained) own.push_back(t);
      });
      anywhere(own[static_cast<size_t>(rng.below(std::ssize(own)))]) = value_;
    }
    const auto examples = task_.read(batch, at);
    if (now && place_ == Place::data) anywhere(examples.batch.x) = value_;
    Tensor y = widened(model_.net.forward(examples.batch.x, pass));
    if (now && place_ == Place::gradient)
      y = with_grad("poison", y.detach(), {y}, [value = value_, rng](const Tensor& g, Wanted) mutable {
        const Tensor wrong = g.clone();
        wrong.data<float>()[static_cast<size_t>(rng.below(wrong.numel()))] = value;
        return Grads{wrong};
      });
    return {tasks::loss(task_.options().loss, y, examples.labels, {}), std::ssize(batch),
            tasks::count_correct(task_.options().loss, y.detach(), examples.labels)};
  }

 private:
  tasks::Classification& task_;
  tasks::Classifier& model_;
  Place place_;
  float value_;
  int64_t first_, times_, came_ = 0;
  tasks::Moment last_;
};

const char* const convolutional = "optimizer: {type: adam, lr: 0.01}\ntrain: {epochs: 3, batch: 16, average: 0.9}\n";

struct Poisoning {
  train::Recipe recipe;
  data::Dataset learned = bands(90, 1), held = bands(30, 2);
  tasks::Classifier model;
  tasks::Classification task;
  Poisoned poisoned;
  Trainer trainer;
  std::vector<std::string> heard;

  Poisoning(const std::string& text, Poisoned::Place place, float value, int64_t first, int64_t times = 1)
      : recipe(small_recipe(text)),
        model(train::make_model(recipe, learned)),
        task(model, learned, held, train::classification_options(recipe, model, learned)),
        poisoned(task, model, place, value, first, times),
        trainer(recipe, poisoned) {}
  Outcome run() {
    train::Hooks hooks;
    hooks.remark = [&](const std::string& text) { heard.push_back(text); };
    return trainer.run(hooks);
  }
  [[nodiscard]] bool all_sound() {
    for (const auto& [name, tensor] : nn::named(model.net))
      if (!train::sound(tensor)) return false;
    return true;
  }
  [[nodiscard]] int64_t count(const std::string& about) const {
    return std::ranges::count(trainer.remarks(), about, &evaluate::Remark::about);
  }
};

TEST(Numbers, AreCaughtWhereverTheyGoWrong) {
  using Place = Poisoned::Place;
  Rng rng(3, "moments");
  int64_t poisonings = 0, caught = 0;
  for (const Place place : {Place::data, Place::gradient, Place::weight})
    for (const float value : {not_a_number, infinite, -infinite, 1e38F, -1e38F})
      for (int moment = 0; moment < 10; ++moment) {
        const int64_t step = rng.below(18);
        SCOPED_TRACE(fmt::format("place {} value {} step {}", static_cast<int>(place), value, step));
        Poisoning p(convolutional, place, value, step);
        EXPECT_EQ(p.run(), Outcome::finished);
        EXPECT_TRUE(p.all_sound());
        for (const auto& epoch : p.trainer.history()) EXPECT_TRUE(std::isfinite(epoch.validation_loss));
        ++poisonings;
        caught += p.heard.empty() ? 0 : 1;
        ASSERT_FALSE(p.heard.empty());
        if (place != Place::weight) {  // one step is left out; that is all
          EXPECT_EQ(p.count("left out"), 1) << p.heard.front();
          EXPECT_EQ(p.count("went back"), 0) << p.heard.back();
          EXPECT_NE(p.heard.front().find(fmt::format("epoch {}, step {}:", step / 6 + 1, step % 6 + 1)),
                    std::string::npos)
              << p.heard.front();
          EXPECT_NE(p.heard.front().find("examples "), std::string::npos) << p.heard.front();
          EXPECT_NE(p.heard.front().find(place == Place::data ? "first in example" : "the gradient of "),
                    std::string::npos)
              << p.heard.front();
        } else {  // nothing but the way back helps
          EXPECT_EQ(p.count("went back"), 1);
          EXPECT_NE(p.heard.back().find("half the rate"), std::string::npos) << p.heard.back();
          EXPECT_EQ(p.trainer.history().back().learning_rate, 0.005);
        }
      }
  EXPECT_EQ(caught, poisonings);
}

// Of a step that is left out nothing stays: not in weights, running statistics, averages or the optimiser.
TEST(Numbers, AStepThatIsLeftOutChangesNothing) {
  for (const auto place : {Poisoned::Place::data, Poisoned::Place::gradient}) {
    Poisoning p(convolutional, place, infinite, 8);
    std::vector<std::vector<uint8_t>> tensors;
    train::Hooks hooks;
    hooks.stop = [&] {
      tensors.push_back(format_safetensors({p.trainer.checkpoint().tensors, {}}));
      return tensors.size() == 10;
    };
    EXPECT_EQ(p.trainer.run(hooks), Outcome::interrupted);
    EXPECT_TRUE(tensors[6] != tensors[7]);
    EXPECT_TRUE(tensors[7] == tensors[8]);
    EXPECT_TRUE(tensors[8] != tensors[9]);
  }
}

TEST(Numbers, TenBadStepsInARowGoBackWithHalfTheRate) {
  const std::string recipe = "optimizer: {type: sgd, lr: 0.02}\ntrain: {epochs: 5, batch: 16}\n";
  Poisoning nine(recipe, Poisoned::Place::data, not_a_number, 8, 9),
      ten(recipe, Poisoned::Place::data, not_a_number, 8, 10);
  EXPECT_EQ(nine.run(), Outcome::finished);
  EXPECT_EQ(nine.count("left out"), 9);
  EXPECT_EQ(nine.count("went back"), 0);
  EXPECT_EQ(nine.trainer.history().back().learning_rate, 0.02);
  EXPECT_EQ(ten.run(), Outcome::finished);
  EXPECT_EQ(ten.count("left out"), 9);
  EXPECT_EQ(ten.count("went back"), 1);
  EXPECT_EQ(ten.trainer.history().back().learning_rate, 0.01);
  EXPECT_EQ(ten.trainer.history().size(), 5U);
  const std::string said = ten.heard.back();
  for (const char* part : {"epoch 3, step 6", "10 steps in a row", "back to epoch 3, step 1", "half the rate (0.5 of"})
    EXPECT_NE(said.find(part), std::string::npos) << said;
}

TEST(Numbers, WhatStaysWrongEndsTheTraining) {
  const std::string longer = "train: {epochs: 30, batch: 8}\n";
  Poisoning data(longer, Poisoned::Place::data, not_a_number, 7, 1'000'000);
  expect_error(ErrorKind::numeric,
               {"train: epoch 2, step ", "10 steps in a row", "the loss became nan", "first in example", "examples ",
                "after 5 returns", "optimizer.lr"},
               [&] { data.run(); });
  EXPECT_TRUE(data.all_sound());
  Poisoning weights(longer, Poisoned::Place::weight, infinite, 7, 1'000'000);
  expect_error(ErrorKind::numeric, {"layer ", "such stand in its ", "after 5 returns"}, [&] { weights.run(); });
}

TEST(Numbers, WhoAsksIsToldAtOnce) {
  Poisoning p(convolutional, Poisoned::Place::data, not_a_number, 7);
  train::Hooks strict;
  strict.strict = true;
  expect_error(ErrorKind::numeric, {"train: epoch 2, step 2: the loss became nan", "first in example"},
               [&] { (void)p.trainer.run(strict); });
  EXPECT_TRUE(p.all_sound());
}

TEST(Numbers, TheRateAndTheCountStayInTheCheckpoint) {
  Poisoning p(convolutional, Poisoned::Place::weight, not_a_number, 4);
  p.run();
  const TensorFile file = parse_safetensors(format_safetensors(p.trainer.checkpoint()), "last");
  Poisoning again(convolutional, Poisoned::Place::weight, not_a_number, 1'000'000);
  again.trainer.restore(file, "last");
  ASSERT_EQ(again.trainer.remarks().size(), p.trainer.remarks().size());
  EXPECT_EQ(again.trainer.remarks().back().zh, p.trainer.remarks().back().zh);
  EXPECT_EQ(again.trainer.checkpoint().metadata.at("tandem.state"), file.metadata.at("tandem.state"));
}

}  // namespace
}  // namespace tandem::testing
