// Texts cut into the pieces that become tokens: words, what stands between blanks, or characters.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::data {

/// Words of normalised text, for any script:
/// - letters and digits that follow one another are a word ("21st"), with points and commas between digits ("3.5");
/// - an apostrophe cuts an English word where grammar does: "it's" is it 's, "don't" is do n't;
/// - characters of scripts written without blanks (Han, kana, Thai …) stand alone, with the marks on them;
/// - a symbol is a word, and so is a run of the same one ("!!!"); blanks separate.
[[nodiscard]] std::vector<std::string> split_words(std::string_view text);
/// Words put together to be read: blanks between them, except where split_words needs none ("it" "'s", Han).
[[nodiscard]] std::string join_words(std::span<const std::string> words);

/// What stands between blanks, for text that was cut before.
[[nodiscard]] std::vector<std::string> split_blanks(std::string_view text);

/// Every character, blanks and line ends too.
[[nodiscard]] std::vector<std::string> split_characters(std::string_view text);

}  // namespace tandem::data
