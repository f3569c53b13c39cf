#include <tandem/nn/linear.h>
#include <tandem/ops/linear.h>

#include <cmath>

namespace tandem::nn {

Tensor uniform_init(const Shape& shape, int64_t fan_in, Rng& rng) {
  Tensor out = Tensor::empty(shape);
  const double bound = 1.0 / std::sqrt(static_cast<double>(std::max<int64_t>(fan_in, 1)));
  for (float& value : out.data<float>()) value = static_cast<float>(rng.uniform(-bound, bound));
  return out;
}

Tensor he_init(const Shape& shape, int64_t fan_in, Rng& rng) {
  Tensor out = Tensor::empty(shape);
  const double deviation = std::sqrt(2.0 / static_cast<double>(std::max<int64_t>(fan_in, 1)));
  for (float& value : out.data<float>()) value = static_cast<float>(deviation * rng.normal());
  return out;
}

void Linear::fields(Fields& f) {
  f("units", units, {1, 1e7}, {"classes", 0});
  f("inputs", inputs, {0, 1e9});
  f("bias", with_bias);
}

Shape Linear::build(const Shape& in, Build& build) {
  if (in.rank() < 1) fail("linear", "takes inputs with at least one axis, got shape {}", in);
  if (units == 0 && build.classes == 0) fail("linear", "units: classes needs a task with classes; give a number");
  if (inputs != 0 && inputs != in[-1])
    fail("linear", "expects {} inputs, got {} (shape {}): set inputs: {} or drop it to have it inferred{}", inputs, in[-1], in,
         in[-1], in.rank() > 1 ? "; put a flatten before it to use the whole image" : "");
  const int64_t out = units == 0 ? build.classes : units;
  weight = uniform_init({out, in[-1]}, in[-1], build.rng);
  bias = with_bias ? uniform_init({out}, in[-1], build.rng) : Tensor{};
  return in.with(-1, out);
}

Tensor Linear::forward(const Tensor& x, Pass&) { return linear(x, weight, bias); }

void Linear::visit(const std::string& at, const Visitor& v) {
  v(at + "weight", weight, true);
  if (with_bias) v(at + "bias", bias, true);
}

int64_t Linear::multiply_adds(const Shape& in) const { return in.product(0, in.rank() - 1) * weight.numel(); }

}  // namespace tandem::nn
