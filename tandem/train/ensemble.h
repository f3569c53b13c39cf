// Finished runs together: measured as one network, or as the teachers of another.
#pragma once
#include <tandem/tasks/distillation.h>
#include <tandem/tasks/ensemble.h>
#include <tandem/train/classification.h>

#include <string>
#include <vector>

namespace tandem::train {

/// The networks of run folders or model files.
[[nodiscard]] tasks::Ensemble load_ensemble(const std::vector<std::string>& runs);

/// Throws a usage error when a member has learned from examples that `recipe` sets aside as `split`: it sets aside
/// others of the same data, which has no such part of its own.
void check_unseen(const tasks::Ensemble& ensemble, const Recipe& recipe, const std::string& split,
                  const fs::path& data_folder);

/// How good they are together, and each alone.
[[nodiscard]] Evaluation evaluate_ensemble(tasks::Ensemble& ensemble, const data::Dataset& set,
                                           const std::string& split, const std::vector<std::string>& groups = {});

}  // namespace tandem::train
