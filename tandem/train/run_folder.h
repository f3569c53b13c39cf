// The folder that holds all that a training was and became.
#pragma once
#include <tandem/base/files.h>
#include <tandem/evaluate/page.h>

#include <string>
#include <vector>

namespace tandem::train {

/// The files of a run. Names count up: runs/digits, runs/digits-2.
struct RunFolder {
  fs::path path;

  [[nodiscard]] static RunFolder create(const fs::path& runs, const std::string& name);
  /// Throws a file error, with the runs there are, when `path` is no run.
  [[nodiscard]] static RunFolder open(const fs::path& path);
  [[nodiscard]] fs::path recipe() const { return path / "recipe.yaml"; }
  [[nodiscard]] fs::path model() const { return path / "model.safetensors"; }
  [[nodiscard]] fs::path checkpoint() const { return path / "checkpoints" / "last.safetensors"; }
  [[nodiscard]] fs::path metrics() const { return path / "metrics.jsonl"; }
  [[nodiscard]] fs::path log() const { return path / "log.txt"; }
  [[nodiscard]] fs::path report_json() const { return path / "report.json"; }
  [[nodiscard]] fs::path report_page() const { return path / "report.html"; }
};

/// The model of a run folder, or the model file itself. Throws a file error when a folder is no run.
[[nodiscard]] fs::path model_path(const fs::path& run_or_model);

/// metrics.jsonl: one line an epoch.
[[nodiscard]] std::string metrics_lines(const std::vector<evaluate::EpochPoint>& history);
[[nodiscard]] std::vector<evaluate::EpochPoint> read_metrics(const fs::path& path);

}  // namespace tandem::train
