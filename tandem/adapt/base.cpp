#include <tandem/adapt/base.h>
#include <tandem/adapt/checkpoint.h>
#include <tandem/base/checksum.h>
#include <tandem/base/text.h>
#include <tandem/nn/weights.h>
#include <tandem/tasks/model_file.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <set>

namespace tandem::adapt {
namespace {

/// The number of the layer that a tensor of this name belongs to; -1 for other names.
int64_t layer_of(std::string_view name) {
  int64_t out = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), out);
  return error == std::errc() && end != name.data() + name.size() && *end == '.' ? out : -1;
}

bool is_adapter_part(std::string_view name) {
  return name.find("lora_A.") != std::string_view::npos || name.find("lora_B.") != std::string_view::npos ||
         name.find("adapter.down.") != std::string_view::npos || name.find("adapter.up.") != std::string_view::npos;
}

bool chosen(const std::vector<std::string>& patterns, size_t index, const nn::Module& layer) {
  return nn::fits_any(std::to_string(index), patterns) || nn::fits_any(layer.kind(), patterns);
}

}  // namespace

void LoraOptions::fields(Fields& f) {
  f("rank", rank, {1, 1e5});
  f("alpha", alpha, {1e-6, 1e6});
  f("layers", layers);
  f("tensors", tensors);
}

void BottleneckOptions::fields(Fields& f) {
  f("units", units, {1, 1e6});
  f("layers", layers);
}

void RateRule::fields(Fields& f) {
  f("tensors", tensors);
  f("rate", rate, {0, 1e3});
}

void Options::fields(Fields& f) {
  f("freeze", freeze);
  f.custom(
      "head", [&](const Config& node) { head = nn::Sequential::read(node); },
      [&] { return head.empty() ? Config() : head.write(); });
  const auto optional = [&](const char* name, auto& value) {
    f.custom(
        name, [&](const Config& node) { Fields::read(node, value.emplace(), name); },
        [&] { return value ? Fields::write(*value) : Config(); });
  };
  optional("lora", lora);
  optional("bottleneck", bottleneck);
  f.custom(
      "rates",
      [&](const Config& node) {
        if (!node.is_list()) node.fail("rates: expected a list, as in [{tensors: '0.*', rate: 0.1}]");
        rates.clear();
        for (const Config& item : node.items()) Fields::read(item, rates.emplace_back(), "rates");
      },
      [&] {
        Config list = Config::list();
        for (RateRule& rule : rates) list.push(Fields::write(rule));
        return list;
      });
  f("unfreeze", unfreeze, {0, 1e6});
}

Base Base::load(const fs::path& model) {
  Base out;
  out.where = model.string();
  if (Checkpoint::is_at(model)) {
    Checkpoint read = Checkpoint::load(model);
    out.task = read.task;
    out.tensors = nn::named(read.net);
    out.net = std::move(read.net);
    out.reads = tasks::TextInput{{.most = read.context, .longer = "cut"}, read.tokenizer.options(), read.tokenizer};
    return out;
  }
  TensorFile file = tasks::read_model_file(model);
  for (const char* key : {"tandem.task", "tandem.network"})
    if (!file.metadata.contains(key))
      fail(ErrorKind::data, out.where, "has no '{}' in its metadata: it is no model of tandem to start from", key);
  out.task = file.metadata.at("tandem.task");
  if (out.task == "translation")
    fail(ErrorKind::data, out.where, "holds a translation, an encoder and a decoder: start from one list of layers");
  out.net = nn::Sequential::read(Config::parse(file.metadata.at("tandem.network"), out.where + " (network)"));
  for (auto& named : file.tensors)
    if (layer_of(named.first) >= 0) out.tensors.push_back(std::move(named));
  return out;
}

tasks::Input Base::input() const {
  if (reads) return *reads;
  if (task != "language_model") return tasks::Classifier::load(where).input;
  tasks::TextInput out;
  out.tokenizer = tasks::LanguageModel::load(where).tokenizer;
  out.options = out.tokenizer.options();
  return out;
}

size_t Base::head() const {
  const auto& layers = net.layers();
  if (task == "text_encoder") return layers.size();
  for (size_t i = layers.size(); i-- > 0;) {
    if (layers[i]->kind() == "tied_head") return i;
    const auto own = [&](const auto& t) { return layer_of(t.first) == static_cast<int64_t>(i); };
    if (layers[i]->kind() != "batch_norm" && std::ranges::any_of(tensors, own)) return i;
  }
  return 0;
}

std::string Base::fingerprint() const {
  std::vector<uint8_t> bytes;
  for (const auto& [name, tensor] : tensors) {
    bytes.insert(bytes.end(), name.begin(), name.end());
    const auto* at = static_cast<const uint8_t*>(tensor.bytes());
    bytes.insert(bytes.end(), at, at + tensor.byte_count());
  }
  return md5(bytes);
}

