#include <tandem/base/text.h>
#include <tandem/data/text/ngrams.h>
#include <tandem/data/text/thinned.h>
#include <tandem/data/text/tokenizer.h>
#include <tandem/data/text/words.h>

#include <algorithm>
#include <array>

namespace tandem::data {
namespace {

// What subwords are learned from: more text takes more memory and changes little.
constexpr size_t most_subword_bytes = size_t{64} << 20;

const std::vector<std::string> special_pieces{"<unk>", "<s>", "</s>"};

using Counts = std::unordered_map<std::string, int64_t>;

/// By falling count, then by bytes; at most `most`, each at least `least` times.
std::vector<std::string> frequent(const Counts& counts, int64_t most, int64_t least) {
  std::vector<std::pair<int64_t, const std::string*>> order;
  for (const auto& [piece, count] : counts)
    if (count >= least) order.emplace_back(-count, &piece);
  std::ranges::sort(order, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : *a.second < *b.second;
  });
  if (std::ssize(order) > most) order.resize(static_cast<size_t>(most));
  std::vector<std::string> out;
  for (const auto& [count, piece] : order) out.push_back(*piece);
  return out;
}

/// Pieces one a line, with \ and line ends escaped.
std::vector<uint8_t> to_lines(const std::vector<std::string>& pieces) {
  std::vector<uint8_t> out;
  for (const std::string& piece : pieces) {
    for (const char c : piece) {
      if (c == '\n' || c == '\\') out.push_back('\\');
      out.push_back(static_cast<uint8_t>(c == '\n' ? 'n' : c));
    }
    out.push_back('\n');
  }
  return out;
}

std::vector<std::string> from_lines(std::span<const uint8_t> bytes) {
  std::vector<std::string> out;
  std::string piece;
  bool escaped = false;
  for (const uint8_t byte : bytes) {
    const char c = static_cast<char>(byte);
    if (c == '\n') {
      out.push_back(std::move(piece));
      piece.clear();
      escaped = false;
    } else if (c == '\\' && !escaped) {
      escaped = true;
    } else {
      piece += escaped && c == 'n' ? '\n' : c;
      escaped = false;
    }
  }
  return out;
}

Tensor as_tensor(const std::vector<uint8_t>& bytes) {
  return Tensor::from(bytes, {static_cast<int64_t>(bytes.size())});
}

bool is_subword(const TokenizerOptions& options) { return options.type == "unigram" || options.type == "bpe"; }

/// A tensor of a model file, of one axis; throws when there is none such.
using FindTensor = std::function<Tensor(const char* name, DType type)>;

std::vector<int32_t> ids_in(const FindTensor& find, const char* name) {
  const Tensor tensor = find(name, DType::i32);
  const auto ids = tensor.data<const int32_t>();
  return {ids.begin(), ids.end()};
}

}  // namespace

void NgramOptions::fields(Fields& f) {
  f("words", words, {1, 8});
  f("characters", characters, {1, 16});
  f("min_count", min_count, {1, 1e9});
  f("most", most, {1, 1e7});
}

void TokenizerOptions::fields(Fields& f) {
  f("type", type, {"word", "blank", "character", "unigram", "bpe", "byte_bpe", "wordpiece"});
  f("vocabulary", vocabulary, {4, 1e7});
  f("min_count", min_count, {1, 1e9});
  f("normalise", normalise);
  f("ngrams", ngrams);
  f.custom(
      "wordpiece", [&](const Config& node) { Fields::read(node, wordpiece.emplace(), "wordpiece"); },
      [&] { return wordpiece ? Fields::write(*wordpiece) : Config(); });
}

void LengthLimit::fields(Fields& f) {
  f("most", most, {0, 1e9});
  f("longer", longer, {"cut", "middle", "refuse"});
}

bool Tokenizer::made_elsewhere(const TokenizerOptions& options) {
  return options.type == "byte_bpe" || options.type == "wordpiece";
}

