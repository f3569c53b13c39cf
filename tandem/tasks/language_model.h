// A network that says which token comes next, with its tokenizer; and its file, which is enough to go on writing.
#pragma once
#include <tandem/data/text/stream.h>
#include <tandem/nn/sequential.h>

#include <map>
#include <string>
#include <vector>

namespace tandem::tasks {

/// How a running text is read.
struct ReadingOptions {
  int64_t context = 256;  // tokens at a time
  bool carry = false;     // recurrent networks: what they remember goes on from one piece of text to the next
  void fields(Fields& f);
};

struct LanguageModel {
  nn::Sequential net;
  data::Tokenizer tokenizer;
  ReadingOptions reading;
  std::map<std::string, std::string> notes;  // recipe, seed, version, …: for people

  /// Makes parameters, at most `most` numbers. Throws when the network does not take token ids or does not give a score
  /// for each token of the vocabulary.
  void build(const Rng& rng, int64_t most = nn::Build{}.most);
  [[nodiscard]] int64_t vocabulary() const { return tokenizer.tokens(); }

  /// One safetensors file: weights and tokenizer; network and notes in its metadata.
  void save(const fs::path& path);
  [[nodiscard]] static LanguageModel load(const fs::path& path);
};

/// Tokens of text that may have several lines, as TokenStream has them.
[[nodiscard]] std::vector<int32_t> encode_lines(const data::Tokenizer& tokenizer, const std::string& text);

/// How well a model knows a text: the mean over all its tokens but the first, each predicted from those before it. A
/// model without carry sees at most `context` of them, in pieces that do not overlap; one with carry reads the text in
/// 16 streams side by side.
struct TextMeasure {
  double loss = 0;      // nats a token
  double accuracy = 0;  // share of tokens that were thought the likeliest
  int64_t tokens = 0;
};
[[nodiscard]] TextMeasure measure(const LanguageModel& model, const data::TokenStream& text);

}  // namespace tandem::tasks
