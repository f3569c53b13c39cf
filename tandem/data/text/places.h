// Where in a text its tokens stand, for who wants to point at them.
#pragma once
#include <tandem/data/text/tokenizer.h>

namespace tandem::data {

struct Places {
  struct Piece {
    size_t begin = 0, end = 0;  // bytes of the text
  };
  struct Token {
    int32_t id = 0;
    size_t first = 0, count = 1;  // the pieces it is made of: more than one for an n-gram of words
  };
  std::vector<Piece> pieces;  // words, characters or subwords, in order; empty for one that stands for a blank alone
  std::vector<Token> tokens;  // as Tokenizer::encode gives them
};

[[nodiscard]] Places places_of(const Tokenizer& tokenizer, std::string_view text, const LengthLimit& limit = {});

}  // namespace tandem::data
