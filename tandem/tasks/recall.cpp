#include <tandem/base/text.h>
#include <tandem/nn/linear.h>
#include <tandem/tasks/recall.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace tandem::tasks {

void RecallGoal::fields(Fields& f) {
  f("of", of);
  f("least", least, {0, 1});
}

namespace {

size_t class_of(const Classifier& model, const std::string& name) {
  const auto found = std::ranges::find(model.classes, name);
  if (found == model.classes.end()) fail("recall", "there is no class '{}'; classes are {}", name, join(model.classes));
  return static_cast<size_t>(found - model.classes.begin());
}

Tensor bias_of(const Classifier& model) {
  const auto* last = model.net.empty() ? nullptr : dynamic_cast<nn::Linear*>(model.net.layers().back().get());
  if (!last || !last->with_bias || last->bias.numel() != std::ssize(model.classes))
    fail("recall", "the network must end in a linear layer with a bias and an output for each of {} classes",
         model.classes.size());
  return last->bias;
}

}  // namespace

void check_recall(const Classifier& model, const RecallGoal& goal, const data::Dataset& validation) {
  const auto c = static_cast<int32_t>(class_of(model, goal.of));
  (void)bias_of(model);
  if (std::ranges::count(validation.labels, c) == 0)
    fail("recall", "class '{}' has no validation examples to find: set data.validation", goal.of);
}

double raise_recall(Classifier& model, const RecallGoal& goal, const data::Dataset& validation) {
  check_recall(model, goal, validation);
  const size_t c = class_of(model, goal.of);
  // How much each example of the class falls short of the most probable other one.
  const std::vector<float> p = model.predict(validation);
  std::vector<double> short_of;
  const size_t classes = model.classes.size();
  for (size_t i = 0; i < validation.labels.size(); ++i) {
    if (static_cast<size_t>(validation.labels[i]) != c) continue;
    std::vector<float> row(p.begin() + static_cast<std::ptrdiff_t>(i * classes),
                           p.begin() + static_cast<std::ptrdiff_t>((i + 1) * classes));
    const double own = std::max(row[c], std::numeric_limits<float>::min());
    row[c] = 0;
    short_of.push_back(std::log(std::max<double>(*std::ranges::max_element(row), std::numeric_limits<float>::min())) -
                       std::log(own));
  }
  const auto wanted = static_cast<size_t>(std::ceil(goal.least * static_cast<double>(short_of.size()) - 1e-9));
  if (wanted == 0) return 0;
  std::ranges::sort(short_of);
  constexpr double beyond = 1e-4;  // an equal probability is not yet the highest
  const double by = short_of[wanted - 1] + beyond;
  if (by <= beyond) return 0;
  bias_of(model).data<float>()[c] += static_cast<float>(by);
  return by;
}

}  // namespace tandem::tasks
