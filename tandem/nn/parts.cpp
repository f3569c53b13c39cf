#include <tandem/nn/adapter.h>
#include <tandem/nn/parts.h>
#include <tandem/nn/sequence.h>
#include <tandem/nn/sequential.h>
#include <tandem/nn/transformer.h>

namespace tandem::nn {
namespace {

// All layers that hold layers are named here.
void each_within(Module& layer, const std::string& at,
                 const std::function<void(const std::string& at, Module& layer)>& fn) {
  const auto list = [&](const Sequential& layers, const std::string& prefix) {
    for (size_t i = 0; i < layers.layers().size(); ++i) {
      const std::string name = fmt::format("{}{}.", prefix, i);
      fn(name, *layers.layers()[i]);
      each_within(*layers.layers()[i], name, fn);
    }
  };
  if (const auto* sequential = dynamic_cast<const Sequential*>(&layer)) {
    list(*sequential, at);
  } else if (const auto* residual = dynamic_cast<const Residual*>(&layer)) {
    list(residual->body, at + "body.");
    list(residual->shortcut, at + "shortcut.");
  } else if (const auto* both = dynamic_cast<const EncoderDecoder*>(&layer)) {
    list(both->encoder, at + "encoder.");
    list(both->decoder, at + "decoder.");
  } else if (const auto* parallel = dynamic_cast<const Parallel*>(&layer)) {
    for (size_t i = 0; i < parallel->branches.size(); ++i) list(parallel->branches[i], fmt::format("{}{}.", at, i));
  } else if (auto* transformer = dynamic_cast<Transformer*>(&layer)) {
    for (size_t i = 0; i < transformer->blocks.size(); ++i) {
      Transformer::Block& block = transformer->blocks[i];
      fn(fmt::format("{}layers.{}.self_attn.", at, i), block.self_attention);
      if (transformer->cross) fn(fmt::format("{}layers.{}.multihead_attn.", at, i), block.cross_attention);
    }
  } else if (const auto* around = dynamic_cast<const Around*>(&layer)) {
    fn(at, around->layer());  // its tensors keep their names
    each_within(around->layer(), at, fn);
  }
}

}  // namespace

void each_part(Module& net, const std::function<void(const std::string& at, Module& layer)>& fn) {
  each_within(net, "", fn);
}

}  // namespace tandem::nn