std::vector<std::string> Tokenizer::split(const std::string& text) const {
  if (options_.type == "blank") return split_blanks(text);
  if (options_.type == "character") return split_characters(text);
  if (!subword_) return split_words(text);
  std::vector<std::string> out;
  for (const int32_t id : subword_->encode(text)) out.push_back(subword_->piece(id));
  return out;
}

void Tokenizer::index() {
  ids_.clear();
  for (size_t id = 0; id < pieces_.size(); ++id) ids_.emplace(pieces_[id], static_cast<int32_t>(id));
}

Tokenizer Tokenizer::fit(const TokenizerOptions& options, const NextText& texts) {
  if (options.ngrams.characters.size() > 2 || !std::ranges::is_sorted(options.ngrams.characters))
    fail("tokenizer", "ngrams.characters: expected [shortest, longest], as in [3, 5]");
  if (made_elsewhere(options))
    fail("tokenizer", "type {} comes with a network (start_from) and is not fitted: choose another, as in type: bpe",
         options.type);
  Tokenizer out;
  out.options_ = options;
  Counts tokens, ngrams;
  const auto count_ngrams = [&](const std::vector<std::string>& pieces) {
    if (options.ngrams.any())
      each_ngram(pieces, options.ngrams, [&](const std::string& key, size_t, size_t) { ++ngrams[key]; });
  };
  if (is_subword(options)) {
    Thinned some(most_subword_bytes);
    for (std::string text; texts(text);) some.add(normalised(text, options.normalise));
    out.subword_ = Subword::train(options.type, options.vocabulary, some.texts());
    for (int64_t id = 0; id < out.subword_->size(); ++id) out.pieces_.push_back(out.subword_->piece(id));
    if (options.ngrams.any())
      for (const std::string& text : some.texts()) count_ngrams(out.split(text));
  } else {
    for (std::string text; texts(text);) {
      const std::vector<std::string> pieces = out.split(normalised(text, options.normalise));
      for (const std::string& piece : pieces) ++tokens[piece];
      count_ngrams(pieces);
    }
    if (tokens.empty()) fail(ErrorKind::data, "tokenizer", "the texts to learn from hold no token: are they empty?");
    for (const std::string& special : special_pieces) tokens.erase(special);
    out.pieces_ = special_pieces;
    for (std::string& piece : frequent(tokens, options.vocabulary - std::ssize(special_pieces), options.min_count))
      out.pieces_.push_back(std::move(piece));
  }
  out.tokens_ = out.size();
  for (std::string& key : frequent(ngrams, options.ngrams.most, options.ngrams.min_count))
    out.pieces_.push_back(std::move(key));
  out.index();
  return out;
}

Tokenizer Tokenizer::fit(const TokenizerOptions& options, std::span<const std::string> texts) {
  size_t at = 0;
  return fit(options, [&](std::string& text) {
    if (at == texts.size()) return false;
    text = texts[at++];
    return true;
  });
}

Tokenizer Tokenizer::of(TokenizerOptions options, Vocabulary vocabulary, const std::string& where) {
  Tokenizer out;
  out.pieces_ = std::move(vocabulary.pieces);
  out.tokens_ = out.size();
  out.special_ = vocabulary.special;
  out.literal_ = std::move(vocabulary.literal);
  out.merges_ = std::move(vocabulary.merges);
  out.options_ = std::move(options);
  out.options_.normalise = {.nfkc = false, .lower = false};
  out.index();
  if (std::cmp_not_equal(out.ids_.size(), out.size()))
    fail(ErrorKind::data, where, "the tokenizer has a piece twice: the file is damaged");
  const SpecialTokens& s = out.special_;
  std::vector<int32_t> named{s.unknown, s.start, s.end, s.text_end};
  named.insert(named.end(), out.literal_.begin(), out.literal_.end());
  for (const int32_t id : named)
    if (id < -1 || id >= out.size())
      fail(ErrorKind::data, where, "token {} is out of range for a vocabulary of {}: the file is damaged", id,
           out.size());
  if (std::ranges::any_of(out.literal_, [&](int32_t id) { return id < 0 || out.piece(id).empty(); }))
    fail(ErrorKind::data, where, "a token to be found in texts has no letters: the file is damaged");
  // Of several that begin at one place the longest counts.
  std::ranges::stable_sort(out.literal_,
                           [&](int32_t a, int32_t b) { return out.piece(a).size() > out.piece(b).size(); });
  if (out.options_.type == "byte_bpe")
    out.byte_pairs_ = std::make_shared<const BytePairs>(out.pieces_, out.merges_, where);
  else if (std::ranges::any_of(std::array{s.unknown, s.start, s.end}, [](int32_t id) { return id < 0; }))
    fail(ErrorKind::data, where, "lacks one of the tokens for what is unknown ({}), start ({}) and end ({})", s.unknown,
         s.start, s.end);
  return out;
}

