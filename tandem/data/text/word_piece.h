// WordPiece with the words of BERT (Devlin et al. 2019). What a character is (a mark, a symbol) says today's Unicode;
// programs with tables of Unicode 8 know some five hundred later marks and symbols of rare scripts as letters.
#pragma once
#include <tandem/base/config.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::data {

struct WordPieceOptions {
  bool lower = true;
  bool accents = false;  // false: letters without their accents
  void fields(Fields& f);
};

/// A word, and where each of its bytes comes from in the text; with the end behind.
struct BertWord {
  std::string text;
  std::vector<size_t> from;
};

/// Words between blanks, each symbol and each Han character by itself. Control characters go.
[[nodiscard]] std::vector<BertWord> split_as_bert(std::string_view text, const WordPieceOptions& options);

/// A piece of a word: its token, and its bytes in the word.
struct WordPart {
  int32_t id = 0;
  size_t begin = 0, end = 0;
};
/// The longest known beginning, then the longest of what is left, spelled "##…"; a word that cannot be cut so, or has
/// more than 100 characters, is `unknown` as a whole.
[[nodiscard]] std::vector<WordPart> word_pieces(const std::string& word,
                                                const std::function<std::optional<int32_t>(const std::string&)>& find,
                                                int32_t unknown);

}  // namespace tandem::data
