#include <tandem/autograd/tape.h>
#include <tandem/nn/inference.h>
#include <tandem/nn/int8.h>
#include <tandem/nn/quantise.h>
#include <tandem/nn/sequence.h>
#include <tandem/ops/cast.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace tandem::nn {
namespace {

constexpr size_t bins = 2048;

/// What has come into a layer.
struct Seen {
  double low = 0, high = 0;  // 0 is always one of the numbers
  std::vector<int64_t> counts = std::vector<int64_t>(bins);
};
using SeenBy = std::map<const Module*, Seen>;

bool can_be_int8(const Module& layer) {
  if (const auto* conv = dynamic_cast<const Conv2d*>(&layer))
    return conv->groups == 1 && conv->weight.numel() / conv->filters <= kernels::int8_longest;
  const auto* linear = dynamic_cast<const Linear*>(&layer);
  return linear != nullptr && linear->weight.size(1) <= kernels::int8_longest;
}

/// Runs the examples and calls see(seen, numbers) for all that comes into each layer that can be int8.
void watch(const Sequential& net, const std::function<void(const Sequential&, Pass&)>& examples, SeenBy& seen,
           const std::function<void(Seen&, std::span<const float>)>& see) {
  const NoGrad off;
  Pass pass;
  pass.each = [&](Module& layer, const Tensor& x, Pass& p) {
    if (can_be_int8(layer)) see(seen[&layer], widened(x).data<const float>());
    return layer.forward(x, p);
  };
  examples(net, pass);
}

/// The weight (outputs, …) as integers, and a scale for each output.
void quantise_weight(const Tensor& from, Int8Tensors& into) {
  const auto wide = from.data<const float>();
  const auto narrow = into.weight.data<int8_t>();
  const auto outputs = static_cast<size_t>(from.size(0));
  const size_t each = wide.size() / outputs;
  for (size_t o = 0; o < outputs; ++o) {
    float most = 0;
    for (const float w : wide.subspan(o * each, each)) most = std::max(most, std::abs(w));
    // An output without weights has any scale.
    const float scale = std::max(most / 127, 1e-30F);
    into.scale.data<float>()[o] = scale;
    for (size_t i = o * each; i < (o + 1) * each; ++i)
      narrow[i] = static_cast<int8_t>(std::lround(std::clamp(wide[i] / scale, -127.0F, 127.0F)));
  }
}

template <class Int8Layer, class FloatLayer>
std::unique_ptr<Module> in_int8(const FloatLayer& layer, const Seen& seen) {
  Int8Layer out;
  FloatLayer options = layer;  // those alone: not its tensors, nor what for_inference() laid out
  Fields::read(Fields::write(options), out.like, layer.kind());
  Build build;
  out.tensors.build(layer.weight.shape(), layer.with_bias, build);
  quantise_weight(layer.weight, out.tensors);
  if (layer.with_bias) out.tensors.bias = layer.bias.clone();
  const Int8Range range = best_range(seen.low, seen.high, seen.counts);
  out.tensors.input_scale.template data<float>()[0] = range.scale;
  out.tensors.input_zero.template data<uint8_t>()[0] = static_cast<uint8_t>(range.zero);
  return std::make_unique<Int8Layer>(std::move(out));
}

Sequential converted(const Sequential& net, const SeenBy& seen) {
  Sequential out;
  for (size_t i = 0; i < net.layers().size(); ++i) {
    const Module& layer = *net.layers()[i];
    if (can_be_int8(layer)) {
      const auto found = seen.find(&layer);
      if (found == seen.end())
        fail("quantise", "no example has come to layer {} ({}): give examples that the whole network is for", i,
             layer.kind());
      if (const auto* conv = dynamic_cast<const Conv2d*>(&layer))
        out.add(in_int8<Int8Conv2d>(*conv, found->second));
      else
        out.add(in_int8<Int8Linear>(dynamic_cast<const Linear&>(layer), found->second));
      continue;
    }
    std::unique_ptr<Module> copy = layer.clone();
    // Of the layers within, the originals are those that were watched.
    if (const auto* residual = dynamic_cast<const Residual*>(&layer)) {
      auto& into = dynamic_cast<Residual&>(*copy);
      into.body = converted(residual->body, seen), into.shortcut = converted(residual->shortcut, seen);
    } else if (const auto* parallel = dynamic_cast<const Parallel*>(&layer)) {
      auto& into = dynamic_cast<Parallel&>(*copy);
      for (size_t b = 0; b < into.branches.size(); ++b) into.branches[b] = converted(parallel->branches[b], seen);
    } else if (const auto* inner = dynamic_cast<const Sequential*>(&layer)) {
      dynamic_cast<Sequential&>(*copy) = converted(*inner, seen);
    }
    out.add(std::move(copy));
  }
  return out;
}

}  // namespace

Int8Range best_range(double low, double high, std::span<const int64_t> counts) {
  constexpr double levels = kernels::int8_most;
  const double bin = (high - low) / static_cast<double>(counts.size());
  Int8Range best;
  double least = std::numeric_limits<double>::infinity();
  if (!(high - low > 1e-30)) return best;  // nothing but zeros
  for (int percent = 100; percent >= 20; --percent) {
    const double share = percent / 100.0, from = std::min(low * share, 0.0), to = std::max(high * share, 0.0);
    const double scale = (to - from) / levels, zero = std::round(-from / scale);
    double error = 0;
    for (size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] == 0) continue;
      const double x = low + (static_cast<double>(i) + 0.5) * bin;
      const double q = std::clamp(std::round(x / scale) + zero, 0.0, levels);
      const double off = x - scale * (q - zero);
      error += static_cast<double>(counts[i]) * off * off;
    }
    if (error < least) {
      least = error;
      best = {static_cast<float>(scale), static_cast<int32_t>(zero)};
    }
  }
  return best;
}

Sequential quantised(const Sequential& net, const std::function<void(const Sequential&, Pass&)>& examples) {
  const Sequential ready = for_inference(net);
  SeenBy seen;
  watch(ready, examples, seen, [](Seen& s, std::span<const float> x) {
    for (const float value : x) {
      if (!std::isfinite(value)) fail(ErrorKind::numeric, "quantise", "a layer's input became {}", value);
      s.low = std::min(s.low, static_cast<double>(value)), s.high = std::max(s.high, static_cast<double>(value));
    }
  });
  if (seen.empty())
    fail("quantise", "the network has no linear layer and no convolution without groups that could become int8");
  watch(ready, examples, seen, [](Seen& s, std::span<const float> x) {
    const double a_bin = static_cast<double>(bins) / std::max(s.high - s.low, 1e-300);
    for (const float value : x)
      if (value != 0)  // 0 is exact in every range
        ++s.counts[std::min(static_cast<size_t>((static_cast<double>(value) - s.low) * a_bin), bins - 1)];
  });
  return converted(ready, seen);
}

}  // namespace tandem::nn