std::vector<Tokenizer::Placed> Tokenizer::placed(std::string_view text, const LengthLimit& limit) const {
  if (!made_elsewhere()) fail("tokenizer", "only tokens of type byte_bpe and wordpiece know their place");
  std::vector<Placed> out;
  const auto cut = [&](size_t begin, size_t end) {
    const std::string_view part = text.substr(begin, end - begin);
    if (byte_pairs_) {
      std::vector<int32_t> ids;
      byte_pairs_->encode(part, ids);
      for (const int32_t id : ids) {
        out.push_back({id, begin, begin + piece(id).size()});
        begin = out.back().end;
      }
      return;
    }
    for (const BertWord& word : split_as_bert(part, options_.wordpiece.value_or(WordPieceOptions{})))
      for (const WordPart& p : word_pieces(
               word.text, [&](const auto& s) { return find(s); }, special_.unknown))
        out.push_back({p.id, begin + word.from[p.begin], begin + word.from[p.end]});
  };
  size_t done = 0;
  std::string firsts;
  for (const int32_t id : literal_) firsts += piece(id).front();
  for (size_t at = 0; !firsts.empty() && (at = text.find_first_of(firsts, at)) != std::string_view::npos;) {
    const auto found =
        std::ranges::find_if(literal_, [&](int32_t id) { return text.substr(at).starts_with(piece(id)); });
    if (found == literal_.end()) {
      ++at;
      continue;
    }
    cut(done, at);
    done = at + piece(*found).size();
    out.push_back({*found, at, done});
    at = done;
  }
  cut(done, text.size());
  const bool around = !byte_pairs_;
  LengthLimit inside = limit;
  if (around && limit.most > 0) inside.most = std::max<int64_t>(1, limit.most - 2);
  shorten(out, inside);
  if (around) {
    out.insert(out.begin(), {special_.start, 0, 0});
    out.push_back({special_.end, text.size(), text.size()});
  }
  return out;
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, const LengthLimit& limit) const {
  if (made_elsewhere()) {
    std::vector<int32_t> ids;
    for (const Placed& token : placed(text, limit)) ids.push_back(token.id);
    return ids;
  }
  const std::string normal = normalised(text, options_.normalise);
  const bool ngrams = options_.ngrams.any();
  if (subword_ && !ngrams) {
    std::vector<int32_t> ids = subword_->encode(normal);
    shorten(ids, limit);
    return ids;
  }
  std::vector<std::string> pieces = split(normal);
  shorten(pieces, limit);
  std::vector<int32_t> out;
  out.reserve(pieces.size());
  for (const std::string& piece : pieces) out.push_back(find(piece).value_or(special_.unknown));
  if (ngrams)
    each_ngram(pieces, options_.ngrams, [&](const std::string& key, size_t, size_t) {
      if (const auto id = find(key)) out.push_back(*id);
    });
  return out;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool more) const {
  std::vector<int32_t> kept;
  for (const int32_t id : ids) {
    if (id < 0 || id >= size()) fail("tokenizer", "token {} is out of range for a vocabulary of {}", id, size());
    const bool said = id != special_.start && id != special_.end && id != special_.text_end;
    if (said && id < tokens_) kept.push_back(id);
  }
  if (subword_) return subword_->decode(kept);
  std::vector<std::string> words;
  for (const int32_t id : kept) words.push_back(piece(id));
  if (byte_pairs_) return repaired_utf8(join(words, ""), more);
  if (options_.type == "wordpiece") {
    std::string out;
    for (const std::string& word : words) {
      const bool goes_on = word.starts_with("##") && word.size() > 2;
      if (!out.empty() && !goes_on) out += ' ';
      out += goes_on ? word.substr(2) : word;
    }
    return out;
  }
  return options_.type == "character" ? join(words, "")
         : options_.type == "blank"   ? join(words, " ")
                                      : join_words(words);
}

