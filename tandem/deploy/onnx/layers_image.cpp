#include <tandem/deploy/onnx/layers.h>
#include <tandem/nn/conv.h>
#include <tandem/nn/int8.h>

namespace tandem::deploy::onnx {
namespace {

Attributes window(int64_t kernel, int64_t stride, int64_t padding) {
  using Sizes = std::vector<int64_t>;
  return {{"kernel_shape", Sizes{kernel, kernel}}, {"strides", Sizes{stride, stride}}, {"pads", Sizes(4, padding)}};
}

Flow conv(const Scope& s, const nn::Conv2d& l, const Flow& given) {
  const Flow x = channels_first(s, given);
  const Conv2dOptions o = l.options();
  Attributes attributes = window(l.kernel, o.stride, o.padding);
  attributes.emplace_back("dilations", std::vector<int64_t>{o.dilation, o.dilation});
  attributes.emplace_back("group", o.groups);
  std::vector<Value> inputs{x.value, s.tensor("weight", l.weight)};
  if (l.bias.defined()) inputs.push_back(s.tensor("bias", l.bias));
  return {s.add("Conv", inputs, attributes), x.layout};
}

// In float32, with the weights that the integers stand for.
Flow int8_conv(const Scope& s, const nn::Int8Conv2d& l, const Flow& x) { return conv(s, l.in_float(), x); }

Flow pool(const Scope& s, const std::string& op, const nn::Pool2d& l, const Flow& given) {
  const Flow x = channels_first(s, given);
  const PoolOptions& o = l.options;
  return {s.add(op, {x.value}, window(o.kernel, o.stride == 0 ? o.kernel : o.stride, o.padding)), x.layout};
}

Flow max_pool(const Scope& s, const nn::MaxPool2d& l, const Flow& x) { return pool(s, "MaxPool", l, x); }
Flow avg_pool(const Scope& s, const nn::AvgPool2d& l, const Flow& x) { return pool(s, "AveragePool", l, x); }

Flow global_avg_pool(const Scope& s, const nn::GlobalAvgPool&, const Flow& given) {
  const Flow x = channels_first(s, given);
  return {s.add("Flatten", {s.add("GlobalAveragePool", {x.value})}), Layout::rows};
}

}  // namespace

LayerTable image_layers() {
  return {row<nn::Conv2d, conv>(), row<nn::Int8Conv2d, int8_conv>(), row<nn::MaxPool2d, max_pool>(),
          row<nn::AvgPool2d, avg_pool>(), row<nn::GlobalAvgPool, global_avg_pool>()};
}

}  // namespace tandem::deploy::onnx
