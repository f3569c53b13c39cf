// A translation from a recipe: its pairs, its model, and how good that is on pairs that it has not seen.
#pragma once
#include <tandem/data/pairs.h>
#include <tandem/evaluate/translation.h>
#include <tandem/tasks/translator.h>
#include <tandem/train/job.h>

namespace tandem::train {

/// The pairs of a recipe.
[[nodiscard]] data::PairParts find_pairs(const Recipe& recipe, const fs::path& data_folder);

/// A model of the recipe's network with fresh parameters, its tokenizers fitted on the training part.
[[nodiscard]] tasks::TranslationModel make_translation_model(const Recipe& recipe, const data::Pairs& train);

struct TranslationEvaluation {
  evaluate::TranslationFigures figures;
  evaluate::TranslationSamples samples;
  double seconds = 0;
};
/// Translates all of `pairs`, and compares.
[[nodiscard]] TranslationEvaluation evaluate_translation(const tasks::Translator& translator, const data::Pairs& pairs,
                                                         const tasks::BeamOptions& options);
/// What a report says of a model that is measured here and now.
[[nodiscard]] evaluate::RunFacts translation_facts(tasks::TranslationModel& model, const std::string& source,
                                                   const std::string& split);

[[nodiscard]] std::map<std::string, double> figures_of(const evaluate::TranslationFigures& figures);
[[nodiscard]] std::vector<std::string> translation_figures();

/// The layers of an encoder and a decoder as the report and `tandem inspect` show them.
[[nodiscard]] std::vector<evaluate::LayerRow> layer_rows(nn::EncoderDecoder& net);

[[nodiscard]] std::unique_ptr<Job> translation_job(const Recipe& recipe, const fs::path& data_folder);

}  // namespace tandem::train
