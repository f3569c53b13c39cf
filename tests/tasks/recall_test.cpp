#include <tandem/nn/activation.h>
#include <tandem/nn/linear.h>
#include <tandem/tasks/recall.h>

#include "tests/train/small.h"

namespace tandem::testing {
namespace {

using tasks::Classifier;

Classifier untrained(const data::Dataset& set) {
  Classifier model;
  model.net = nn::Sequential{nn::Flatten{}, nn::Linear{8}, nn::Tanh{}, nn::Linear{}};
  model.input = tasks::fit_input(set);
  model.classes = set.classes;
  model.build(Rng(3, "weights"));
  return model;
}

double recall_of(Classifier& model, const data::Dataset& set, int32_t c) {
  const evaluate::Predictions p{set.classes, set.labels, model.predict(set)};
  double hits = 0, all = 0;
  for (int64_t i = 0; i < p.size(); ++i)
    if (p.labels[static_cast<size_t>(i)] == c) ++all, hits += p.predicted(i) == c;
  return hits / all;
}

TEST(Recall, IsReachedByTheLeastShift) {
  const data::Dataset set = bands(90, 1);
  for (const double least : {0.3, 0.5, 0.9, 1.0})
    for (int32_t c = 0; c < 3; ++c) {
      Classifier model = untrained(set);
      const double before = recall_of(model, set, c);
      const double by = tasks::raise_recall(model, {set.classes[static_cast<size_t>(c)], least}, set);
      EXPECT_GE(recall_of(model, set, c), least) << c;
      EXPECT_EQ(by == 0, before >= least) << c;
      if (by == 0) continue;
      auto& last = dynamic_cast<nn::Linear&>(*model.net.layers().back());
      last.bias.data<float>()[static_cast<size_t>(c)] -= 3e-4F;
      EXPECT_LT(recall_of(model, set, c), least) << "a smaller shift would have done, class " << c;
    }
}

TEST(Recall, SaysWhatIsNotPossible) {
  const data::Dataset set = bands(30, 1);
  Classifier model = untrained(set);
  expect_error(ErrorKind::usage, {"no class 'side'", "top, middle, bottom"}, [&] {
    tasks::raise_recall(model, {"side", 0.5}, set);
  });
  expect_error(ErrorKind::usage, {"'top'", "data.validation"}, [&] {
    tasks::raise_recall(model, {"top", 0.5}, data::subset(set, {}));
  });
  model.net.add(std::make_unique<nn::Tanh>());
  expect_error(ErrorKind::usage, {"linear layer with a bias"}, [&] { tasks::raise_recall(model, {"top", 0.5}, set); });
}

}  // namespace
}  // namespace tandem::testing
