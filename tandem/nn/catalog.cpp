#include <tandem/base/text.h>
#include <tandem/nn/activation.h>
#include <tandem/nn/adapter.h>
#include <tandem/nn/attention.h>
#include <tandem/nn/catalog.h>
#include <tandem/nn/conv.h>
#include <tandem/nn/embedding.h>
#include <tandem/nn/int8.h>
#include <tandem/nn/linear.h>
#include <tandem/nn/models.h>
#include <tandem/nn/norm.h>
#include <tandem/nn/recurrent.h>
#include <tandem/nn/sequence.h>
#include <tandem/nn/transformer.h>

#include <map>

namespace tandem::nn {
namespace {

using Make = std::function<std::unique_ptr<Module>()>;

template <class... Layers>
std::map<std::string, Make> table() {
  std::map<std::string, Make> out;
  (out.emplace(Layers{}.kind(), [] { return std::make_unique<Layers>(); }), ...);
  return out;
}

const std::map<std::string, Make>& layers() {
  static const auto all =
      table<Linear, Conv2d, MaxPool2d, AvgPool2d, GlobalAvgPool, BatchNorm, LayerNorm, RMSNorm, GroupNorm, Dropout,
            Flatten, ReLU, LeakyReLU, Sigmoid, Tanh, GELU, GELUTanh, SiLU, Softmax, Residual, Sequential, Parallel,
            Embedding, TiedEmbedding, TiedHead, Positions, RNN, LSTM, GRU, Conv1d, PoolSequence, Attention, Transformer,
            Lora, Bottleneck, Int8Linear, Int8Conv2d>();
  return all;
}

const std::map<std::string, Sequential (*)()>& models() {
  static const std::map<std::string, Sequential (*)()> all{{"lenet", lenet},
                                                           {"resnet20", [] { return resnet(20); }},
                                                           {"resnet32", [] { return resnet(32); }},
                                                           {"resnet56", [] { return resnet(56); }},
                                                           {"table_mlp", [] { return table_mlp(); }}};
  return all;
}

template <class Value>
std::vector<std::string> keys(const std::map<std::string, Value>& all) {
  std::vector<std::string> out;
  for (const auto& [name, value] : all) out.push_back(name);
  return out;
}

}  // namespace

std::vector<std::string> layer_names() { return keys(layers()); }
std::vector<std::string> model_names() { return keys(models()); }

std::unique_ptr<Module> read_layer(const Config& node) {
  const auto entries = node.entries();
  if (!node.is_scalar() && !(node.is_map() && entries.size() == 1))
    node.fail("expected one layer, as in relu, linear: 10 or conv: {filters: 32, kernel: 3}");
  const std::string kind = node.is_scalar() ? node.text() : entries[0].first;
  const auto found = layers().find(kind);
  if (found == layers().end()) {
    const std::string near = nearest_name(kind, layer_names());
    node.fail(fmt::format("unknown layer '{}'{}; valid: {}", kind,
                          near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), join(layer_names())));
  }
  auto layer = found->second();
  Fields::read(node.is_scalar() ? Config() : entries[0].second, *layer, kind);
  return layer;
}

Config write_layer(Module& layer) {
  const Config options = Fields::write(layer);
  if (options.entries().empty()) return Config::scalar(layer.kind());
  Config out = Config::map();
  out.put(layer.kind(), options);
  return out;
}

Sequential model(const std::string& name) {
  const auto found = models().find(name);
  if (found == models().end()) {
    const std::string near = nearest_name(name, model_names());
    fail("network", "unknown model '{}'{}; valid: {}, or a list of layers", name,
         near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), join(model_names()));
  }
  return found->second();
}

}  // namespace tandem::nn
