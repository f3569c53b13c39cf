#include <tandem/data/text/ngrams.h>
#include <tandem/data/text/places.h>

#include <algorithm>
#include <utility>

namespace tandem::data {
namespace {

constexpr char32_t blank_of_subwords = 0x2581;

// For each byte of the normal form of a part of a text, which begins at `begin`, where the characters begin that it
// comes from: each by itself where that gives the same, as it does but for accents that stand apart; else all of it.
void add_origins(std::string_view part, size_t begin, const Normalisation& how, std::string& normal,
                 std::vector<size_t>& from) {
  std::string joined;
  std::vector<size_t> each;
  for (size_t at = 0; at < part.size();) {
    const size_t here = at;
    (void)next_character(part, at);
    const std::string one = normalised(part.substr(here, at - here), how);
    joined += one;
    each.insert(each.end(), one.size(), begin + here);
  }
  const std::string whole = normalised(part, how);
  if (joined != whole) each.assign(whole.size(), begin);
  normal += whole;
  from.insert(from.end(), each.begin(), each.end());
}

// The same of a text, word by word, with its end.
std::vector<size_t> origins(std::string_view text, const Normalisation& how, const std::string& normal) {
  std::string joined;
  std::vector<size_t> from;
  size_t begin = 0;
  bool blank = false;
  for (size_t at = 0; at < text.size();) {
    const size_t here = at;
    const bool before = std::exchange(blank, is_space(next_character(text, at)));
    if (blank == before || here == begin) continue;
    add_origins(text.substr(begin, here - begin), begin, how, joined, from);
    begin = here;
  }
  add_origins(text.substr(begin), begin, how, joined, from);
  if (joined != normal) from.assign(normal.size(), 0);  // words that change each other: none is known
  from.push_back(text.size());
  return from;
}

// The pieces as encode() cuts them; of subwords an unknown one is "<unk>".
std::vector<std::string> pieces_of(const Tokenizer& tokenizer, std::string_view text, const std::string& normal) {
  const std::string& type = tokenizer.options().type;
  if (type == "word") return split_words(normal);
  if (type == "blank") return split_blanks(normal);
  if (type == "character") return split_characters(normal);
  std::vector<std::string> out;
  for (const int32_t id : tokenizer.encode(text))
    if (id < tokenizer.tokens()) out.push_back(tokenizer.piece(id));
  return out;
}

// Where each piece stands in normalised text, which holds their characters in order, and some between that are in
// none: blanks, invisible ones, and what is unknown to a subword model, which is the piece's own.
std::vector<Places::Piece> found(const std::vector<std::string>& pieces, std::string_view text, bool subwords) {
  const auto alike = [](char32_t a, char32_t b) { return a == b || (a == '\'' && b == 0x2019); };  // split_words: 's
  std::vector<Places::Piece> out;
  size_t at = 0;
  bool unknown_before = false;
  const auto give_unknown = [&](size_t begin, size_t end) {  // without the blanks around it
    Places::Piece& piece = out.back();
    piece = {begin, begin};
    for (size_t k = begin; k < end;) {
      const size_t here = k;
      if (is_space(next_character(text, k))) continue;
      if (piece.begin == piece.end) piece.begin = here;
      piece.end = k;
    }
  };
  for (const std::string& piece : pieces) {
    if (subwords && piece == "<unk>") {
      out.push_back({at, at});
      unknown_before = true;
      continue;
    }
    Places::Piece place{at, at};
    for (size_t k = 0; k < piece.size();) {
      const char32_t wanted = next_character(piece, k);
      if (subwords && wanted == blank_of_subwords) continue;
      size_t here = at;
      const size_t before = at;
      while (at < text.size()) {
        here = at;
        if (alike(wanted, next_character(text, at))) break;
      }
      if (std::exchange(unknown_before, false)) give_unknown(before, here);
      if (place.begin == place.end) place.begin = here;
      place.end = at;
    }
    out.push_back(place);
  }
  if (unknown_before) give_unknown(at, text.size());
  return out;
}

// Where a tokenizer knows it itself. A part of a character stands for all of it.
Places known_places(const Tokenizer& tokenizer, std::string_view text, const LengthLimit& limit) {
  const auto inside = [&](size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U;
  };
  Places out;
  for (auto [id, begin, end] : tokenizer.placed(text, limit)) {
    while (inside(begin)) --begin;
    while (inside(end)) ++end;
    out.tokens.push_back({id, out.pieces.size(), 1});
    out.pieces.push_back({begin, end});
  }
  return out;
}

}  // namespace

Places places_of(const Tokenizer& tokenizer, std::string_view text, const LengthLimit& limit) {
  if (tokenizer.made_elsewhere()) return known_places(tokenizer, text, limit);
  const TokenizerOptions& options = tokenizer.options();
  const std::string normal = normalised(text, options.normalise);
  const std::vector<size_t> from = origins(text, options.normalise, normal);
  std::vector<std::string> names = pieces_of(tokenizer, text, normal);
  Places out{.pieces = found(names, normal, options.type == "unigram" || options.type == "bpe"), .tokens = {}};
  for (Places::Piece& piece : out.pieces) {
    size_t last = piece.end;  // behind all bytes that come from the same characters
    while (last > piece.begin && last + 1 < from.size() && from[last] == from[piece.end - 1]) ++last;
    piece = {from[piece.begin], from[last]};
  }
  shorten(names, limit);
  shorten(out.pieces, limit);
  for (size_t i = 0; i < names.size(); ++i)
    out.tokens.push_back({tokenizer.find(names[i]).value_or(tokenizer.special().unknown), i, 1});
  if (options.ngrams.any())
    each_ngram(names, options.ngrams, [&](const std::string& key, size_t first, size_t count) {
      if (const auto id = tokenizer.find(key)) out.tokens.push_back({*id, first, count});
    });
  return out;
}

}  // namespace tandem::data
