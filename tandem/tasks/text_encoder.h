// A vector for each text, from any network that reads texts: texts that mean the same to it point the same way.
#pragma once
#include <tandem/tasks/classifier.h>
#include <tandem/tasks/language_model.h>

#include <string>

namespace tandem::tasks {

struct TextEncoder {
  nn::Sequential net;  // built; gives one vector a text
  TextInput input;
  int64_t width = 0;
  std::string vector;                        // what it is, for people
  std::map<std::string, std::string> notes;  // the model's: recipe, seed, …

  /// What goes into the last layer with numbers, which is what pooling made; where that comes before any pooling, the
  /// mean over the text. Throws a usage error for a network that reads no texts, or has one layer with numbers only.
  [[nodiscard]] static TextEncoder of(const Classifier& model);
  /// The mean over the text of what goes into the layer that scores tokens. A longer text than its context is cut.
  [[nodiscard]] static TextEncoder of(const LanguageModel& model);

  /// (n, width) float32, each of length 1 (zeros stay zeros). A text is read by itself, so its vector has the same
  /// bytes whatever other texts are asked for, and for any number of threads. Throws a data error with its number for
  /// an empty text, and for one whose vector is no finite number.
  [[nodiscard]] Tensor vectors(const data::Texts& texts) const;
  /// Tells this encoder from others: of its tensors and those of its tokenizer.
  [[nodiscard]] std::string fingerprint() const;
};

}  // namespace tandem::tasks
