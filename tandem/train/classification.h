// Classification from a recipe: its data, its model, and how good that is.
#pragma once
#include <tandem/evaluate/page.h>
#include <tandem/train/job.h>

#include <map>
#include <optional>

namespace tandem::train {

/// The data of a recipe, ready to train on: sizes and channels brought together, missing parts split off by seed.
[[nodiscard]] data::Splits prepare(const Recipe& recipe, const fs::path& data_folder);

/// A model of the recipe's network with fresh parameters, its preprocessing fitted on `train`.
[[nodiscard]] tasks::Classifier make_model(const Recipe& recipe, const data::Dataset& train);

/// What the model says of a part, and how good that is.
struct Evaluation {
  evaluate::Predictions predictions;
  evaluate::Classification result;
  std::optional<evaluate::Deferral> deferral;        // of a model with confidence
  std::optional<evaluate::DecisionReport> decision;  // of two classes
  evaluate::RunFacts facts;
};
/// `groups`: columns of a table.
[[nodiscard]] Evaluation evaluate_model(tasks::Classifier& model, const data::Dataset& set, const std::string& split,
                                        const std::vector<std::string>& groups = {});

/// The same of probabilities (n, classes), wherever they come from: without what is said of a model.
[[nodiscard]] Evaluation evaluate_answers(std::vector<float> probabilities, const data::Dataset& set,
                                          const std::string& split, const std::vector<std::string>& groups = {},
                                          const std::optional<evaluate::Threshold>& threshold = {});
/// Throws a data error when a part is empty, or has other classes than are known.
void check_examples(const std::vector<std::string>& classes, const data::Dataset& set, const std::string& split);

/// What is fitted on the validation part after training: confidence, recall, then the threshold, and what those of the
/// recipe's groups would be.
void fit_decisions(const Recipe& recipe, tasks::Classifier& model, const data::Splits& parts);

/// For each of `groups`, columns of a table, the threshold of each row's group; NaN where it has none of its own.
[[nodiscard]] std::vector<std::vector<double>> own_thresholds(const evaluate::Threshold& threshold,
                                                              const data::Dataset& set,
                                                              const std::vector<std::string>& groups);

/// report.json, and the same for a terminal.
[[nodiscard]] std::string json_of(const Evaluation& evaluation);
[[nodiscard]] std::string text_of(const Evaluation& evaluation);

/// The layers of a network as the report and `tandem inspect` show them.
[[nodiscard]] std::vector<evaluate::LayerRow> layer_rows(nn::Sequential& net);

/// The figures of an evaluation that a gate may ask for: accuracy, macro.f1, …
[[nodiscard]] std::map<std::string, double> figures_of(const Evaluation& evaluation);
[[nodiscard]] std::vector<std::string> classification_figures();

[[nodiscard]] std::unique_ptr<Job> classification_job(const Recipe& recipe, const fs::path& data_folder);

}  // namespace tandem::train
