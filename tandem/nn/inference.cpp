#include <tandem/nn/adapter.h>
#include <tandem/nn/conv.h>
#include <tandem/nn/inference.h>
#include <tandem/nn/int8.h>
#include <tandem/nn/linear.h>
#include <tandem/nn/norm.h>

#include <cmath>

namespace tandem::nn {
namespace {

// y = norm(layer(x)) for a layer whose weight has one slice an output channel: each slice and the bias are scaled.
template <class Layer>
void fold(Layer& layer, const BatchNorm& norm) {
  const int64_t outputs = layer.weight.size(0);
  const auto a_slice = static_cast<size_t>(layer.weight.numel() / outputs);
  layer.weight = layer.weight.clone();
  layer.bias = layer.with_bias ? layer.bias.clone() : Tensor::zeros({outputs});
  layer.with_bias = true;
  const auto weight = layer.weight.template data<float>(), bias = layer.bias.template data<float>();
  for (size_t o = 0; o < static_cast<size_t>(outputs); ++o) {
    const auto at = [o](const Tensor& t) { return static_cast<double>(t.data<const float>()[o]); };
    const double scale = at(norm.weight) / std::sqrt(at(norm.running_var) + norm.epsilon);
    for (float& w : weight.subspan(o * a_slice, a_slice)) w = static_cast<float>(static_cast<double>(w) * scale);
    bias[o] = static_cast<float>(at(norm.bias) + (static_cast<double>(bias[o]) - at(norm.running_mean)) * scale);
  }
}

}  // namespace

Sequential for_inference(const Sequential& net) {
  std::vector<std::unique_ptr<Module>> layers;
  for (const auto& layer : net.layers()) {
    Module* before = layers.empty() ? nullptr : layers.back().get();
    if (const auto* norm = dynamic_cast<const BatchNorm*>(layer.get()); norm && before) {
      if (auto* conv = dynamic_cast<Conv2d*>(before)) {
        fold(*conv, *norm);
        continue;
      }
      if (auto* linear = dynamic_cast<Linear*>(before)) {
        fold(*linear, *norm);
        continue;
      }
    }
    const auto* lora = dynamic_cast<const Lora*>(layer.get());
    layers.push_back(lora ? lora->merged() : layer->clone());
    if (auto* residual = dynamic_cast<Residual*>(layers.back().get())) {
      residual->body = for_inference(residual->body);
      residual->shortcut = for_inference(residual->shortcut);
    } else if (auto* inner = dynamic_cast<Sequential*>(layers.back().get())) {
      *inner = for_inference(*inner);
    }
  }
  Sequential out;
  for (auto& layer : layers) {
    layer->visit("", [](const std::string&, Tensor& t, bool) { t = t.clone(); });  // clone() of a layer shares them
    if (auto* conv = dynamic_cast<Conv2d*>(layer.get())) conv->prepare();
    if (auto* linear = dynamic_cast<Linear*>(layer.get())) linear->prepare();
    if (auto* conv = dynamic_cast<Int8Conv2d*>(layer.get())) conv->prepare();
    if (auto* linear = dynamic_cast<Int8Linear*>(layer.get())) linear->prepare();
    out.add(std::move(layer));
  }
  return out;
}

}  // namespace tandem::nn
