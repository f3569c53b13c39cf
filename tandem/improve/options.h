// The `search:` section of a recipe.
#pragma once
#include <tandem/improve/objective.h>
#include <tandem/improve/space.h>

namespace tandem::improve {

/// Asynchronous successive halving (ASHA, Li et al. 2020): every trial trains `first` epochs; the best 1 / factor of
/// those that got as far go on to `factor` times as many, and so on up to train.epochs.
struct Halving {
  int64_t first = 1;
  int64_t factor = 3;  // 1: every trial trains all its epochs
  void fields(Fields& f);

  /// The epochs at which a trial of `epochs` is judged, the last being `epochs` itself.
  [[nodiscard]] std::vector<int64_t> rungs(int64_t epochs) const;
};

struct SearchOptions {
  std::vector<std::string> objectives{"accuracy"};  // several: the Pareto front is kept, the first says what is best
  std::string sampler = "tpe";
  int64_t trials = 50;
  uint64_t seed = 1;
  Halving halving;
  Space space;
  void fields(Fields& f);

  [[nodiscard]] std::vector<Objective> wanted() const;

  /// Reads and checks the section of a recipe. Throws a usage error with file and line.
  [[nodiscard]] static SearchOptions read(const Config& recipe);
};

}  // namespace tandem::improve
