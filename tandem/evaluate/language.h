// How well a language model knows a text, as people and programs read it.
#pragma once
#include <tandem/evaluate/page.h>

#include <string>
#include <vector>

namespace tandem::evaluate {

struct Sample {
  std::string prompt = {}, text = {};
};

struct LanguageFigures {
  int64_t tokens = 0;   // predicted
  double loss = 0;      // nats a token
  double accuracy = 0;  // share of tokens that were thought the likeliest
  double unknown = 0;   // share of tokens that the vocabulary lacks
  int64_t vocabulary = 0;
  int64_t context = 0;  // tokens at a time
  bool carry = false;   // and what is remembered of all before them
  [[nodiscard]] double perplexity() const;
};

/// report.json: task, data, split, examples (tokens), loss, perplexity, accuracy, unknown, vocabulary, context,
/// samples, seconds, parameters, seed, version and more.
[[nodiscard]] std::string report_json(const RunFacts& facts, const LanguageFigures& figures,
                                      const std::vector<Sample>& samples);
[[nodiscard]] std::string text_table(const LanguageFigures& figures);

/// report.html of a language model: figures, curves, samples, network and recipe.
struct LanguagePage {
  RunFacts facts = {};
  LanguageFigures figures = {};
  std::vector<Sample> samples = {};
  std::vector<EpochPoint> history = {};
  int64_t kept_epoch = 0;
  std::string recipe = {};  // YAML
  std::vector<LayerRow> network = {};
};
[[nodiscard]] std::string report_page(const LanguagePage& page);

}  // namespace tandem::evaluate
