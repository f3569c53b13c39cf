// Distillation: the formula, and that a task's loss is made of it.
#include <tandem/tasks/classification.h>

#include <cmath>

#include "tests/train/small.h"

namespace tandem::testing {
namespace {

// softmax(z / T) of one row.
std::vector<double> tempered(const std::vector<double>& z, double temperature) {
  std::vector<double> out;
  double sum = 0;
  for (const double value : z) sum += out.emplace_back(std::exp(value / temperature));
  for (double& p : out) p /= sum;
  return out;
}

TEST(Distillation, SofteningProbabilitiesIsTemperingLogits) {
  const std::vector<std::vector<double>> logits{{2, -1, 0.5}, {-3, 0, 4}};
  std::vector<float> p;
  for (const auto& row : logits)
    for (const double value : tempered(row, 1)) p.push_back(static_cast<float>(value));
  for (const double temperature : {0.5, 1.0, 2.0, 10.0}) {
    const Tensor got = tasks::softened(Tensor::from(p, {2, 3}), temperature);
    for (size_t r = 0; r < 2; ++r)
      for (size_t c = 0; c < 3; ++c)
        EXPECT_NEAR(got.at(static_cast<int64_t>(r * 3 + c)), tempered(logits[r], temperature)[c], 1e-6) << temperature;
  }
  const Tensor sure = tasks::softened(Tensor::from<float>({1, 0}, {1, 2}), 4);
  EXPECT_EQ(sure.at(0), 1);
  EXPECT_EQ(sure.at(1), 0) << "what is impossible stays so";
}

TEST(Distillation, TheLossIsTheFormula) {
  const std::vector<std::vector<double>> student{{1, 0, -1}, {0.3, 2, 0.1}}, teacher{{3, 1, 0}, {-1, 1, 0.5}};
  std::vector<float> z, p;
  for (size_t r = 0; r < 2; ++r)
    for (size_t c = 0; c < 3; ++c) {
      z.push_back(static_cast<float>(student[r][c]));
      p.push_back(static_cast<float>(tempered(teacher[r], 1)[c]));
    }
  for (const double t : {1.0, 3.0}) {
    double wanted = 0;
    for (size_t r = 0; r < 2; ++r)
      for (size_t c = 0; c < 3; ++c)
        wanted -= t * t * tempered(teacher[r], t)[c] * std::log(tempered(student[r], t)[c]) / 2;
    EXPECT_NEAR(
        tasks::distillation_loss({}, Tensor::from(z, {2, 3}), tasks::softened(Tensor::from(p, {2, 3}), t), t).item(),
        wanted, 1e-5)
        << t;
  }
  // One output: sigmoid(z / T) against the teacher's softened second class.
  const double q = 1 / (1 + std::exp(-1.5 / 2)), s = 1 / (1 + std::exp(-0.4 / 2)), p1 = 1 / (1 + std::exp(-1.5));
  const Tensor taught =
      tasks::softened(Tensor::from<float>({static_cast<float>(1 - p1), static_cast<float>(p1)}, {1, 2}), 2);
  EXPECT_NEAR(
      tasks::distillation_loss({.type = "binary_cross_entropy_logits"}, Tensor::from<float>({0.4F}, {1, 1}), taught, 2)
          .item(),
      -4 * (q * std::log(s) + (1 - q) * std::log(1 - s)), 1e-5);
  expect_error(ErrorKind::usage, {"teach", "binary_cross_entropy_logits"}, [&] {
    (void)tasks::distillation_loss({.type = "binary_cross_entropy"}, Tensor::full({1, 1}, 0.5), taught, 2);
  });
}

TEST(Distillation, AClassificationLearnsFromBoth) {
  const data::Dataset set = bands(30, 1), none;
  tasks::Classifier model = train::make_model(small_recipe(), set);
  const std::vector<int64_t> batch{7, 3, 11, 2};
  Tensor p = Tensor::empty({30, 3});
  for (int64_t i = 0; i < 90; ++i) p.data<float>()[static_cast<size_t>(i)] = i % 3 == i / 3 % 2 ? 0.6F : 0.2F;
  tasks::ClassificationOptions plain, taught;
  taught.teach = {.from = {"elsewhere"}, .temperature = 2, .share = 0.7};
  const Tensor softly = tasks::softened(p, 2);
  int64_t asked = 0;
  taught.taught = [&](std::span<const int64_t> examples, const Tensor& x) {
    EXPECT_EQ(x.size(0), std::ssize(examples));
    ++asked;
    Tensor out = Tensor::empty({std::ssize(examples), 3});
    for (int64_t i = 0; i < out.numel(); ++i)
      out.data<float>()[static_cast<size_t>(i)] =
          static_cast<float>(softly.at(examples[static_cast<size_t>(i / 3)] * 3 + i % 3));
    return out;
  };
  tasks::Classification alone(model, set, none, plain), pupil(model, set, none, taught);
  const tasks::Moment at{.seed = 1};
  nn::Pass pass;
  const Tensor z = model.net.forward(alone.read(batch, at).batch.x, pass);
  double soft = 0;
  for (int64_t i = 0; i < 4; ++i) {
    const std::vector<double> student = tempered({z.at(i * 3), z.at(i * 3 + 1), z.at(i * 3 + 2)}, 2);
    for (int64_t c = 0; c < 3; ++c)
      soft -= 4 * softly.at(batch[static_cast<size_t>(i)] * 3 + c) * std::log(student[static_cast<size_t>(c)]) / 4;
  }
  EXPECT_NEAR(pupil.loss(batch, at, pass).loss.item(), 0.3 * alone.loss(batch, at, pass).loss.item() + 0.7 * soft,
              1e-5);

  EXPECT_EQ(asked, 1);
  // What is said of mixed examples is mixed as they are.
  taught.augmentation.mixing.mixup = 1;
  const auto mixed = tasks::Classification(model, set, none, taught).read(batch, at);
  ASSERT_TRUE(mixed.taught.defined());
  for (int64_t i = 0; i < 4; ++i) {
    double sum = 0;
    for (int64_t c = 0; c < 3; ++c) sum += mixed.taught.at(i * 3 + c);
    EXPECT_NEAR(sum, 1, 1e-5);
  }
}

}  // namespace
}  // namespace tandem::testing
