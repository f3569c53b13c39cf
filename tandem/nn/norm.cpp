#include <tandem/nn/norm.h>
#include <tandem/ops/norm.h>
#include <tandem/ops/sequence.h>

namespace tandem::nn {

void BatchNorm::fields(Fields& f) {
  f("momentum", momentum, {0, 1});
  f("epsilon", epsilon, {0, 1});
}
Shape BatchNorm::build(const Shape& in, Build& build) {
  if (in.rank() < 1) fail("batch_norm", "takes inputs with channels, got shape {}", in);
  const Shape channels{in[-1]};
  weight = build.full(channels, 1), bias = build.full(channels, 0);
  running_mean = build.full(channels, 0), running_var = build.full(channels, 1);
  return in;
}
Tensor BatchNorm::forward(const Tensor& x, Pass& pass) { return batch_norm(x, parts(pass)); }
Tensor BatchNorm::forward_then(kernels::Unary f, const Tensor& x, Pass& pass, const Tensor& added) {
  const bool one_type = !added.defined() || added.dtype() == x.dtype();  // a shortcut may be wider than the body
  if (f == kernels::Unary::relu && one_type) return batch_norm_relu(x, parts(pass), added);
  return Module::forward_then(f, x, pass, added);
}
BatchNormParts BatchNorm::parts(const Pass& pass) const {
  return {weight, bias, running_mean, running_var, pass.training, momentum, epsilon};
}
void BatchNorm::visit(const std::string& at, const Visitor& v) {
  v(at + "weight", weight, true);
  v(at + "bias", bias, true);
  v(at + "running_mean", running_mean, false);
  v(at + "running_var", running_var, false);
}

void LayerNorm::fields(Fields& f) { f("epsilon", epsilon, {0, 1}); }
Shape LayerNorm::build(const Shape& in, Build& build) {
  if (in.rank() < 1) fail("layer_norm", "takes inputs with at least one axis, got shape {}", in);
  weight = build.full({in[-1]}, 1), bias = build.full({in[-1]}, 0);
  return in;
}
Tensor LayerNorm::forward(const Tensor& x, Pass&) { return layer_norm(x, weight, bias, epsilon); }
void LayerNorm::visit(const std::string& at, const Visitor& v) {
  v(at + "weight", weight, true);
  v(at + "bias", bias, true);
}

void RMSNorm::fields(Fields& f) { f("epsilon", epsilon, {0, 1}); }
Shape RMSNorm::build(const Shape& in, Build& build) {
  if (in.rank() < 1) fail("rms_norm", "takes inputs with at least one axis, got shape {}", in);
  weight = build.full({in[-1]}, 1);
  return in;
}
Tensor RMSNorm::forward(const Tensor& x, Pass&) { return rms_norm(x, weight, epsilon); }
void RMSNorm::visit(const std::string& at, const Visitor& v) { v(at + "weight", weight, true); }

void GroupNorm::fields(Fields& f) {
  f("groups", groups, {1, 65536});
  f("epsilon", epsilon, {0, 1});
}
Shape GroupNorm::build(const Shape& in, Build& build) {
  if (in.rank() < 1 || in[-1] % groups != 0)
    fail("group_norm", "the channels of shape {} cannot be divided into {} groups", in, groups);
  weight = build.full({in[-1]}, 1), bias = build.full({in[-1]}, 0);
  return in;
}
Tensor GroupNorm::forward(const Tensor& x, Pass&) { return group_norm(x, groups, weight, bias, epsilon); }
void GroupNorm::visit(const std::string& at, const Visitor& v) {
  v(at + "weight", weight, true);
  v(at + "bias", bias, true);
}

void Dropout::fields(Fields& f) {
  f("probability", probability, {0, 0.999});
  f("locked", locked);
}
Tensor Dropout::forward(const Tensor& x, Pass& pass) {
  if (!pass.training) return x;
  if (!locked) return dropout(x, probability, pass.rng);
  if (pass.lengths.empty())
    fail("dropout", "locked is for the vectors of texts' tokens, got shape {}: leave it out", x.shape());
  return locked_dropout(x, pass.lengths, probability, pass.rng);
}

}  // namespace tandem::nn