std::optional<int32_t> Tokenizer::find(const std::string& piece) const {
  const auto found = ids_.find(piece);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::pair<std::string, Tensor>> Tokenizer::tensors() const {
  std::vector<std::pair<std::string, Tensor>> out;
  // A subword model holds its own pieces.
  const auto first = pieces_.begin() + (subword_ ? tokens_ : 0);
  out.emplace_back("pieces", as_tensor(to_lines({first, pieces_.end()})));
  if (subword_) out.emplace_back("subword", as_tensor(subword_->bytes()));
  out.emplace_back("tokens", Tensor::from(std::vector<int64_t>{tokens_}, {1}));
  if (made_elsewhere()) {
    const SpecialTokens& s = special_;
    for (const auto& [name, ids] : {std::pair{"special", std::vector{s.unknown, s.start, s.end, s.text_end}},
                                    std::pair{"literal", literal_}, std::pair{"merges", merges_}})
      out.emplace_back(name, Tensor::from(ids, {std::ssize(ids)}));
  }
  return out;
}

Tokenizer Tokenizer::restore(const TokenizerOptions& options, const std::function<Tensor(const std::string&)>& find,
                             const std::string& where) {
  const FindTensor tensor = [&](const char* name, DType type) {
    Tensor t = find(name);
    if (!t.defined() || t.dtype() != type || t.rank() != 1)
      fail(ErrorKind::data, where, "the tokenizer's '{}' is missing or of another type than {}: the file is damaged",
           name, name_of(type));
    return t;
  };
  if (made_elsewhere(options)) {
    const Tensor pieces = tensor("pieces", DType::u8);
    const std::vector<int32_t> special = ids_in(tensor, "special");
    if (special.size() != 4)
      fail(ErrorKind::data, where, "the tokenizer has {} special tokens, expected 4: the file is damaged",
           special.size());
    return of(options,
              {.pieces = from_lines(pieces.data<const uint8_t>()),
               .merges = ids_in(tensor, "merges"),
               .literal = ids_in(tensor, "literal"),
               .special = {special[0], special[1], special[2], special[3]}},
              where);
  }
  Tokenizer out;
  out.options_ = options;
  if (is_subword(options)) {
    out.subword_ = Subword::restore(tensor("subword", DType::u8).data<const uint8_t>(), where);
    for (int64_t id = 0; id < out.subword_->size(); ++id) out.pieces_.push_back(out.subword_->piece(id));
  }
  const Tensor pieces = tensor("pieces", DType::u8);
  for (std::string& piece : from_lines(pieces.data<const uint8_t>())) out.pieces_.push_back(std::move(piece));
  const Tensor tokens = tensor("tokens", DType::i64);
  out.tokens_ = tokens.numel() == 1 ? tokens.data<const int64_t>()[0] : -1;
  const bool counted = out.tokens_ >= std::ssize(special_pieces) && out.tokens_ <= out.size() &&
                       (!out.subword_ || out.tokens_ == out.subword_->size());
  if (!counted || !std::equal(special_pieces.begin(), special_pieces.end(), out.pieces_.begin()))
    fail(ErrorKind::data, where, "the tokenizer holds {} pieces and says that {} are tokens: the file is damaged",
         out.size(), out.tokens_);
  out.index();
  if (std::cmp_not_equal(out.ids_.size(), out.size()))
    fail(ErrorKind::data, where, "the tokenizer has a piece twice: the file is damaged");
  return out;
}

}  // namespace tandem::data
