// A language model goes on with a text, token by token.
#pragma once
#include <tandem/nn/memory.h>
#include <tandem/tasks/language_model.h>

#include <functional>
#include <optional>
#include <span>

namespace tandem::tasks {

struct GenerationOptions {
  int64_t tokens = 200;                // at most so many new ones
  double temperature = 1;              // scores are divided by it; 0: always the likeliest token
  int64_t top_k = 0;                   // only the k likeliest; 0: all
  double top_p = 1;                    // only the likeliest that have this share together (Holtzman et al. 2020)
  double repetition_penalty = 1;       // of tokens in the text: positive scores are divided by it, others multiplied
                                       // (Keskar et al. 2019)
  std::vector<std::string> stop = {};  // the text ends before the first of these
  uint64_t seed = 1;
  bool cache = true;  // false: the whole text goes through the network for each token, which gives the same one
  void fields(Fields& f);
};

/// A token by its scores (one a token of the vocabulary), given the text so far. `forbidden` tokens never come. Throws
/// a numeric error when no score is finite.
[[nodiscard]] int32_t choose_token(std::span<const float> scores, std::span<const int32_t> text,
                                   std::span<const int32_t> forbidden, const GenerationOptions& options, Rng& rng);

/// The scores of the token behind a text that grows. A network without carry sees at most `context` tokens: when they
/// are full, the older half is forgotten, with a cache or without.
class NextToken {
 public:
  /// The model is kept; `ready` is nn::for_inference of its network.
  NextToken(const LanguageModel& model, bool cache);
  /// (vocabulary); `text` begins with the text of the last call.
  [[nodiscard]] Tensor scores(std::span<const int32_t> text);

 private:
  const LanguageModel& model_;
  nn::Sequential ready_;
  bool cache_;
  nn::Memory memory_;
  size_t first_ = 0, seen_ = 0;  // of the text: where the network's window begins, what is in memory_
};

struct Generated {
  std::string text;  // without the prompt
  int64_t tokens = 0;
  bool stopped = false;  // at a stop word
  int64_t unknown = 0;   // tokens of the prompt that the model does not know
};

/// Goes on with `prompt` (empty: a new line). `show` gets the text piece by piece as soon as it cannot change; it may
/// return false to end. Unknown and start tokens never come. Same bytes for a seed. Throws a usage error for options
/// that are not possible.
[[nodiscard]] Generated generate(const LanguageModel& model, const std::string& prompt,
                                 const GenerationOptions& options = {},
                                 const std::function<bool(const std::string&)>& show = {});

}  // namespace tandem::tasks
