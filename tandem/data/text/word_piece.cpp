#include <tandem/data/text/unicode.h>
#include <tandem/data/text/word_piece.h>

#include <algorithm>

namespace tandem::data {
namespace {

constexpr int64_t longest_word = 100;  // characters

bool is_han(char32_t c) {
  struct Block {
    char32_t first, last;
  };
  static constexpr Block blocks[]{{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},   {0x20000, 0x2a6df},
                                  {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f}};
  return std::ranges::any_of(blocks, [c](const Block& b) { return c >= b.first && c <= b.last; });
}

/// Of ASCII all that is neither letter, digit nor blank, "$" and "^" among them.
bool is_symbol(char32_t c) {
  if (c < 0x80) return c > ' ' && c < 0x7f && category_of(c).front() != 'L' && category_of(c).front() != 'N';
  return category_of(c).front() == 'P';
}

bool is_dropped(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  const std::string_view category = category_of(c);
  return c == 0xfffd || category == "Cc" || category == "Cf" || category == "Co";
}

std::u32string parts_of(char32_t c, const WordPieceOptions& options) {
  constexpr char32_t capital_i_with_dot = 0x130;  // the one small form of two characters
  std::u32string parts{c};
  if (!options.accents) {
    parts = decomposed(c);
    std::erase_if(parts, [](char32_t part) { return category_of(part) == "Mn"; });
  } else if (options.lower && c == capital_i_with_dot) {
    parts = {U'i', 0x307};
  }
  if (options.lower) std::ranges::transform(parts, parts.begin(), lower_case);
  return parts;
}

}  // namespace

void WordPieceOptions::fields(Fields& f) {
  f("lower", lower);
  f("accents", accents);
}

std::vector<BertWord> split_as_bert(std::string_view text, const WordPieceOptions& options) {
  std::vector<BertWord> out;
  bool open = false;  // the last word may go on
  const auto add = [&](char32_t c, size_t begin, size_t end) {
    if (!open) out.emplace_back();
    BertWord& word = out.back();
    if (!word.from.empty()) word.from.pop_back();
    append_character(word.text, c);
    word.from.resize(word.text.size(), begin);
    word.from.push_back(end);
    open = true;
  };
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_character(text, at);
    if (is_dropped(c)) continue;
    if (is_space(c)) {
      open = false;
      continue;
    }
    const bool alone = is_han(c);
    open = open && !alone;
    for (const char32_t part : parts_of(c, options)) {
      const bool symbol = is_symbol(part);
      open = open && !symbol;
      add(part, begin, at);
      open = !symbol;
    }
    open = open && !alone;
  }
  return out;
}

std::vector<WordPart> word_pieces(const std::string& word,
                                  const std::function<std::optional<int32_t>(const std::string&)>& find,
                                  int32_t unknown) {
  const std::vector<WordPart> none{{unknown, 0, word.size()}};
  if (characters(word) > longest_word) return none;
  std::vector<WordPart> out;
  for (size_t begin = 0; begin < word.size();) {
    size_t end = word.size();
    std::optional<int32_t> id;
    for (; end > begin; --end) {
      if (end < word.size() && (static_cast<unsigned char>(word[end]) & 0xc0U) == 0x80U) continue;
      id = find((begin > 0 ? "##" : "") + word.substr(begin, end - begin));
      if (id) break;
    }
    if (!id) return none;
    out.push_back({*id, begin, end});
    begin = end;
  }
  return out;
}

}  // namespace tandem::data
