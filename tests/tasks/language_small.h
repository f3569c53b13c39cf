// A tiny text and tiny language models for it.
#pragma once
#include <tandem/nn/embedding.h>
#include <tandem/tasks/generation.h>
#include <tandem/tasks/language_modeling.h>
#include <tandem/train/language_model.h>

#include "tests/testing.h"

namespace tandem::testing {

/// Lines that an able model learns in seconds: each letter is followed by the next one.
inline std::string alphabet_text(int lines) {
  std::string out;
  for (int i = 0; i < lines; ++i) {
    for (int j = 0; j < 12; ++j) out += static_cast<char>('a' + (i + j) % 26);
    out += '\n';
  }
  return out;
}

inline tasks::LanguageModel tiny_language_model(const std::string& network, const fs::path& text, bool carry,
                                                int64_t context = 8, uint64_t seed = 1) {
  tasks::LanguageModel model;
  model.net = nn::Sequential::read(Config::parse(network, "network.yaml"));
  model.reading = {.context = context, .carry = carry};
  data::TokenizerOptions options;
  options.type = "character";
  model.tokenizer = train::fit_tokenizer(options, {text});
  model.build(Rng(seed, "weights"));
  return model;
}

inline data::TokenStream stream_of(const tasks::LanguageModel& model, const fs::path& text) {
  return *train::tokens_of({text}, model.tokenizer);
}

inline const char* const tiny_lstm =
    "[embedding: {width: 16, deviation: 0.3}, lstm: {units: 24, layers: 2}, linear: classes]";

inline const char* const tiny_transformer =
    "[embedding: {width: 16, deviation: 0.3}, positions: {most: 8}, "
    "transformer: {layers: 2, heads: 2, causal: true, rotary: true}, tied_head]";

}  // namespace tandem::testing
