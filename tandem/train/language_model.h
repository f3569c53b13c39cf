// A language model from a recipe: its text, its tokenizer, and how well it knows what it has not read.
#pragma once
#include <tandem/data/corpus.h>
#include <tandem/evaluate/language.h>
#include <tandem/tasks/generation.h>
#include <tandem/train/job.h>

namespace tandem::train {

/// The text of a recipe.
[[nodiscard]] data::Corpus find_text(const Recipe& recipe, const fs::path& data_folder);
/// The recipe's tokenizer, fitted on the training part.
[[nodiscard]] data::Tokenizer fit_tokenizer(const data::TokenizerOptions& options, const data::TextPart& part);
/// A part as tokens; none when it is empty.
[[nodiscard]] std::optional<data::TokenStream> tokens_of(const data::TextPart& part, const data::Tokenizer& tokenizer);

struct LanguageEvaluation {
  evaluate::LanguageFigures figures;
  evaluate::RunFacts facts;
};
[[nodiscard]] LanguageEvaluation evaluate_language(tasks::LanguageModel& model, const data::TokenStream& text,
                                                   const std::string& source, const std::string& split);
[[nodiscard]] std::map<std::string, double> figures_of(const evaluate::LanguageFigures& figures);
[[nodiscard]] std::vector<std::string> language_figures();

[[nodiscard]] std::unique_ptr<Job> language_job(const Recipe& recipe, const fs::path& data_folder);

}  // namespace tandem::train
