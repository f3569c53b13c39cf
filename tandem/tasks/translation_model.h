// A network that translates, with its tokenizers; and its file, which is enough to go on translating.
#pragma once
#include <tandem/data/pairs.h>
#include <tandem/data/text/tokenizer.h>
#include <tandem/nn/transformer.h>

#include <map>
#include <string>
#include <vector>

namespace tandem::tasks {

/// What a translation is from and to, and how its texts are read.
struct TranslationReading {
  std::string from, to;                   // languages
  bool shared = false;                    // one tokenizer for both
  data::LengthLimit length{.most = 512};  // tokens of a text with its end, in both languages
  void fields(Fields& f);
};

struct TranslationModel {
  nn::EncoderDecoder net;
  data::Tokenizer source, target;  // copies of one where they are shared
  TranslationReading reading;
  std::map<std::string, std::string> notes;  // recipe, seed, version, …: for people

  /// Tokenizers, fitted on the training part.
  void fit(const data::TokenizerOptions& options, const data::Pairs& train);
  /// Makes parameters, at most `most` numbers. Throws when the decoder does not give a score for each token of the
  /// target's vocabulary, sees later tokens or not the source, or when there are fewer positions than reading.length.
  void build(const Rng& rng, int64_t most = nn::Build{}.most);

  /// One safetensors file: weights and tokenizers; network and notes in its metadata.
  void save(const fs::path& path);
  [[nodiscard]] static TranslationModel load(const fs::path& path);
};

/// Tokens of pairs, each text with its end.
struct TokenPairs {
  std::vector<std::vector<int32_t>> source, target;
  int64_t left_out = 0;  // pairs with a longer text than reading.length.most
  [[nodiscard]] int64_t size() const { return static_cast<int64_t>(source.size()); }
};
[[nodiscard]] TokenPairs encode(const TranslationModel& model, const data::Pairs& pairs);

/// Some pairs, packed for a network that is told the right beginning of each translation.
struct PairBatch {
  Tensor source, target, next;  // ids; the target begins with its start, and next is what comes behind each token
  std::vector<int64_t> source_lengths, target_lengths;
};
[[nodiscard]] PairBatch pack(const TranslationModel& model, const TokenPairs& pairs, std::span<const int64_t> which);

/// How many of the likeliest tokens are those that come next.
[[nodiscard]] int64_t count_right(const Tensor& scores, const Tensor& next);

/// How well a model knows translations: the mean over all tokens and ends of them, each predicted from the source and
/// the tokens before it.
struct PairMeasure {
  double loss = 0;      // nats a token
  double accuracy = 0;  // share of tokens that were thought the likeliest
  int64_t tokens = 0;
};
[[nodiscard]] PairMeasure measure(const TranslationModel& model, const TokenPairs& pairs);

}  // namespace tandem::tasks
