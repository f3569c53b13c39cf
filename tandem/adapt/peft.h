// An adapter in files of its own, as PEFT has them: adapter_model.safetensors and adapter_config.json.
#pragma once
#include <tandem/adapt/base.h>
#include <tandem/tasks/language_model.h>

namespace tandem::adapt {

inline constexpr const char* adapter_file = "adapter_model.safetensors";

/// Writes what an adapted, built network has beside its base: LoRA's pairs, bottlenecks and a new head, named
/// base_model.model.NAME. The config says rank, alpha and modules, and which base it belongs to. Throws a usage error
/// when there is neither LoRA nor a bottleneck.
void save_adapter(const fs::path& folder, const Base& base, const Options& options, nn::Sequential& net);

/// An adapter read from its folder, to be put on its base.
struct Adapter {
  std::string where;
  nn::Sequential net;                                   // the adapted network, not built
  std::vector<std::pair<std::string, Tensor>> tensors;  // named as in the network

  /// Throws a data error when the files are damaged, or when the adapter belongs to another base.
  [[nodiscard]] static Adapter load(const fs::path& folder, const Base& base);
  /// Copies base and adapter into `built`, which was made from `net`. Throws a data error for a tensor that is missing
  /// or has another shape.
  void put_on(const Base& base, nn::Sequential& built) const;
};

/// The language model of a file with an adapter put on.
[[nodiscard]] tasks::LanguageModel load_adapted(const fs::path& model, const fs::path& adapter);

/// The network with LoRA's changes made part of its weights: the same function, the base's own layers.
[[nodiscard]] nn::Sequential merged(const nn::Sequential& net);

}  // namespace tandem::adapt
