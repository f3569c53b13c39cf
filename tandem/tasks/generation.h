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
  /// Both are kept; `ready` is nn::for_inference of the model's network, which any number of these may share.
  NextToken(const LanguageModel& model, const nn::Sequential& ready, bool cache);
  /// (vocabulary); `text` begins with the text of the last call.
  [[nodiscard]] Tensor scores(std::span<const int32_t> text);

 private:
  const LanguageModel& model_;
  const nn::Sequential& ready_;
  bool cache_;
  nn::Memory memory_;
  size_t first_ = 0, seen_ = 0;  // of the text: where the network's window begins, what is in memory_
};

struct Generated {
  std::string text = {};  // without the prompt
  int64_t tokens = 0;
  int64_t prompt_tokens = 0;
  bool stopped = false;  // at a stop word, or where the model ends the text
  int64_t unknown = 0;   // tokens of the prompt that the model does not know
};

/// A text that is written step by step, for those who do other things between. Unknown and start tokens never come; a
/// tokenizer's text_end ends it. Same bytes for a seed.
class Generation {
 public:
  /// Goes on with `prompt` (empty: a new text, or a new line where a model knows only lines). Model and `ready`, as
  /// NextToken takes it, are kept. Throws a usage error for options that are not possible.
  Generation(const LanguageModel& model, const nn::Sequential& ready, const std::string& prompt,
             GenerationOptions options);
  /// Writes a token; false once the text has ended.
  bool step();
  /// What was written since the last call and cannot change any more; all of it when the text has ended.
  [[nodiscard]] std::string fresh();
  [[nodiscard]] const Generated& so_far() const { return out_; }

 private:
  // Text of tokens, line by line: where the line end is no token of its own, </s> stands for it.
  class Writer {
   public:
    Writer(const data::Tokenizer& tokenizer, std::span<const int32_t> prompt);
    // The text of `token` behind what came before: blanks between words included, parts of a character not.
    std::string add(int32_t token);
    // What stands for a character of which no more parts come.
    std::string finish();

   private:
    // What the line has become since it was asked last.
    std::string more(bool whole);

    const data::Tokenizer& tokenizer_;
    std::vector<int32_t> line_;
    size_t before_ = 0;  // bytes of the line that were told
  };

  GenerationOptions options_;
  std::vector<int32_t> text_, forbidden_;
  int32_t text_end_ = -1;
  Rng rng_;
  NextToken next_;
  Writer writer_;
  Generated out_;
  size_t told_ = 0;  // bytes of out_.text that were given away
  bool ended_ = false;
};

/// All of a text. `show` gets it piece by piece; it may return false to end.
[[nodiscard]] Generated generate(const LanguageModel& model, const std::string& prompt,
                                 const GenerationOptions& options = {},
                                 const std::function<bool(const std::string&)>& show = {});

}  // namespace tandem::tasks
