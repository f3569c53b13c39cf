// A network that another program trained, in a folder as the Hugging Face hub has them: config.json, model.safetensors
// and the tokenizer's files.
#pragma once
#include <tandem/tasks/classifier.h>
#include <tandem/tasks/language_model.h>

namespace tandem::adapt {

/// GPT-2 becomes a language model; BERT a classifier of texts, where it was trained as one, else an encoder.
struct Checkpoint {
  std::string where;
  std::string task;    // language_model, text_classification, or text_encoder: a vector for each text and no answer
  nn::Sequential net;  // built, with the folder's numbers
  data::Tokenizer tokenizer;
  int64_t context = 0;                // tokens that there are positions for
  std::vector<std::string> classes;   // of a classifier
  std::vector<std::string> left_out;  // tensors of other heads, which have no place in the network

  /// Whether the folder is one.
  [[nodiscard]] static bool is_at(const fs::path& folder);
  /// Throws a file error for a missing file; a data error, naming what was expected and what is there, when a file is
  /// damaged, when the network is of another kind, when a tensor is missing, unknown or of another shape, and when the
  /// tokenizer does not fit the embedding.
  [[nodiscard]] static Checkpoint load(const fs::path& folder);
  /// As models of this program, to be used and saved. Throw a usage error for another task.
  [[nodiscard]] tasks::LanguageModel language_model() const;
  [[nodiscard]] tasks::Classifier classifier() const;
};

}  // namespace tandem::adapt
