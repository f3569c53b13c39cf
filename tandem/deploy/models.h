// The models in service, by name and version, and how one takes another's place.
#pragma once
#include <tandem/deploy/batcher.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace tandem::deploy {

/// Where a model comes from: "RUN", "NAME=RUN" or "NAME:VERSION=RUN", RUN being a run folder or a model file. NAME is
/// the folder's or the file's own when not given, VERSION what the file says.
struct ModelSource {
  std::string name, version;
  fs::path run;
  /// Throws a usage error for a name or version with other characters than letters, digits and ._-
  [[nodiscard]] static ModelSource parse(const std::string& text);
};

class Models {
 public:
  /// Loads all of them. Throws as loading does, and a usage error when two have one name and version.
  Models(const std::vector<ModelSource>& sources, BatchOptions options, Metrics& metrics);

  /// A model as it is now. Whoever holds it keeps answering by it, also after another took its place.
  struct Live {
    std::shared_ptr<const ServedModel> model;
    Batcher* batcher = nullptr;
    fs::path run = {};  // its run folder; empty when it is a file alone
    explicit operator bool() const { return model != nullptr; }
  };
  /// `version` "": the first that was given for the name. Nothing when there is none.
  [[nodiscard]] Live find(std::string_view name, std::string_view version) const;
  [[nodiscard]] std::vector<Live> all() const;
  [[nodiscard]] int64_t waiting() const;  // examples in all queues

  /// Reads the files of a name ("": of all) again. A file that loads, and takes the same inputs and classes, goes
  /// live between two requests; otherwise throws what is wrong with it and leaves the old one. A file that did not
  /// change is left alone. Returns how many went live.
  int64_t reload(const std::string& name);
  /// Answers what waits and takes nothing more.
  void stop();

 private:
  struct Slot {
    ModelSource source;
    fs::path run;
    std::shared_ptr<const ServedModel> model;
    std::unique_ptr<Batcher> batcher;
  };

  // A mutex and no atomic<shared_ptr>: that of GCC 12 is a lock too, and one that ThreadSanitizer does not understand.
  mutable std::mutex mutex_;  // of Slot::model
  std::mutex reloading_;
  std::vector<Slot> slots_;
  Metrics& metrics_;
};

}  // namespace tandem::deploy
