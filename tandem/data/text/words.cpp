#include <tandem/data/text/unicode.h>
#include <tandem/data/text/words.h>

namespace tandem::data {
namespace {

bool is_apostrophe(char32_t c) { return c == '\'' || c == 0x2019; }

/// The rest of an English word that begins at an apostrophe and ends the word, as in it's, they're, I'll.
constexpr std::string_view endings[]{"s", "re", "ll", "ve", "d", "m", "t"};

bool same_letters(std::string_view a, std::string_view lower) {
  if (a.size() != lower.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if ((static_cast<unsigned char>(a[i]) | 0x20U) != static_cast<unsigned char>(lower[i])) return false;
  return true;
}

class WordSplitter {
 public:
  explicit WordSplitter(std::string_view text) : text_(text) {}

  std::vector<std::string> run() {
    using enum CharacterKind;
    while (at_ < text_.size()) {
      const size_t begin = at_;
      const char32_t c = next_character(text_, at_);
      const CharacterKind kind = kind_of(c);
      if (kind == letter || kind == digit) {
        at_ = begin;
        word();
      } else if (kind == single) {
        std::string piece(text_.substr(begin, at_ - begin));
        for (char32_t next = 0; peek(next) && kind_of(next) == letter && is_mark(next);) take(piece);
        words_.push_back(std::move(piece));
      } else if (kind == symbol) {
        if (is_apostrophe(c) && ending(false)) continue;  // "it 's", as text that was cut before has it
        std::string piece(text_.substr(begin, at_ - begin));
        for (char32_t next = 0; peek(next) && next == c;) take(piece);
        words_.push_back(std::move(piece));
      }
    }
    return std::move(words_);
  }

 private:
  /// A mark stands on the character before it.
  static bool is_mark(char32_t c) { return (c >= 0x0300 && c <= 0x036f) || (c >= 0x3099 && c <= 0x309a); }

  bool peek(char32_t& c) const {
    size_t at = at_;
    if (at >= text_.size()) return false;
    c = next_character(text_, at);
    return true;
  }
  void take(std::string& piece) {
    const size_t begin = at_;
    (void)next_character(text_, at_);
    piece += text_.substr(begin, at_ - begin);
  }
  /// The kind of the character behind the next one.
  CharacterKind kind_behind() const {
    size_t at = at_;
    (void)next_character(text_, at);
    return at < text_.size() ? kind_of(next_character(text_, at)) : CharacterKind::blank;
  }

  void word() {
    using enum CharacterKind;
    std::string piece;
    CharacterKind last = blank;
    for (char32_t c = 0; peek(c);) {
      const CharacterKind kind = kind_of(c);
      if (kind == ignored) {
        (void)next_character(text_, at_);
        continue;
      }
      const bool point_in_number = (c == '.' || c == ',') && last == digit && kind_behind() == digit;
      if (kind != letter && kind != digit && !point_in_number) break;
      take(piece);
      last = kind;
    }
    words_.push_back(std::move(piece));
    char32_t c = 0;
    if (!peek(c) || !is_apostrophe(c)) return;
    const size_t before = at_;
    (void)next_character(text_, at_);
    if (!ending(true)) at_ = before;
  }

  /// Behind an apostrophe: whether one of the endings follows, which then becomes a word with it.
  bool ending(bool behind_word) {
    std::string piece;
    const size_t before = at_;
    for (char32_t c = 0; peek(c) && kind_of(c) == CharacterKind::letter;) take(piece);
    for (const std::string_view known : endings) {
      if (!same_letters(piece, known)) continue;
      if (known == "t") {  // don't: do n't
        if (!behind_word || words_.back().size() < 2 || (words_.back().back() | 0x20) != 'n') break;
        piece.insert(0, {words_.back().back(), '\''});
        words_.back().pop_back();
      } else {
        piece.insert(0, "'");
      }
      words_.push_back(std::move(piece));
      return true;
    }
    at_ = before;
    return false;
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<std::string> words_;
};

/// The first or last character's kind.
bool stands_alone(const std::string& word) {
  size_t at = 0;
  return !word.empty() && kind_of(next_character(word, at)) == CharacterKind::single;
}

}  // namespace

std::vector<std::string> split_words(std::string_view text) { return WordSplitter(text).run(); }

std::string join_words(std::span<const std::string> words) {
  std::string out;
  bool alone_before = false;
  for (const std::string& word : words) {
    const bool alone = stands_alone(word);
    const bool ending = word.size() > 1 && (word[0] == '\'' || ((word[0] == 'n' || word[0] == 'N') && word[1] == '\''));
    if (!out.empty() && !ending && !(alone && alone_before)) out += ' ';
    out += word;
    alone_before = alone;
  }
  return out;
}

std::vector<std::string> split_blanks(std::string_view text) {
  std::vector<std::string> out;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const bool space = is_space(next_character(text, at));
    if (!space && !inside) out.emplace_back();
    if (!space) out.back() += text.substr(begin, at - begin);
    inside = !space;
  }
  return out;
}

std::vector<std::string> split_characters(std::string_view text) {
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    (void)next_character(text, at);
    out.emplace_back(text.substr(begin, at - begin));
  }
  return out;
}

}  // namespace tandem::data
