#include <tandem/base/error.h>
#include <tandem/data/text/byte_pairs.h>
#include <tandem/data/text/unicode.h>

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>

namespace tandem::data {
namespace {

enum class Class { blank, letter, digit, symbol };

Class class_of(char32_t c) {
  const bool separator = c >= 0x1c && c <= 0x1f;  // Python's blanks, but not White_Space of Unicode
  if (is_space(c) && !separator) return Class::blank;
  const char category = category_of(c).front();
  return category == 'L' ? Class::letter : category == 'N' ? Class::digit : Class::symbol;
}

uint64_t key_of(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

}  // namespace

// By hand what the published pattern says:
// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
std::vector<std::string_view> split_as_gpt2(std::string_view text) {
  static constexpr std::string_view endings[]{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
  const auto class_at = [&](size_t at) { return class_of(next_character(text, at)); };
  const auto run = [&](size_t at, Class of) {  // where it ends
    while (at < text.size()) {
      size_t next = at;
      if (class_of(next_character(text, next)) != of) break;
      at = next;
    }
    return at;
  };
  std::vector<std::string_view> out;
  for (size_t at = 0; at < text.size();) {
    const auto ending = std::ranges::find_if(endings, [&](auto e) { return text.substr(at).starts_with(e); });
    const size_t word = at + (text[at] == ' ' ? 1 : 0);
    size_t end = at;
    if (ending != std::end(endings)) {
      end = at + ending->size();
    } else if (word < text.size() && class_at(word) != Class::blank) {
      end = run(word, class_at(word));
    } else {  // blanks, but the last of several belongs to the word behind them
      end = run(at, Class::blank);
      size_t last = end - 1;
      while ((static_cast<unsigned char>(text[last]) & 0xc0U) == 0x80U) --last;
      if (end < text.size() && last > at) end = last;
    }
    out.push_back(text.substr(at, end - at));
    at = end;
  }
  return out;
}

BytePairs::BytePairs(const std::vector<std::string>& pieces, std::span<const int32_t> merges,
                     const std::string& where) {
  std::unordered_map<std::string_view, int32_t> ids;
  for (size_t id = 0; id < pieces.size(); ++id) ids.emplace(pieces[id], static_cast<int32_t>(id));
  const auto id_of = [&](std::string_view piece) {
    const auto found = ids.find(piece);
    return found == ids.end() ? -1 : found->second;
  };
  for (size_t byte = 0; byte < bytes_.size(); ++byte) {
    const char c = static_cast<char>(byte);
    bytes_[byte] = id_of({&c, 1});
    if (bytes_[byte] < 0)
      fail(ErrorKind::data, where, "the vocabulary lacks byte 0x{:02x}: one of byte pairs has all 256", byte);
  }
  if (merges.size() % 2 != 0) fail(ErrorKind::data, where, "the last merge has one part alone: the file is damaged");
  for (size_t i = 0; i < merges.size(); i += 2) {
    const auto piece = [&](size_t at) -> const std::string& {
      if (merges[at] < 0 || std::cmp_greater_equal(merges[at], pieces.size()))
        fail(ErrorKind::data, where, "merge {} is of token {}, the vocabulary has {}: the file is damaged", i / 2,
             merges[at], pieces.size());
      return pieces[static_cast<size_t>(merges[at])];
    };
    const std::string whole = piece(i) + piece(i + 1);
    const int32_t id = id_of(whole);
    if (id < 0)
      fail(ErrorKind::data, where, "merge {} makes '{}', which is not in the vocabulary", i / 2, repaired_utf8(whole));
    merges_.insert_or_assign(key_of(merges[i], merges[i + 1]), Merge{static_cast<int32_t>(i / 2), id});
  }
}

const BytePairs::Merge* BytePairs::merge_of(int32_t left, int32_t right) const {
  const auto found = merges_.find(key_of(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

void BytePairs::encode(std::string_view text, std::vector<int32_t>& ids) const {
  for (const std::string_view word : split_as_gpt2(text)) encode_word(word, ids);
}

// The pair of lowest rank first, of equal ones the first; a queue, since a word may be as long as the text.
void BytePairs::encode_word(std::string_view word, std::vector<int32_t>& ids) const {
  struct Symbol {
    int32_t id = 0;
    int64_t before = 0, behind = 0;  // neighbours, -1 for none
    bool gone = false;
  };
  struct Candidate {
    int32_t rank = 0;
    int64_t at = 0;
    int32_t id = 0;
    bool operator>(const Candidate& o) const { return rank != o.rank ? rank > o.rank : at > o.at; }
  };
  const auto count = std::ssize(word);
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  for (int64_t i = 0; i < count; ++i)
    symbols.push_back(
        {bytes_[static_cast<unsigned char>(word[static_cast<size_t>(i)])], i - 1, i + 1 < count ? i + 1 : -1});
  const auto symbol = [&](int64_t at) -> Symbol& { return symbols[static_cast<size_t>(at)]; };
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto consider = [&](int64_t at) {
    if (at < 0 || symbol(at).behind < 0) return;
    if (const Merge* m = merge_of(symbol(at).id, symbol(symbol(at).behind).id)) queue.push({m->rank, at, m->id});
  };
  for (int64_t i = 0; i < count; ++i) consider(i);
  while (!queue.empty()) {
    const Candidate next = queue.top();
    queue.pop();
    Symbol& left = symbol(next.at);
    if (left.gone || left.behind < 0) continue;
    Symbol& right = symbol(left.behind);
    const Merge* m = merge_of(left.id, right.id);
    if (!m || m->id != next.id) continue;  // one of them is part of another by now
    left.id = m->id;
    right.gone = true;
    left.behind = right.behind;
    if (left.behind >= 0) symbol(left.behind).before = next.at;
    consider(left.before);
    consider(next.at);
  }
  for (const Symbol& s : symbols)
    if (!s.gone) ids.push_back(s.id);
}

}  // namespace tandem::data
