// Translates texts.
#pragma once
#include <tandem/tasks/beam_search.h>
#include <tandem/tasks/translation_model.h>

#include <span>
#include <string>
#include <vector>

namespace tandem::tasks {

struct Translated {
  std::string text = {};
  double score = 0;    // the logarithm of its probability, penalised by length: the nearer to 0, the surer
  int64_t tokens = 0;  // of the translation
  int64_t source_tokens = 0;
  int64_t unknown = 0;  // tokens of the source that the model does not know
  bool cut = false;     // whether the source had more tokens than the model reads, and its end was left away
};

/// A model ready to translate. Any number of threads may use one.
class Translator {
 public:
  /// Keeps the model, and a copy of its network.
  explicit Translator(TranslationModel model);
  [[nodiscard]] static Translator load(const fs::path& path) { return Translator(TranslationModel::load(path)); }

  /// The likeliest translation of each text as far as a beam search finds it; of not more than three tokens for each of
  /// the source, ten more, and reading.length. Texts are translated side by side, and what becomes of one depends
  /// neither on the others nor on the number of threads. Throws a usage error with its number for a text without a word
  /// or, where reading.length says so, for one that is too long.
  [[nodiscard]] std::vector<Translated> translate(std::span<const std::string> texts,
                                                  const BeamOptions& options = {}) const;
  [[nodiscard]] Translated translate(const std::string& text, const BeamOptions& options = {}) const;

  [[nodiscard]] const TranslationModel& model() const { return model_; }

 private:
  TranslationModel model_;
  nn::EncoderDecoder ready_;
};

}  // namespace tandem::tasks
