// The language models in service, with their adapters, by the names that requests give.
#pragma once
#include <tandem/deploy/metrics.h>
#include <tandem/deploy/models.h>
#include <tandem/tasks/generation.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::deploy {

/// A language model as it serves: loaded, checked, laid out for prediction, and never changed again. Any number of
/// texts may be written by it at once.
class ServedLanguage {
 public:
  /// Loads the file, puts the adapter of a folder on ("": none) and lets it write a token. Throws what loading throws,
  /// among it a data error for an adapter of another base, and one when there is no token to choose.
  [[nodiscard]] static std::shared_ptr<const ServedLanguage> load(const fs::path& file, const fs::path& adapter,
                                                                  const std::string& id);

  [[nodiscard]] const std::string& id() const { return id_; }
  /// The first 16 hex digits of the SHA-256 of the file, and of the adapter's.
  [[nodiscard]] const std::string& digest() const { return digest_; }
  [[nodiscard]] const tasks::LanguageModel& model() const { return model_; }  // without its network
  [[nodiscard]] const nn::Sequential& ready() const { return ready_; }
  [[nodiscard]] std::chrono::system_clock::time_point loaded() const { return loaded_; }

 private:
  ServedLanguage() = default;

  std::string id_, digest_;
  tasks::LanguageModel model_;
  nn::Sequential ready_;  // nn::for_inference, adapters merged
  std::chrono::system_clock::time_point loaded_ = std::chrono::system_clock::now();
};

class Languages {
 public:
  /// Loads all of them. NAME is a model, NAME:VERSION one of several, or an adapter: a source of `adapters`,
  /// NAME:ADAPTER with a folder as its run, belongs to the first model of that name. Throws as loading does, and a
  /// usage error for an adapter without its model and for two of one name.
  Languages(const std::vector<ModelSource>& sources, const std::vector<ModelSource>& adapters, Metrics& metrics);

  /// Whoever holds it goes on writing by it, also after another took its place. Nothing when there is none.
  [[nodiscard]] std::shared_ptr<const ServedLanguage> find(std::string_view id) const;
  [[nodiscard]] std::vector<std::shared_ptr<const ServedLanguage>> all() const;
  /// Whether there is a model of that name, whatever its versions and adapters.
  [[nodiscard]] bool has(std::string_view name) const;

  /// Reads the files of a name ("": of all) again, with their adapters. All that changed goes live together; when one
  /// of them does not load, throws what is wrong with it and leaves all. Returns how many went live.
  int64_t reload(const std::string& name);

 private:
  struct Slot {
    std::string name, id;
    fs::path run, adapter;
    std::shared_ptr<const ServedLanguage> model;
  };

  mutable std::mutex mutex_;  // of Slot::model
  std::mutex reloading_;
  std::vector<Slot> slots_;
  Metrics& metrics_;
};

}  // namespace tandem::deploy
