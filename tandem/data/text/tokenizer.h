// Text to numbers and back. A tokenizer is fitted on the training part and travels in the model file.
#pragma once
#include <tandem/data/text/subword.h>
#include <tandem/data/text/unicode.h>
#include <tandem/tensor/tensor.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace tandem::data {

/// Pieces that follow one another, as tokens of their own: "not good" beside "not" and "good". Only those that the
/// training part has at least `min_count` times; the most frequent first.
struct NgramOptions {
  int64_t words = 1;                     // up to so many tokens; 1: none
  std::vector<int64_t> characters = {};  // within a token: [3, 5] takes those of 3, 4 and 5 characters; none
  int64_t min_count = 2;
  int64_t most = 200'000;
  void fields(Fields& f);
  [[nodiscard]] bool any() const { return words > 1 || !characters.empty(); }
};

struct TokenizerOptions {
  std::string type = "word";    // word, blank, character, unigram, bpe: see words.h and subword.h
  int64_t vocabulary = 30'000;  // most tokens, the three special ones among them, n-grams apart
  int64_t min_count = 1;        // of a token in the training part; rarer ones are <unk>
  Normalisation normalise = {};
  NgramOptions ngrams = {};
  void fields(Fields& f);
};

/// What is done to a text of more than `most` tokens.
struct LengthLimit {
  int64_t most = 0;           // 0: no limit
  std::string longer = "cut";  // cut its end, cut its middle, or refuse it
  void fields(Fields& f);
};

/// The next text of a source; false at its end.
using NextText = std::function<bool(std::string& text)>;

/// Ids are <unk>, <s>, </s>, tokens by falling frequency, then n-grams. A value; its parts never change once fitted, so
/// any number of threads may use it.
class Tokenizer {
 public:
  static constexpr int32_t unknown = 0, start = 1, end = 2;

  Tokenizer() = default;  // knows nothing
  /// Counts what the texts hold, or trains a subword model on them (which keeps them in memory). The same texts give
  /// the same tokenizer. Throws a data error when there is no token in them.
  [[nodiscard]] static Tokenizer fit(const TokenizerOptions& options, const NextText& texts);
  [[nodiscard]] static Tokenizer fit(const TokenizerOptions& options, std::span<const std::string> texts);

  /// Tokens of UTF-8 text, those not known as `unknown`; then the n-grams that are known. Neither start nor end.
  [[nodiscard]] std::vector<int32_t> encode(std::string_view text, const LengthLimit& limit = {}) const;
  /// Text of tokens, to be read. Start, end and n-grams give nothing; throws a usage error for an id that is none.
  [[nodiscard]] std::string decode(std::span<const int32_t> ids) const;

  [[nodiscard]] int64_t size() const { return static_cast<int64_t>(pieces_.size()); }
  [[nodiscard]] int64_t tokens() const { return tokens_; }  // without n-grams
  [[nodiscard]] const std::string& piece(int32_t id) const { return pieces_.at(static_cast<size_t>(id)); }
  [[nodiscard]] std::optional<int32_t> find(const std::string& piece) const;
  /// What stands between two lines of a running text: the line end itself where it is a token, else </s>.
  [[nodiscard]] int32_t line_end() const { return find("\n").value_or(end); }
  [[nodiscard]] const TokenizerOptions& options() const { return options_; }

  /// What a model file keeps beside options(): the pieces, and the subword model where there is one, as bytes.
  [[nodiscard]] std::vector<std::pair<std::string, Tensor>> tensors() const;
  /// The reverse; `find` gives a tensor of tensors() by its name, or none. Throws a data error naming `where`.
  [[nodiscard]] static Tokenizer restore(const TokenizerOptions& options,
                                         const std::function<Tensor(const std::string&)>& find,
                                         const std::string& where);

 private:
  [[nodiscard]] std::vector<std::string> split(const std::string& text) const;
  void index();

  TokenizerOptions options_;
  std::vector<std::string> pieces_;  // by id
  std::unordered_map<std::string, int32_t> ids_;
  int64_t tokens_ = 0;
  std::optional<Subword> subword_;
};

}  // namespace tandem::data
