// Text to numbers and back. A tokenizer is fitted on the training part, or comes with a network that has learned
// before, and travels in the model file.
#pragma once
#include <tandem/data/text/byte_pairs.h>
#include <tandem/data/text/subword.h>
#include <tandem/data/text/unicode.h>
#include <tandem/data/text/word_piece.h>
#include <tandem/tensor/tensor.h>

#include <functional>
#include <memory>
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
  std::string type = "word";    // word, blank, character, unigram, bpe: see words.h and subword.h; byte_bpe, wordpiece
  int64_t vocabulary = 30'000;  // most tokens, the three special ones among them, n-grams apart
  int64_t min_count = 1;        // of a token in the training part; rarer ones are <unk>
  Normalisation normalise = {};
  NgramOptions ngrams = {};
  std::optional<WordPieceOptions> wordpiece = {};  // of type wordpiece alone, which takes no other normalisation
  void fields(Fields& f);
};

/// Tokens that are no piece of a text; -1: there is none such.
struct SpecialTokens {
  int32_t unknown = 0;
  int32_t start = 1, end = 2;  // of a line; wordpiece puts them around each text
  int32_t text_end = -1;       // what was learned behind each whole text, so that a text ends with it: byte_bpe
  friend bool operator==(const SpecialTokens&, const SpecialTokens&) = default;
};

/// What was made by another program: all that a tokenizer of type byte_bpe or wordpiece is.
struct Vocabulary {
  std::vector<std::string> pieces;  // by id; of byte_bpe the bytes themselves
  std::vector<int32_t> merges;      // of byte_bpe: see BytePairs
  std::vector<int32_t> literal;     // pieces that are found in a text as they are spelled, before it is cut
  SpecialTokens special{-1, -1, -1, -1};
};

/// What is done to a text of more than `most` tokens.
struct LengthLimit {
  int64_t most = 0;            // 0: no limit
  std::string longer = "cut";  // cut its end, cut its middle, or refuse it
  void fields(Fields& f);
};

/// The next text of a source; false at its end.
using NextText = std::function<bool(std::string& text)>;

/// Ids of one that is fitted here are <unk>, <s>, </s>, tokens by falling frequency, then n-grams. A value; its parts
/// never change once fitted, so any number of threads may use it.
class Tokenizer {
 public:
  Tokenizer() = default;  // knows nothing
  /// Counts what the texts hold, or trains a subword model on them (which keeps them in memory). The same texts give
  /// the same tokenizer. Throws a data error when there is no token in them.
  [[nodiscard]] static Tokenizer fit(const TokenizerOptions& options, const NextText& texts);
  [[nodiscard]] static Tokenizer fit(const TokenizerOptions& options, std::span<const std::string> texts);
  /// Of type byte_bpe or wordpiece. Throws a data error naming `where` when the vocabulary is not whole.
  [[nodiscard]] static Tokenizer of(TokenizerOptions options, Vocabulary vocabulary, const std::string& where);

  /// Tokens of UTF-8 text, those not known as special().unknown; then the n-grams that are known. Start and end stand
  /// around those of wordpiece alone, and count for the limit.
  [[nodiscard]] std::vector<int32_t> encode(std::string_view text, const LengthLimit& limit = {}) const;
  /// Text of tokens, to be read. Start, end and n-grams give nothing; throws a usage error for an id that is none. With
  /// `more`, a character that is not whole yet is left away: its other bytes may be the next tokens.
  [[nodiscard]] std::string decode(std::span<const int32_t> ids, bool more = false) const;
  /// encode() with the bytes of the text that each token stands for. Only of byte_bpe, whose pieces may be parts of a
  /// character, and wordpiece; for others see places.h.
  struct Placed {
    int32_t id = 0;
    size_t begin = 0, end = 0;
  };
  [[nodiscard]] std::vector<Placed> placed(std::string_view text, const LengthLimit& limit = {}) const;
  [[nodiscard]] bool made_elsewhere() const { return made_elsewhere(options_); }

  [[nodiscard]] int64_t size() const { return static_cast<int64_t>(pieces_.size()); }
  [[nodiscard]] int64_t tokens() const { return tokens_; }  // without n-grams
  [[nodiscard]] const std::string& piece(int32_t id) const { return pieces_.at(static_cast<size_t>(id)); }
  [[nodiscard]] std::optional<int32_t> find(const std::string& piece) const;
  [[nodiscard]] const SpecialTokens& special() const { return special_; }
  /// What stands between two lines of a running text: the line end itself where it is a token, else </s>.
  [[nodiscard]] int32_t line_end() const { return find("\n").value_or(special_.end); }
  [[nodiscard]] const TokenizerOptions& options() const { return options_; }

  /// What a model file keeps beside options(): the pieces, and the subword model where there is one, as bytes.
  [[nodiscard]] std::vector<std::pair<std::string, Tensor>> tensors() const;
  /// The reverse; `find` gives a tensor of tensors() by its name, or none. Throws a data error naming `where`.
  [[nodiscard]] static Tokenizer restore(const TokenizerOptions& options,
                                         const std::function<Tensor(const std::string&)>& find,
                                         const std::string& where);

 private:
  [[nodiscard]] static bool made_elsewhere(const TokenizerOptions& options);
  [[nodiscard]] std::vector<std::string> split(const std::string& text) const;
  void index();

  TokenizerOptions options_;
  std::vector<std::string> pieces_;  // by id
  std::unordered_map<std::string, int32_t> ids_;
  int64_t tokens_ = 0;
  SpecialTokens special_;
  std::optional<Subword> subword_;
  std::vector<int32_t> merges_, literal_;        // as in Vocabulary
  std::shared_ptr<const BytePairs> byte_pairs_;  // of the merges
};

}  // namespace tandem::data
