// Unicode: what is refused, and what texts are brought to.
#include <tandem/data/text/unicode.h>

#include "tests/testing.h"

namespace tandem::data {
namespace {

using tandem::testing::expect_error;

TEST(Unicode, ABadByteIsNamedWithLineAndColumn) {
  check_utf8("gut, schön, 好, \xf0\x9f\x98\x80", "a.txt");
  expect_error(ErrorKind::data, {"a.txt:1:1: byte 0x85 is no UTF-8", "encoding: windows-1252"},
               [] { check_utf8("\x85", "a.txt"); });
  expect_error(ErrorKind::data, {"a.txt:2:4: byte 0xff"}, [] { check_utf8("ab\n好 é\xff", "a.txt"); });
  expect_error(ErrorKind::data, {"a.txt:7:3:"}, [] { check_utf8("好b\xe5\xa5", "a.txt", 7); });  // cut short
}

TEST(Unicode, BrokenBytesAreRepaired) {
  EXPECT_EQ(repaired_utf8("gut, schön, 好, \xf0\x9f\x98\x80"), "gut, schön, 好, 😀");
  // As in the Unicode standard, table 3-8: one for each longest beginning.
  EXPECT_EQ(repaired_utf8("a\xf1\x80\x80\xe1\x80\xc2"
                          "b\x80"
                          "c\x80\xbf"
                          "d"),
            "a\ufffd\ufffd\ufffdb\ufffdc\ufffd\ufffdd");
  EXPECT_EQ(repaired_utf8("\xc0\xaf\xed\xa0\x80\xf4\x91\xff"), "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd");
  EXPECT_EQ(repaired_utf8("好\xe5\xa5"), "好\ufffd");
  EXPECT_EQ(repaired_utf8("好\xe5\xa5", true), "好") << "its last byte may come";
  EXPECT_EQ(repaired_utf8("\xe5x", true), "\ufffdx");
  EXPECT_EQ(repaired_utf8("a\xff", true), "a\ufffd") << "nothing begins so";
}

TEST(Unicode, CategoriesAndParts) {
  EXPECT_EQ(category_of(U'a'), "Ll");
  EXPECT_EQ(category_of(U'好'), "Lo");
  EXPECT_EQ(category_of(U'½'), "No");
  EXPECT_EQ(category_of(0x301), "Mn");
  EXPECT_EQ(lower_case(U'É'), U'é');
  EXPECT_EQ(decomposed(U'é'), (std::u32string{U'e', 0x301}));
  EXPECT_EQ(decomposed(U'ﬁ'), (std::u32string{U'ﬁ'})) << "what only looks alike stays";
}

TEST(Unicode, Windows1252) {
  EXPECT_EQ(from_windows_1252("caf\xe9 \x85 \x93x\x94 \x80"), "café … “x” €");
  EXPECT_EQ(from_windows_1252("\x81"), "\xef\xbf\xbd");
  EXPECT_EQ(from_windows_1252("plain"), "plain");
}

TEST(Unicode, NormalForms) {
  const std::string text = "ﬁne ＡＢＣ e\xcc\x81 ½ ÀÉ";
  EXPECT_EQ(normalised(text, {}),
            "fine ABC é 1\xe2\x81\x84"
            "2 ÀÉ");
  EXPECT_EQ(normalised(text, {.nfkc = true, .lower = true}),
            "fine abc é 1\xe2\x81\x84"
            "2 àé");
  EXPECT_EQ(normalised(text, {.nfkc = false, .lower = false}), text);
  EXPECT_EQ(normalised("ÄÖ ABC", {.nfkc = false, .lower = true}), "äö abc");
  EXPECT_EQ(normalised("Plain ASCII", {.nfkc = true, .lower = true}), "plain ascii");
  EXPECT_EQ(normalised(std::string_view("a\0b\x1f\tc\n", 7), {}), "a b \tc\n");
  EXPECT_EQ(normalised(std::string_view("é\0b", 4), {}), "é b");
}

TEST(Unicode, CharactersAreCountedAndWalked) {
  const std::string text = "a好é\xf0\x9f\x98\x80";
  EXPECT_EQ(characters(text), 4);
  size_t at = 0;
  std::string again;
  while (at < text.size()) append_character(again, next_character(text, at));
  EXPECT_EQ(again, text);
}

TEST(Unicode, KindsOfCharacters) {
  using enum CharacterKind;
  for (const auto& [characters, kind] :
       std::vector<std::pair<std::u32string, CharacterKind>>{{U"aZäЖعא가\u0301\u0940", letter},
                                                             {U"07٣½", digit},
                                                             {U"好字々〇かカกມ", single},
                                                             {U".,!?'\"-_+$€、。（\U0001F600", symbol},
                                                             {U" \t\n\u00a0\u3000\u0007\u2028", blank},
                                                             {U"\u00ad\u200d\ufeff", ignored}})
    for (const char32_t c : characters) EXPECT_EQ(kind_of(c), kind) << std::hex << static_cast<uint32_t>(c);
}

}  // namespace
}  // namespace tandem::data
