#include <tandem/base/text.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/shape.h>
#include <tandem/people/unit.h>

#include <algorithm>
#include <cmath>

namespace tandem::people {

std::shared_ptr<nn::Sequential> off_the_tape(const nn::Sequential& net) {
  auto copy = std::make_shared<nn::Sequential>(net);
  copy->visit("", [](const std::string&, Tensor& t, bool) { t = t.detach(); });
  return copy;
}

Tensor unit_of(const Tensor& outputs, int32_t target) {
  if (outputs.size(1) > 1) return reshape(slice(outputs, 1, target, target + 1), {outputs.size(0)});
  const Tensor one = reshape(outputs, {outputs.size(0)});
  return target == 1 ? one : -one;
}

void check_asked(const tasks::Classifier& model, const std::string& method, const std::vector<std::string>& methods,
                 int64_t target) {
  if (std::ranges::find(methods, method) == methods.end()) {
    const std::string near = nearest_name(method, methods);
    fail("explain", "'{}' is no method{}; there are {}", method,
         near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), join(methods));
  }
  const auto classes = std::ssize(model.classes);
  if (target < -1 || target >= classes)
    fail("explain", "class {} is asked for, there are 0 to {}", target, classes - 1);
}

double gap_of(double total, double change) { return std::abs(total - change) / std::max(std::abs(change), 1e-6); }

}  // namespace tandem::people
