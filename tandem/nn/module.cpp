#include <tandem/nn/module.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/elementwise.h>

#include <algorithm>
#include <cmath>

namespace tandem::nn {

Tensor Build::parameter(const Shape& shape, DType type) {
  if (shape.numel() > most)
    fail("network", "a parameter of shape {} is too large: {} numbers are left for it", shape, most);
  most -= shape.numel();
  return Tensor::empty(shape, type);
}

Tensor Build::full(const Shape& shape, float value) {
  Tensor out = parameter(shape);
  std::ranges::fill(out.data<float>(), value);
  return out;
}

Tensor Build::uniform(const Shape& shape, int64_t fan_in) {
  Tensor out = parameter(shape);
  const double bound = 1.0 / std::sqrt(static_cast<double>(std::max<int64_t>(fan_in, 1)));
  for (float& value : out.data<float>()) value = static_cast<float>(rng.uniform(-bound, bound));
  return out;
}

Tensor Build::he(const Shape& shape, int64_t fan_in) {
  return normal(shape, std::sqrt(2.0 / static_cast<double>(std::max<int64_t>(fan_in, 1))));
}

Tensor Build::normal(const Shape& shape, double deviation) {
  Tensor out = parameter(shape);
  for (float& value : out.data<float>()) value = static_cast<float>(deviation * rng.normal());
  return out;
}

Tensor Module::forward_then(kernels::Unary f, const Tensor& x, Pass& pass, const Tensor& added) {
  const Tensor y = forward(x, pass);
  return elementwise("activation", f, added.defined() ? y + added : y);
}

}  // namespace tandem::nn
