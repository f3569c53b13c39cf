// Unicode text: its check, its normal form, and what kind of character each one is. utf8proc lives only behind this.
#pragma once
#include <tandem/base/config.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace tandem::data {

/// Throws a data error "where:line:column: byte 0x85 is no UTF-8 …" at the first bad byte. Lines count from `line`,
/// columns, in characters, from 1.
void check_utf8(std::string_view text, const std::string& where, int64_t line = 1);

/// Text in Windows-1252 (the common single-byte encoding of western Europe) as UTF-8. Its five unused bytes become
/// U+FFFD, which stands for a character that was lost.
[[nodiscard]] std::string from_windows_1252(std::string_view bytes);

/// What is done to a text before it is cut into tokens.
struct Normalisation {
  bool nfkc = true;    // one form for characters that look and mean the same: full-width letters, ligatures, accents
  bool lower = false;  // no capitals
  void fields(Fields& f);
};

/// Takes UTF-8, gives UTF-8. Control characters other than tabs and line ends become blanks.
[[nodiscard]] std::string normalised(std::string_view text, const Normalisation& how);

/// The character that begins at byte `at` of UTF-8 text; `at` moves behind it.
[[nodiscard]] char32_t next_character(std::string_view text, size_t& at);
void append_character(std::string& text, char32_t character);
/// How many characters UTF-8 text has.
[[nodiscard]] int64_t characters(std::string_view text);

/// Bytes to be read as UTF-8: each longest beginning of a character that does not go on becomes U+FFFD, as the Unicode
/// standard advises (3.9). With `more`, a beginning at the very end is left away, since its rest may come.
[[nodiscard]] std::string repaired_utf8(std::string_view bytes, bool more = false);

/// The general category in Unicode's two letters: "Lu", "Nd", "Mn", …
[[nodiscard]] std::string_view category_of(char32_t character);
[[nodiscard]] char32_t lower_case(char32_t character);
/// What the character is made of: a letter and its accents (normal form D).
[[nodiscard]] std::u32string decomposed(char32_t character);

/// Whether str.split() of Python cuts there: White_Space of Unicode, and the separators U+001C to U+001F.
[[nodiscard]] bool is_space(char32_t character);

enum class CharacterKind {
  blank,   // spaces, line ends, control characters
  letter,  // with the accents and vowel signs that belong to it
  digit,
  single,   // of a script that is written without blanks between words: Han, kana, Thai, Lao, Khmer, Burmese
  symbol,   // punctuation and all else
  ignored,  // invisible: soft hyphens, joiners, direction marks
};
[[nodiscard]] CharacterKind kind_of(char32_t character);

}  // namespace tandem::data
