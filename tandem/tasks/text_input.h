// How texts become a network's input: a tokenizer fitted on the training part, and what it does with long ones.
#pragma once
#include <tandem/data/dataset.h>
#include <tandem/data/text/texts.h>
#include <tandem/data/text/tokenizer.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tandem::tasks {

struct Batch;

/// `data.text` of a recipe.
struct TextOptions {
  data::TextSource source = {};
  data::TokenizerOptions tokenizer = {.normalise = {.nfkc = true, .lower = true}};
  data::LengthLimit length = {.most = 512};  // in tokens
  std::string vectors{};                     // a file of word2vec or GloVe to begin the embedding with; "": none
  void fields(Fields& f);
};

struct TextInput {
  data::LengthLimit length;
  data::TokenizerOptions options;  // for the model file; what counts is the tokenizer's own
  data::Tokenizer tokenizer;
  void fields(Fields& f);
  void check(const std::string& where) const { (void)where; }
  [[nodiscard]] Shape shape() const { return {}; }
  /// The tokenizer's pieces, "tokenizer.pieces" and so on, for the model file; and the reverse.
  [[nodiscard]] std::vector<std::pair<std::string, Tensor>> tensors() const;
  void restore(const std::vector<std::pair<std::string, Tensor>>& tensors, const std::string& where);
};
[[nodiscard]] bool is_text_tensor(const std::string& name);

[[nodiscard]] TextInput fit_input(const data::Texts& train, const TextOptions& options);

/// Tokens of each text; throws a data error with its number for one that has none.
[[nodiscard]] std::vector<std::vector<int32_t>> encode(const TextInput& input, const data::Texts& texts);

/// One after another: ids (tokens) int32, and how many each text has. Each token is left out with probability
/// `dropout`, drawn from rng.split(index), but never all of a text, and neither its start nor its end.
[[nodiscard]] Batch pack(const TextInput& input, const std::vector<std::vector<int32_t>>& tokens,
                         std::span<const int64_t> indices, double dropout, const Rng& rng);

/// Share of a text's tokens that the training part did not have: 1 says that the network knows nothing of it.
[[nodiscard]] double unknown_share(const TextInput& input, const std::string& text);

}  // namespace tandem::tasks
