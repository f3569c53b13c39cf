// How good translations are, as people and programs read it.
#pragma once
#include <tandem/evaluate/bleu.h>
#include <tandem/evaluate/page.h>

#include <optional>
#include <string>
#include <vector>

namespace tandem::evaluate {

struct TranslationFigures {
  int64_t pairs = 0;
  int64_t tokens = 0;    // of the references, ends counted
  double loss = 0;       // nats a token, each predicted from the source and the right ones before it
  double accuracy = 0;   // share of tokens that were thought the likeliest
  Bleu bleu = {};        // of the texts as they are written
  Bleu bleu_lower = {};  // capitals counting as small letters
  double unknown = 0;    // share of the sources' tokens that the model does not know
  int64_t source_vocabulary = 0, target_vocabulary = 0;
  int64_t beam = 0;
  double length_penalty = 0;
};

struct TranslationSample {
  std::string source = {}, reference = {}, translation = {};
  double bleu = 0;  // of this one text, capitals counting as small letters
};

/// Some of all: those with the lowest BLEU, with the highest, and some at equal distances, each in their own order.
struct TranslationSamples {
  std::vector<TranslationSample> worst = {}, best = {}, others = {};
};
[[nodiscard]] TranslationSamples choose_samples(std::vector<TranslationSample> all);

struct TranslationReport {
  RunFacts facts = {};
  TranslationFigures figures = {};
  std::optional<TranslationFigures> validation = {};  // where the figures are of a test part
  TranslationSamples samples = {};
};

/// report.json: task, data, split, examples (pairs), tokens, loss, accuracy, bleu, bleu_lower, bleu_details,
/// validation, samples, seconds, parameters, seed, version and more.
[[nodiscard]] std::string report_json(const TranslationReport& report);
[[nodiscard]] std::string text_table(const TranslationReport& report);

/// report.html of a translation: figures, curves, samples, network and recipe.
struct TranslationPage {
  TranslationReport report = {};
  std::vector<EpochPoint> history = {};
  int64_t kept_epoch = 0;
  std::string recipe = {};  // YAML
  std::vector<LayerRow> network = {};
};
[[nodiscard]] std::string report_page(const TranslationPage& page);

}  // namespace tandem::evaluate
