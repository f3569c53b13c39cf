// A run: the folder that holds all that a training was and became.
#pragma once
#include <tandem/evaluate/page.h>
#include <tandem/train/trainer.h>

#include <optional>
#include <string>

namespace tandem::train {

/// The data of a recipe, ready to train on: sizes and channels brought together, missing parts split off by seed.
[[nodiscard]] data::ImageSplits prepare(const Recipe& recipe, const fs::path& data_folder);

/// A model of the recipe's network with fresh parameters, its preprocessing fitted on `train`.
[[nodiscard]] tasks::ImageModel make_model(const Recipe& recipe, const data::ImageSet& train);

/// What the model says of a part, and how good that is.
struct Evaluation {
  evaluate::Predictions predictions;
  evaluate::Classification result;
  std::optional<evaluate::Deferral> deferral;  // of a model with confidence
  evaluate::RunFacts facts;
};
[[nodiscard]] Evaluation evaluate_model(tasks::ImageModel& model, const data::ImageSet& set, const std::string& split);

/// The layers of a network as the report and `tandem inspect` show them.
[[nodiscard]] std::vector<evaluate::LayerRow> layer_rows(nn::Sequential& net);

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

struct RunResult {
  Outcome outcome = Outcome::finished;
  Evaluation test;  // empty when interrupted
  int64_t best_epoch = 0;
  double train_seconds = 0;
};

/// Trains in `folder` from the recipe, or from the checkpoint in it when `resume`; writes checkpoints as it goes, and
/// the model and both reports at the end. On a numeric error the last good checkpoint stays.
RunResult run(Recipe& recipe, const RunFolder& folder, const fs::path& data_folder, const std::string& command,
              bool resume, const Hooks& hooks);

/// metrics.jsonl: one line an epoch.
[[nodiscard]] std::string metrics_lines(const std::vector<evaluate::EpochPoint>& history);
[[nodiscard]] std::vector<evaluate::EpochPoint> read_metrics(const fs::path& path);

[[nodiscard]] std::string version();

}  // namespace tandem::train
