// How texts are cut into words, and put together again.
#include <tandem/data/text/words.h>

#include "tests/testing.h"

namespace tandem::data {
namespace {

using Words = std::vector<std::string>;

TEST(Words, English) {
  EXPECT_EQ(split_words("It's good, isn't it? They'll can't!"),
            (Words{"It", "'s", "good", ",", "is", "n't", "it", "?", "They", "'ll", "ca", "n't", "!"}));
  EXPECT_EQ(split_words("the 21st costs 1,234.50 . 3.5, 4.x"),
            (Words{"the", "21st", "costs", "1,234.50", ".", "3.5", ",", "4", ".", "x"}));
  EXPECT_EQ(split_words("'so it 's' said don\u2019t... !!!--"),
            (Words{"'", "so", "it", "'s", "'", "said", "do", "n't", "...", "!!!", "--"}));
  EXPECT_EQ(split_words("o'clock rock'n'roll N'T"), (Words{"o", "'", "clock", "rock", "'", "n", "'", "roll", "N", "'", "T"}));
  EXPECT_EQ(split_words("co\u00adoperate"), Words{"cooperate"});
  EXPECT_EQ(split_words("mail@x.org 50%"), (Words{"mail", "@", "x", ".", "org", "50", "%"}));
}

TEST(Words, OtherScripts) {
  EXPECT_EQ(split_words("房间很好，iPhone12也好！"),
            (Words{"房", "间", "很", "好", "，", "iPhone12", "也", "好", "！"}));
  EXPECT_EQ(split_words("Жизнь прекрасна"), (Words{"Жизнь", "прекрасна"}));
  EXPECT_EQ(split_words("안녕 세상"), (Words{"안녕", "세상"}));
  EXPECT_EQ(split_words("हिन्दी भाषा"), (Words{"हिन्दी", "भाषा"}));
  EXPECT_EQ(split_words("か\u3099き"), (Words{"か\u3099", "き"})) << "a mark stays on its character";
  EXPECT_EQ(split_words(""), Words{});
  EXPECT_EQ(split_words(" \n\t "), Words{});
}

TEST(Words, AreReadAgain) {
  for (const char* text : {"it's good", "I don't know", "房间很好", "one two"})
    EXPECT_EQ(join_words(split_words(text)), text);
  EXPECT_EQ(join_words(Words{"用", "iPhone", "很", "好", "."}), "用 iPhone 很好 .");
}

TEST(Words, BlanksAndCharacters) {
  EXPECT_EQ(split_blanks("  <unk> a.b\u00a0c\n"), (Words{"<unk>", "a.b", "c"}));
  EXPECT_EQ(split_characters("a 好\n"), (Words{"a", " ", "好", "\n"}));
}

}  // namespace
}  // namespace tandem::data
