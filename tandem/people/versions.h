// The versions of a run's network: each is kept as a whole model file, one of them is live.
#pragma once
#include <tandem/train/run.h>

namespace tandem::people {

struct Version {
  int64_t number = 0;       // from 1
  int64_t parent = 0;       // the version it came from; 0: from training
  std::string time = {};    // UTC
  int64_t corrections = 0;  // how many it learned from
  double accuracy = -1;     // on the examples held back; -1: not measured
  bool live = false;
};

/// RUN/versions/0001.safetensors and so on; RUN/model.safetensors is a copy of the live one. Which number that is
/// stands in the file itself, so that no second record can disagree.
class Versions {
 public:
  /// A model that training wrote becomes a new version and is live. Throws as opening a run and a model does.
  explicit Versions(train::RunFolder run);

  [[nodiscard]] std::vector<Version> list() const;  // by number
  [[nodiscard]] Version live() const;
  [[nodiscard]] fs::path path(int64_t number) const;
  /// Throws a usage error, with the numbers there are, when there is no such version.
  [[nodiscard]] tasks::Classifier load(int64_t number) const;
  /// Keeps `model` as the next version, which is not live yet; returns its number.
  int64_t add(tasks::Classifier model, Version facts);
  /// A reader of model.safetensors sees the old one or this one, never a part.
  void make_live(int64_t number);

 private:
  train::RunFolder run_;
};

/// The version of a model file: what its notes say; number 0 when training wrote it and nobody has kept it yet.
[[nodiscard]] Version version_of(const tasks::Classifier& model);

/// Two versions on the same examples: how many both, only one, or neither got right.
struct Comparison {
  int64_t both = 0, only_first = 0, only_second = 0, neither = 0;
};
[[nodiscard]] Comparison compare(tasks::Classifier& first, tasks::Classifier& second, const data::Dataset& set);

}  // namespace tandem::people
