// A network that has learned before: read from its file, and given a new shape around what it knows.
#pragma once
#include <tandem/adapt/options.h>
#include <tandem/base/files.h>
#include <tandem/tasks/input.h>
#include <tandem/tensor/safetensors.h>

#include <map>
#include <optional>

namespace tandem::adapt {

struct Base {
  std::string where;                                    // for messages
  std::string task;                                     // "language_model"; "text_encoder" has no head
  nn::Sequential net;                                   // not built
  std::vector<std::pair<std::string, Tensor>> tensors;  // of the network

  std::optional<tasks::TextInput> reads;  // how it reads texts; of a model file see input()

  /// Of a model file of any task, or of a folder that Checkpoint reads. Throws a data error when it is none.
  [[nodiscard]] static Base load(const fs::path& model);
  /// How it reads its examples, texts or pictures: its numbers belong to these tokens or pixels.
  [[nodiscard]] tasks::Input input() const;
  /// Where the last layer with numbers stands (or a head that shares the embedding's): what turns features to an
  /// answer. Behind all layers where there is no such.
  [[nodiscard]] size_t head() const;
  /// Tells this base from others: of the names and bytes of its tensors.
  [[nodiscard]] std::string fingerprint() const;
};

/// The base's layers, the last one replaced by the new head, with adapters around those that are chosen. Not built.
/// Throws a usage error when a pattern fits no layer.
[[nodiscard]] nn::Sequential adapted(const Base& base, const Options& options);

/// Copies what the base knows into a built network, by name; tensors of a new head keep their first values. Throws a
/// data error when a tensor has another shape, and when there is none that fits.
void transfer(const Base& base, const Options& options, nn::Sequential& net);

/// How fast each trained tensor of an adapted network learns.
class Rates {
 public:
  Rates(const Options& options, nn::Sequential& net);
  /// Of the tensor `name` in an epoch (from 0), as a multiple of the optimiser's rate.
  [[nodiscard]] double at(const std::string& name, int64_t epoch) const;
  /// Whether it ever learns.
  [[nodiscard]] bool ever(const std::string& name) const;

 private:
  [[nodiscard]] double rule(const std::string& name) const;

  Options options_;
  int64_t first_of_head_ = 0;
  std::vector<int64_t> layers_;  // with trained tensors, the last first
};

}  // namespace tandem::adapt
