#include <tandem/ops/arithmetic.h>
#include <tandem/tasks/distillation.h>

#include <cmath>

namespace tandem::tasks {

void TeachOptions::fields(Fields& f) {
  f("from", from);
  f("temperature", temperature, {0.1, 100});
  f("share", share, {0, 1});
}

Tensor softened(const Tensor& probabilities, double temperature) {
  Tensor out = Tensor::empty(probabilities.shape());
  const auto classes = static_cast<size_t>(probabilities.size(1));
  for (size_t first = 0; first < static_cast<size_t>(out.numel()); first += classes) {
    const auto from = probabilities.data<const float>().subspan(first, classes);
    const auto into = out.data<float>().subspan(first, classes);
    std::vector<double> powers;
    double sum = 0;
    for (const float p : from) sum += powers.emplace_back(std::pow(static_cast<double>(p), 1 / temperature));
    for (size_t c = 0; c < classes; ++c) into[c] = static_cast<float>(powers[c] / sum);
  }
  return out;
}

Tensor distillation_loss(const LossOptions& loss, const Tensor& outputs, const Tensor& taught, double temperature) {
  if (loss.type == "binary_cross_entropy")
    fail("teach",
         "a temperature is for logits: end the network before its sigmoid, with loss: "
         "binary_cross_entropy_logits");
  return tasks::loss({.type = loss.type}, outputs / temperature, taught, {}) * (temperature * temperature);
}

}  // namespace tandem::tasks