nn::Sequential adapted(const Base& base, const Options& options) {
  const auto& layers = base.net.layers();
  const size_t kept = options.head.empty() ? layers.size() : base.head();
  nn::Sequential out;
  size_t wrapped = 0;
  for (size_t i = 0; i < kept; ++i) {
    std::unique_ptr<nn::Module> layer = layers[i]->clone();
    const auto has_matrix = [&](const auto& t) {
      if (layer_of(t.first) != static_cast<int64_t>(i) || t.second.rank() != 2) return false;
      const std::string own = t.first.substr(t.first.find('.') + 1);
      return !options.lora || nn::fits_any(own, options.lora->tensors);
    };
    const bool matrix = std::ranges::any_of(base.tensors, has_matrix);
    const bool behind = matrix && options.bottleneck && chosen(options.bottleneck->layers, i, *layer);
    if (matrix && options.lora && chosen(options.lora->layers, i, *layer)) {
      nn::Lora lora;
      lora.rank = options.lora->rank, lora.alpha = options.lora->alpha, lora.tensors = options.lora->tensors;
      lora.hold(std::move(layer));
      layer = std::make_unique<nn::Lora>(std::move(lora));
      ++wrapped;
    }
    if (behind) {
      nn::Bottleneck bottleneck;
      bottleneck.units = options.bottleneck->units;
      bottleneck.hold(std::move(layer));
      layer = std::make_unique<nn::Bottleneck>(std::move(bottleneck));
      ++wrapped;
    }
    out.add(std::move(layer));
  }
  if ((options.lora || options.bottleneck) && wrapped == 0)
    fail("adapt", "no layer with a matrix of {} fits the patterns of {}: its layers are {}", base.where,
         options.lora ? "lora" : "bottleneck", [&] {
           std::vector<std::string> kinds;
           for (size_t i = 0; i < layers.size(); ++i) kinds.push_back(fmt::format("{} ({})", i, layers[i]->kind()));
           return join(kinds);
         }());
  for (const auto& layer : options.head.layers()) out.add(layer->clone());
  return out;
}

void transfer(const Base& base, const Options& options, nn::Sequential& net) {
  const int64_t fresh_from = options.head.empty() ? std::ssize(net.layers()) : static_cast<int64_t>(base.head());
  const std::map<std::string, Tensor> given(base.tensors.begin(), base.tensors.end());
  std::vector<std::pair<Tensor, Tensor>> copies;
  for (const auto& [name, tensor] : nn::named(net)) {
    const auto found = given.find(name);
    if (found == given.end() || layer_of(name) >= fresh_from) continue;
    if (found->second.shape() != tensor.shape())
      fail(ErrorKind::data, base.where, "tensor '{}' has shape {}, this network's has {}: {}", name,
           found->second.shape(), tensor.shape(),
           layer_of(name) >= static_cast<int64_t>(base.head())
               ? "give a new head with adapt.head, as in adapt: {head: [linear: classes]}"
               : "the network or its vocabulary is another one");
    copies.emplace_back(found->second.to(tensor.dtype()), tensor);
  }
  if (copies.empty())
    fail(ErrorKind::data, base.where,
         "none of its tensors belongs to this network: leave network out to take its layers");
  for (const auto& [from, to] : copies) std::memcpy(to.bytes(), from.bytes(), from.byte_count());
}

Rates::Rates(const Options& options, nn::Sequential& net) : options_(options) {
  first_of_head_ = std::ssize(net.layers()) - std::ssize(options.head.layers());
  std::set<int64_t> layers;
  std::vector<std::string> names;
  net.visit("", [&](const std::string& name, Tensor&, bool trained) {
    names.push_back(name);
    if (trained && rule(name) > 0) layers.insert(layer_of(name));
  });
  layers_.assign(layers.rbegin(), layers.rend());
  for (const std::string& pattern : options.freeze)
    if (std::ranges::none_of(names, [&](const std::string& name) { return nn::fits(name, pattern); }))
      fail("adapt.freeze", "'{}' fits no tensor of the network; they are {}", pattern, join(names));
  if (layers.empty()) fail("adapt", "all tensors are frozen: nothing could be learned");
}

double Rates::rule(const std::string& name) const {
  if (nn::fits_any(name, options_.freeze)) return 0;
  if ((options_.lora || options_.bottleneck) && !is_adapter_part(name) && layer_of(name) < first_of_head_) return 0;
  for (const RateRule& rule : options_.rates)
    if (nn::fits(name, rule.tensors)) return rule.rate;
  return 1;
}

double Rates::at(const std::string& name, int64_t epoch) const {
  if (options_.unfreeze > 0) {
    const auto place = std::ranges::find(layers_, layer_of(name)) - layers_.begin();
    if (static_cast<double>(epoch) < static_cast<double>(place) * options_.unfreeze) return 0;
  }
  return rule(name);
}

bool Rates::ever(const std::string& name) const { return rule(name) > 0; }

}  // namespace tandem::adapt
