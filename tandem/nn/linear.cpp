#include <tandem/nn/linear.h>

namespace tandem::nn {

void Linear::fields(Fields& f) {
  f("units", units, {1, 1e7}, {"classes", 0});
  f("inputs", inputs, {0, 1e9});
  f("bias", with_bias);
}

Shape Linear::output(const Shape& in, const Build& build) const {
  if (in.rank() < 1) fail("linear", "takes inputs with at least one axis, got shape {}", in);
  if (units == 0 && build.classes == 0) fail("linear", "units: classes needs a task with classes; give a number");
  if (inputs != 0 && inputs != in[-1])
    fail("linear", "expects {} inputs, got {} (shape {}): set inputs: {} or drop it to have it inferred{}", inputs,
         in[-1], in, in[-1], in.rank() > 1 ? "; put a flatten before it to use the whole image" : "");
  return in.with(-1, units == 0 ? build.classes : units);
}

Shape Linear::build(const Shape& in, Build& build) {
  const Shape out = output(in, build);
  weight = build.uniform({out[-1], in[-1]}, in[-1]);
  bias = with_bias ? build.uniform({out[-1]}, in[-1]) : Tensor{};
  prepared_.reset();
  return out;
}

Tensor Linear::forward(const Tensor& x, Pass& pass) {
  if (pass.training) prepared_.reset();  // its weight will move
  return prepared_ ? linear(x, *prepared_) : linear(x, weight, bias, std::nullopt, pass.bf16);
}

Tensor Linear::forward_then(kernels::Unary f, const Tensor& x, Pass& pass, const Tensor& added) {
  if (added.defined() || kernels::unary_grad_reads(f) != kernels::Reads::output)
    return Module::forward_then(f, x, pass, added);
  if (pass.training) prepared_.reset();
  return prepared_ ? linear(x, *prepared_, f) : linear(x, weight, bias, f, pass.bf16);
}

void Linear::prepare() {
  auto ready = std::make_shared<PreparedLinear>();
  ready->weight = weight.detach(), ready->bias = bias.detach();
  prepared_ = std::move(ready);
}

void Linear::visit(const std::string& at, const Visitor& v) {
  v(at + "weight", weight, true);
  if (with_bias) v(at + "bias", bias, true);
}

int64_t Linear::multiply_adds(const Shape& in) const { return in.product(0, in.rank() - 1) * weight.numel(); }

}  // namespace tandem::nn
