#include <tandem/base/text.h>
#include <tandem/deploy/onnx/layers.h>
#include <tandem/nn/activation.h>
#include <tandem/nn/adapter.h>
#include <tandem/nn/int8.h>
#include <tandem/nn/linear.h>
#include <tandem/nn/norm.h>
#include <tandem/nn/sequence.h>

#include <cmath>
#include <numbers>

namespace tandem::deploy::onnx {
namespace {

using kernels::Unary;

const LayerTable& all_layers() {
  static const LayerTable all = [] {
    LayerTable out = plain_layers();
    for (const LayerTable& more : {image_layers(), sequence_layers(), attention_layers()})
      out.insert(more.begin(), more.end());
    return out;
  }();
  return all;
}

int64_t channel_axis(const Flow& x) { return x.layout == Layout::images_channels_first ? 1 : -1; }

Flow with(const Flow& x, const Value& value) { return {value, x.layout, x.lengths}; }

Flow in_layout(const Scope& s, const Flow& x, Layout layout) {
  return layout == Layout::images_channels_first ? channels_first(s, x) : channels_last(s, x);
}

// --- layers that hold layers

Flow sequential(const Scope& s, const nn::Sequential& l, const Flow& x) { return write_network(s, l, x); }

Flow residual(const Scope& s, const nn::Residual& l, const Flow& x) {
  const Flow body = write_network(s.within("body."), l.body, x);
  const Flow side = in_layout(s, write_network(s.within("shortcut."), l.shortcut, x), body.layout);
  return with(body, s.add("Add", {body.value, side.value}));
}

Flow parallel(const Scope& s, const nn::Parallel& l, const Flow& x) {
  std::vector<Value> parts;
  Flow first;
  for (size_t i = 0; i < l.branches.size(); ++i) {
    const Flow part = write_network(s.within(fmt::format("{}.", i)), l.branches[i], x);
    if (i == 0) first = part;
    parts.push_back(in_layout(s, part, first.layout).value);
  }
  return with(first, s.add("Concat", parts, {{"axis", channel_axis(first)}}));
}

// The changed weights themselves: the same function without the adapter.
Flow lora(const Scope& s, const nn::Lora& l, const Flow& x) { return write_layer(s, *l.merged(), x); }

Flow bottleneck(const Scope& s, const nn::Bottleneck& l, const Flow& x) {
  const Flow y = channels_last(s, write_layer(s, l.layer(), x));
  const Scope adapter = s.within("adapter.");
  const Value down = write_affine(adapter, y.value, y.layout, {"down.weight", "down.bias", l.down, l.down_bias});
  const Value up = write_affine(adapter, write_function(adapter, Unary::gelu, down), y.layout,
                                {"up.weight", "up.bias", l.up, l.up_bias});
  return with(y, s.add("Add", {y.value, up}));
}

// --- vectors

Flow linear(const Scope& s, const nn::Linear& l, const Flow& given) {
  const Flow x = channels_last(s, given);
  return with(x, write_affine(s, x.value, x.layout, {"weight", "bias", l.weight, l.bias}));
}

// In float32, with the weights that the integers stand for.
Flow int8_linear(const Scope& s, const nn::Int8Linear& l, const Flow& x) { return linear(s, l.in_float(), x); }

Flow flatten(const Scope& s, const nn::Flatten&, const Flow& given) {
  const Flow x = channels_last(s, given);
  if (x.layout != Layout::images) return x;
  return {s.add("Reshape", {x.value, s.list({0, -1})}), Layout::rows};
}

Flow dropout(const Scope&, const nn::Dropout&, const Flow& x) { return x; }

Flow leaky_relu(const Scope& s, const nn::LeakyReLU& l, const Flow& x) {
  return with(x, s.add("LeakyRelu", {x.value}, {{"alpha", static_cast<float>(l.slope)}}));
}

Flow softmax(const Scope& s, const nn::Softmax&, const Flow& x) {
  return with(x, s.add("Softmax", {x.value}, {{"axis", channel_axis(x)}}));
}

// --- norms

// ONNX counts the second axis as channels, which sequences have last.
Flow batch_norm(const Scope& s, const nn::BatchNorm& l, const Flow& given) {
  const Flow x = channels_first(s, given);
  if (x.layout != Layout::sequences)
    return with(x, s.add("BatchNormalization",
                         {x.value, s.tensor("weight", l.weight), s.tensor("bias", l.bias),
                          s.tensor("running_mean", l.running_mean), s.tensor("running_var", l.running_var)},
                         {{"epsilon", static_cast<float>(l.epsilon)}}));
  Tensor scale = Tensor::empty(l.weight.shape()), shift = Tensor::empty(l.weight.shape());
  for (int64_t c = 0; c < l.weight.numel(); ++c) {
    const double by = l.weight.at(c) / std::sqrt(l.running_var.at(c) + l.epsilon);
    scale.data<float>()[static_cast<size_t>(c)] = static_cast<float>(by);
    shift.data<float>()[static_cast<size_t>(c)] = static_cast<float>(l.bias.at(c) - l.running_mean.at(c) * by);
  }
  return with(x, s.add("Add", {s.add("Mul", {x.value, s.tensor("scale", scale)}), s.tensor("shift", shift)}));
}

Flow layer_norm(const Scope& s, const nn::LayerNorm& l, const Flow& given) {
  const Flow x = channels_last(s, given);
  return with(x, write_layer_norm(s, x.value, s.tensor("weight", l.weight), s.tensor("bias", l.bias), l.epsilon));
}

Flow rms_norm(const Scope& s, const nn::RMSNorm& l, const Flow& given) {
  const Flow x = channels_last(s, given);
  return with(x, write_rms_norm(s, x.value, s.tensor("weight", l.weight), l.epsilon));
}

// Groups are the channels of an instance norm, and each token is an example of its own.
Flow group_norm(const Scope& s, const nn::GroupNorm& l, const Flow& given) {
  const Flow x = channels_first(s, given);
  const bool sequences = x.layout == Layout::sequences, images = x.layout == Layout::images_channels_first;
  const int64_t channels = l.weight.numel();
  const Value groups =
      s.add("Reshape", {x.value, s.list(sequences ? std::vector<int64_t>{-1, l.groups, channels / l.groups}
                                                  : std::vector<int64_t>{0, l.groups, -1})});
  const Value ones = s.tensor("ones", Tensor::full({l.groups}, 1)),
              zeros = s.tensor("zeros", Tensor::zeros({l.groups}));
  const Value normal =
      s.add("InstanceNormalization", {groups, ones, zeros}, {{"epsilon", static_cast<float>(l.epsilon)}});
  const Value back = s.add("Reshape", {normal, s.add("Shape", {x.value})});
  const auto each = [&](const Tensor& t) { return images ? t.view({channels, 1, 1}) : t; };
  const Value scaled = s.add("Mul", {back, s.tensor("weight", each(l.weight))});
  return with(x, s.add("Add", {scaled, s.tensor("bias", each(l.bias))}));
}

}  // namespace

LayerTable plain_layers() {
  return {row<nn::Sequential, sequential>(),  row<nn::Residual, residual>(),
          row<nn::Parallel, parallel>(),      row<nn::Lora, lora>(),
          row<nn::Bottleneck, bottleneck>(),  row<nn::Linear, linear>(),
          row<nn::Int8Linear, int8_linear>(), row<nn::Flatten, flatten>(),
          row<nn::Dropout, dropout>(),        row<nn::LeakyReLU, leaky_relu>(),
          row<nn::Softmax, softmax>(),        row<nn::BatchNorm, batch_norm>(),
          row<nn::LayerNorm, layer_norm>(),   row<nn::RMSNorm, rms_norm>(),
          row<nn::GroupNorm, group_norm>()};
}

// --- the scope

Scope Scope::within(const std::string& name) const {
  Scope out = *this;
  out.at_ += name;
  return out;
}

Value Scope::lengths(const Flow& x) const {
  return x.lengths == lengths_input ? graph_->input(lengths_input, Type::i64, {"batch"}) : x.lengths;
}

Value Scope::steps(const Flow& x) const {
  Value& known = shared_->steps;
  if (known.empty()) {
    const Value time = add("Squeeze", {add("Shape", {x.value}, {{"start", int64_t{1}}, {"end", int64_t{2}}})});
    known = add("Range", {whole(0), time, whole(1)});
  }
  return known;
}

Value Scope::is_token(const Flow& x) const {
  const Value ends = lengths(x), all = steps(x);
  Value& known = shared_->is_token[ends];
  if (known.empty()) known = add("Less", {all, add("Unsqueeze", {ends, list({1})})});
  return known;
}

void Scope::refuse(const std::string& kind, const std::string& why) const {
  std::string name = at_;
  if (name.ends_with('.')) name.pop_back();
  fail("onnx", "layer {} ({}) cannot be exported: {}", name, kind, why);
}

// --- what layers have in common

Flow write_network(const Scope& scope, const nn::Sequential& net, Flow x) {
  for (size_t i = 0; i < net.layers().size(); ++i)
    x = write_layer(scope.within(fmt::format("{}.", i)), *net.layers()[i], x);
  return x;
}

Flow write_layer(const Scope& scope, nn::Module& layer, const Flow& x) {
  if (const auto function = layer.function()) return with(x, write_function(scope, *function, x.value));
  const auto found = all_layers().find(layer.kind());
  if (found == all_layers().end())
    scope.refuse(layer.kind(),
                 "ONNX has no counterpart for it here; use the model with tandem, or train one without it");
  return found->second(scope, layer, x);
}

Value write_product(const Scope& scope, const Value& x, const Value& weight) {
  return scope.add("MatMul", {x, scope.add("Transpose", {weight}, {{"perm", std::vector<int64_t>{1, 0}}})});
}

Value write_affine(const Scope& scope, const Value& x, Layout layout, const Affine& a) {
  const Value weight = scope.tensor(a.weight_name, a.weight), bias = scope.tensor(a.bias_name, a.bias);
  if (layout == Layout::rows) {
    std::vector<Value> inputs{x, weight};
    if (!bias.empty()) inputs.push_back(bias);
    return scope.add("Gemm", inputs, {{"transB", int64_t{1}}});
  }
  const Value y = write_product(scope, x, weight);
  return bias.empty() ? y : scope.add("Add", {y, bias});
}

Value write_function(const Scope& s, Unary function, const Value& x) {
  const auto half_of = [&](const Value& y) { return s.add("Mul", {s.add("Mul", {x, s.number(0.5F)}), y}); };
  switch (function) {
    case Unary::relu: return s.add("Relu", {x});
    case Unary::sigmoid: return s.add("Sigmoid", {x});
    case Unary::tanh: return s.add("Tanh", {x});
    case Unary::silu: return s.add("Mul", {x, s.add("Sigmoid", {x})});
    case Unary::gelu: {  // x / 2 (1 + erf(x / sqrt 2))
      const Value erf = s.add("Erf", {s.add("Div", {x, s.number(std::numbers::sqrt2_v<float>)})});
      return half_of(s.add("Add", {erf, s.number(1)}));
    }
    case Unary::gelu_tanh: {  // x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
      const Value cube = s.add("Mul", {s.add("Mul", {x, x}), x});
      const Value inner = s.add("Add", {x, s.add("Mul", {cube, s.number(0.044715F)})});
      const auto factor = static_cast<float>(std::sqrt(2 / std::numbers::pi));
      return half_of(s.add("Add", {s.add("Tanh", {s.add("Mul", {inner, s.number(factor)})}), s.number(1)}));
    }
    default: s.refuse("function", "no recipe has such a function of each element; add it to write_function()");
  }
}

Value write_layer_norm(const Scope& s, const Value& x, const Value& weight, const Value& bias, double epsilon) {
  return s.add("LayerNormalization", {x, weight, bias},
               {{"axis", int64_t{-1}}, {"epsilon", static_cast<float>(epsilon)}});
}

Value write_rms_norm(const Scope& s, const Value& x, const Value& weight, double epsilon) {
  const Value mean = s.add("ReduceMean", {s.add("Mul", {x, x})}, {{"axes", std::vector<int64_t>{-1}}});
  const Value root = s.add("Sqrt", {s.add("Add", {mean, s.number(static_cast<float>(epsilon))})});
  return s.add("Mul", {s.add("Div", {x, root}), weight});
}

Flow channels_last(const Scope& s, const Flow& x) {
  if (x.layout != Layout::images_channels_first) return x;
  return {s.add("Transpose", {x.value}, {{"perm", std::vector<int64_t>{0, 2, 3, 1}}}), Layout::images};
}

Flow channels_first(const Scope& s, const Flow& x) {
  if (x.layout != Layout::images) return x;
  return {s.add("Transpose", {x.value}, {{"perm", std::vector<int64_t>{0, 3, 1, 2}}}), Layout::images_channels_first};
}

}  // namespace tandem::deploy::onnx
