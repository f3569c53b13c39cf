// A run in the layout of MLflow's file store, for those whose other tools read it.
#pragma once
#include <tandem/train/runs.h>

namespace tandem::train {

/// Writes a run below `store` (an `mlruns` folder), in the experiment named `experiment`: parameters from its recipe,
/// metrics from its epochs and its report, the report and the model as artifacts (links where the file system has
/// them). Done again, it replaces what it wrote. Returns the run's folder.
fs::path write_mlflow(const RunFolder& run, const fs::path& store, const std::string& experiment = "tandem");

}  // namespace tandem::train
