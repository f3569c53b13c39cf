// A run: a training from its recipe to its reports.
#pragma once
#include <tandem/train/classification.h>

namespace tandem::train {

struct RunResult {
  Outcome outcome = Outcome::finished;
  Findings test;           // empty when interrupted
  int64_t best_epoch = 0;  // whose weights were kept; 0: the last ones were
  double train_seconds = 0;
};

/// Trains in `folder` from the recipe, or from the checkpoint in it when `resume`; writes checkpoints as it goes, and
/// the model and both reports at the end. On a numeric error the last good checkpoint stays.
RunResult run(Recipe& recipe, const RunFolder& folder, const fs::path& data_folder, const std::string& command,
              bool resume, const Hooks& hooks);

}  // namespace tandem::train
