#include <tandem/adapt/peft.h>
#include <tandem/base/json_file.h>
#include <tandem/base/json_text.h>
#include <tandem/nn/weights.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace tandem::adapt {
namespace {

const std::string prefix = "base_model.model.";
constexpr const char* config_file = "adapter_config.json";

}  // namespace

void save_adapter(const fs::path& folder, const Base& base, const Options& options, nn::Sequential& net) {
  if (!options.lora && !options.bottleneck)
    fail("adapter", "there is no adapter to save: the recipe's adapt has neither lora nor bottleneck");
  std::set<std::string> known;
  const auto head = static_cast<int64_t>(options.head.empty() ? net.layers().size()
                                                              : net.layers().size() - options.head.layers().size());
  for (const auto& [name, tensor] : base.tensors) known.insert(name);
  TensorFile file;
  std::set<std::string> modules, to_save;
  for (const auto& [name, tensor] : nn::named(net)) {
    const size_t lora = name.find(".lora_A.");
    const bool of_head = std::stoll(name) >= head;
    if (known.contains(name) && !of_head) continue;
    file.tensors.emplace_back(prefix + name, tensor);
    if (lora != std::string::npos)
      modules.insert(name.substr(0, lora));
    else if (name.find(".lora_B.") == std::string::npos)
      to_save.insert(name.substr(0, name.rfind('.')));
  }
  const auto list = [](const std::set<std::string>& names) {
    std::string out;
    for (const std::string& name : names) out += (out.empty() ? "" : ", ") + json_text(name, "adapter");
    return "[" + out + "]";
  };
  // No task_type: with one PEFT expects a model of the transformers package around the layers.
  const std::string config = fmt::format(
      R"({{
  "peft_type": "{}",
  "base_model_name_or_path": {},
  "task_type": null,
  "r": {},
  "lora_alpha": {},
  "lora_dropout": 0.0,
  "bias": "none",
  "fan_in_fan_out": false,
  "inference_mode": true,
  "target_modules": {},
  "modules_to_save": {},
  "tandem": {{"base": {}, "network": {}}}
}}
)",
      options.lora ? "LORA" : "BOTTLENECK", json_text(base.where, "adapter"),
      options.lora ? options.lora->rank : options.bottleneck->units,
      json_text(options.lora ? options.lora->alpha : 0.0), list(modules), list(to_save),
      json_text(base.fingerprint(), "adapter"), json_text(net.write().str(), "adapter"));
  make_folder(folder);
  write_safetensors(folder / adapter_file, file);
  write_text(folder / config_file, config);
}

Adapter Adapter::load(const fs::path& folder, const Base& base) {
  Adapter out;
  out.where = folder.string();
  const fs::path config_path = folder / config_file;
  const std::string text = read_text(config_path, 1 << 20);
  std::string network, fingerprint;
  try {
    const JsonTree config(text, config_path.string());
    network = (*config).at("tandem").at("network");
    fingerprint = (*config).at("tandem").at("base");
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorKind::data, config_path.string(), "is no adapter of tandem, or damaged: {}", e.what());
  }
  if (fingerprint != base.fingerprint())
    fail(ErrorKind::data, out.where,
         "this adapter was learned on another base (fingerprint {}) than {} ({}): its numbers mean nothing there",
         fingerprint.substr(0, 8), base.where, base.fingerprint().substr(0, 8));
  out.net = nn::Sequential::read(Config::parse(network, config_path.string() + " (network)"));
  for (auto& [name, tensor] : read_safetensors(folder / adapter_file).tensors) {
    if (!name.starts_with(prefix))
      fail(ErrorKind::data, out.where, "tensor '{}' does not begin with {}: it belongs to no adapter", name, prefix);
    out.tensors.emplace_back(name.substr(prefix.size()), tensor);
  }
  return out;
}

void Adapter::put_on(const Base& base, nn::Sequential& built) const {
  auto all = tensors;
  std::set<std::string> own, wanted;
  for (const auto& [name, tensor] : tensors) own.insert(name);
  for (const auto& [name, tensor] : nn::named(built)) wanted.insert(name);
  for (const auto& named : base.tensors)  // the base's own head may have been replaced
    if (wanted.contains(named.first) && !own.contains(named.first)) all.push_back(named);
  nn::assign(built, all, where);
}

tasks::LanguageModel load_adapted(const fs::path& model, const fs::path& adapter) {
  const Base base = Base::load(model);
  const Adapter put = Adapter::load(adapter, base);
  tasks::LanguageModel out = tasks::LanguageModel::load(model);
  out.net = put.net;
  int64_t numbers = 1 << 20;  // some more than both files hold, so that a missing tensor is named as such
  for (const auto* file : {&base.tensors, &put.tensors})
    for (const auto& [name, tensor] : *file) numbers += tensor.numel();
  out.build(Rng(0, "adapter"), numbers);
  put.put_on(base, out.net);
  return out;
}

nn::Sequential merged(const nn::Sequential& net) {
  nn::Sequential out;
  for (const auto& layer : net.layers()) {
    const auto* lora = dynamic_cast<const nn::Lora*>(layer.get());
    out.add(lora ? lora->merged() : layer->clone());
  }
  return out;
}

}  // namespace tandem::adapt
