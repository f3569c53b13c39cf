// Where tokens stand in a text, whatever was done to it before it was cut.
#include <tandem/data/text/places.h>

#include "tests/testing.h"

namespace tandem::data {
namespace {

using Ids = std::vector<int32_t>;
using Texts = std::vector<std::string>;

const Texts english{"The film is good, really good.", "the film is not good", "a film that is bad",
                    "bad and dull film"};

TEST(Places, NameTheTokensOfEncode) {
  const std::string text = "The Film isn’t ｇｏｏｄ…  \"ﬁne\" caf\u0065\u0301 — 房间 x\u00ady don't 3.5%\n";
  for (const char* type : {"word", "blank", "character", "unigram", "bpe"})
    for (const bool ngrams : {false, true})
      for (const LengthLimit& limit : {LengthLimit{}, LengthLimit{5, "cut"}, LengthLimit{5, "middle"}}) {
        TokenizerOptions options{.type = type, .vocabulary = 60, .normalise = {.lower = true}};
        if (ngrams) options.ngrams = {.words = 2, .characters = {2, 3}, .min_count = 1};
        const Tokenizer t = Tokenizer::fit(options, Texts{"the film is good", text});
        const std::string asked = "a " + text;
        const Places places = places_of(t, asked, limit);
        Ids ids;
        for (const auto& token : places.tokens) {
          ids.push_back(token.id);
          ASSERT_LE(token.first + token.count, places.pieces.size());
          if (token.id < t.tokens()) {
            EXPECT_EQ(token.count, 1U);
          }
        }
        EXPECT_EQ(ids, t.encode(asked, limit)) << type << ngrams;
        size_t last = 0;
        for (size_t i = 0; i < places.pieces.size(); ++i) {
          const auto [begin, end] = places.pieces[i];
          EXPECT_LE(begin, end);
          EXPECT_GE(begin, last) << "in order";
          last = begin;
          const std::string own = asked.substr(begin, end - begin);
          check_utf8(own, "a piece");
          // What stands there makes the same token, but for parts of a ligature and blanks of subwords.
          const int32_t id = places.tokens[i].id;
          if (id == t.special().unknown || own == "ﬁ" || t.options().type == "unigram" || t.options().type == "bpe")
            continue;
          std::string alone = normalised(own, options.normalise);
          std::erase_if(alone, [](char c) { return c == '\xc2' || c == '\xad'; });  // the soft hyphen
          if (const size_t at = alone.find("’"); at != std::string::npos) alone.replace(at, 3, "'");
          EXPECT_EQ(alone, std::string(type) == "character" || std::string(type) == "blank" ? alone : t.piece(id));
        }
      }
  const Tokenizer words = Tokenizer::fit({.normalise = {.lower = true}}, english);
  const Places film = places_of(words, "bad FILM");
  ASSERT_EQ(film.pieces.size(), 2U);
  EXPECT_EQ(film.pieces[1].begin, 4U);
  EXPECT_EQ(film.pieces[1].end, 8U);
}

TEST(Places, OfWhatASubwordModelDoesNotKnow) {
  const Tokenizer t = Tokenizer::fit({.type = "bpe", .vocabulary = 40}, Texts{"the film is good", "a good film"});
  const std::string text = "good 漢字 film 字";
  const Places places = places_of(t, text);
  Texts unknown;
  for (size_t i = 0; i < places.tokens.size(); ++i)
    if (places.tokens[i].id == t.special().unknown)
      unknown.push_back(text.substr(places.pieces[i].begin, places.pieces[i].end - places.pieces[i].begin));
  EXPECT_EQ(unknown, (Texts{"漢字", "字"}));
}

}  // namespace
}  // namespace tandem::data
