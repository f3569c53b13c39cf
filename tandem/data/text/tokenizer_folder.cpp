#include <tandem/base/json_file.h>
#include <tandem/data/text/tokenizer_folder.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace tandem::data {
namespace {

using nlohmann::json;

/// What a byte is spelled as in vocabularies: itself where it can be seen, else a character from U+0100 on.
std::map<char32_t, char> bytes_by_spelling() {
  std::map<char32_t, char> out;
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool seen = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte != 0xad);
    out[seen ? static_cast<char32_t>(byte) : next++] = static_cast<char>(byte);
  }
  return out;
}

class Reader {
 public:
  Reader(const fs::path& folder, const std::string& type) : folder_(folder), bytes_(type == "byte_bpe") {
    options_.type = type;
    if (fs::exists(folder / "tokenizer_config.json")) settings_ = read_json_object(folder / "tokenizer_config.json");
  }

  Tokenizer read() {
    if (fs::exists(folder_ / "tokenizer.json"))
      read_one_file();
    else if (bytes_)
      read_byte_pairs();
    else
      read_words();
    name_special();
    if (!bytes_) options_.wordpiece = words_;
    options_.vocabulary = std::ssize(out_.pieces);
    return Tokenizer::of(options_, std::move(out_), where_);
  }

 private:
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
    fail(ErrorKind::data, where_, "{}", fmt::format(text, std::forward<Args>(args)...));
  }

  /// "expected" for what this type of tokenizer alone does.
  void expect(bool right, const char* what, const json& got, const char* wanted) const {
    if (right) return;
    const std::string text = got.is_object()  ? got.value("type", "another kind")
                             : got.is_array() ? "a list"
                                              : got.dump(-1, ' ', false, json::error_handler_t::replace);
    refuse("{} is {}, expected {}: {} tokenizers of another kind are not read", what, text, wanted, options_.type);
  }

  // tokenizer.json: all in one.
  void read_one_file() {
    where_ = (folder_ / "tokenizer.json").string();
    const json all = read_json_object(where_);
    try {
      const json& model = all.at("model");
      const json none;
      const auto part = [&](const char* name) -> const json& { return all.contains(name) ? all.at(name) : none; };
      const auto type = [](const json& of) { return of.is_object() ? of.value("type", "") : std::string(); };
      const json& pre = part("pre_tokenizer");
      expect(type(model) == (bytes_ ? "BPE" : "WordPiece"), "model", model, bytes_ ? "BPE" : "WordPiece");
      read_pieces(model.at("vocab"));
      if (bytes_) {
        expect(part("normalizer").is_null(), "normalizer", part("normalizer"), "none");
        expect(type(pre) == "ByteLevel", "pre_tokenizer", pre, "ByteLevel");
        expect(pre.value("use_regex", true), "use_regex", false, "true");
        expect(!pre.value("add_prefix_space", false), "add_prefix_space", true, "false");
        std::vector<std::pair<std::string, std::string>> merges;
        for (const json& m : model.at("merges"))
          merges.push_back(m.is_array() ? std::pair{m.at(0).get<std::string>(), m.at(1).get<std::string>()}
                                        : two_words(m.get<std::string>()));
        keep(merges);
      } else {
        const json& normal = part("normalizer");
        expect(type(normal) == "BertNormalizer", "normalizer", normal, "BertNormalizer");
        expect(normal.value("clean_text", true), "clean_text", false, "true");
        expect(normal.value("handle_chinese_chars", true), "handle_chinese_chars", false, "true");
        expect(type(pre) == "BertPreTokenizer", "pre_tokenizer", pre, "BertPreTokenizer");
        expect(model.value("continuing_subword_prefix", "##") == "##", "continuing_subword_prefix",
               model.value("continuing_subword_prefix", ""), "##");
        expect(model.value("max_input_chars_per_word", 100) == 100, "max_input_chars_per_word",
               model.value("max_input_chars_per_word", 0), "100");
        words_.lower = normal.value("lowercase", true);
        words_.accents = !(normal.contains("strip_accents") && normal.at("strip_accents").is_boolean()
                               ? normal.at("strip_accents").get<bool>()
                               : words_.lower);
      }
      if (all.contains("added_tokens"))
        for (const json& token : all.at("added_tokens")) add_literal(token.at("id"), token.at("content"), token);
    } catch (const json::exception& e) {
      refuse("is no tokenizer, or damaged: {}", e.what());
    }
  }

  void read_byte_pairs() {
    where_ = (folder_ / "vocab.json").string();
    const json vocabulary = read_json_object(where_);
    try {
      expect(!settings_.value("add_prefix_space", false), "add_prefix_space", true, "false");
      read_pieces(vocabulary);
      read_added();
    } catch (const json::exception& e) {
      refuse("is no vocabulary, or damaged: {}", e.what());
    }
    where_ = (folder_ / "merges.txt").string();
    std::vector<std::pair<std::string, std::string>> merges;
    for (const std::string& line : lines_of(read_text(where_)))
      if (!line.empty() && !(merges.empty() && line.starts_with("#version"))) merges.push_back(two_words(line));
    keep(merges);
  }

  void read_words() {
    where_ = (folder_ / "vocab.txt").string();
    const std::string text = read_text(where_);
    check_utf8(text, where_);
    out_.pieces = lines_of(text);
    try {
      words_.lower = settings_.value("do_lower_case", true);
      const bool said = settings_.contains("strip_accents") && settings_.at("strip_accents").is_boolean();
      words_.accents = !(said ? settings_.at("strip_accents").get<bool>() : words_.lower);
      expect(settings_.value("tokenize_chinese_chars", true), "tokenize_chinese_chars", false, "true");
      read_added();
    } catch (const json::exception& e) {
      fail(ErrorKind::data, (folder_ / "tokenizer_config.json").string(), "is damaged: {}", e.what());
    }
  }

  /// {"piece": id}.
  void read_pieces(const json& vocabulary) {
    static const std::map<char32_t, char> spelling = bytes_by_spelling();
    if (!vocabulary.is_object() || vocabulary.empty()) refuse("the vocabulary is no object of pieces and their ids");
    out_.pieces.assign(vocabulary.size(), "");
    std::vector<bool> seen(vocabulary.size());
    for (const auto& [text, id] : vocabulary.items()) {
      const auto n = id.is_number_unsigned() ? id.get<uint64_t>() : vocabulary.size();
      if (n >= vocabulary.size() || seen[n])
        refuse("piece '{}' has the id {}: the {} ids must be 0 to {}, each once", text, id.dump(), vocabulary.size(),
               vocabulary.size() - 1);
      seen[n] = true;
      if (!bytes_) {
        out_.pieces[n] = text;
        continue;
      }
      for (size_t at = 0; at < text.size();) {
        const auto byte = spelling.find(next_character(text, at));
        if (byte == spelling.end()) refuse("piece '{}' has a character that stands for no byte", text);
        out_.pieces[n] += byte->second;
      }
    }
  }

  static std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> out;
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      out.push_back(text.substr(at, end - at));
      if (!out.back().empty() && out.back().back() == '\r') out.back().pop_back();
      at = end + 1;
    }
    return out;
  }

  [[nodiscard]] std::pair<std::string, std::string> two_words(const std::string& line) const {
    const size_t blank = line.find(' ');
    if (blank == std::string::npos || blank == 0 || blank + 1 == line.size() || line.find(' ', blank + 1) < line.size())
      refuse("merge '{}' is not two pieces with a blank between them", line);
    return {line.substr(0, blank), line.substr(blank + 1)};
  }

  void keep(const std::vector<std::pair<std::string, std::string>>& merges) {
    static const std::map<char32_t, char> spelling = bytes_by_spelling();
    std::unordered_map<std::string, int32_t> ids;
    for (size_t id = 0; id < out_.pieces.size(); ++id) ids.emplace(out_.pieces[id], static_cast<int32_t>(id));
    for (const auto& [left, right] : merges)
      for (const std::string& part : {left, right}) {
        check_utf8(part, where_);
        std::string bytes;
        for (size_t at = 0; at < part.size();) {
          const auto byte = spelling.find(next_character(part, at));
          if (byte == spelling.end()) refuse("merge '{} {}' has a character that stands for no byte", left, right);
          bytes += byte->second;
        }
        const auto found = ids.find(bytes);
        if (found == ids.end()) refuse("merge '{} {}': '{}' is not in the vocabulary", left, right, part);
        out_.merges.push_back(found->second);
      }
  }

  // Tokens beside the vocabulary, in the files of older programs.
  void read_added() {
    std::map<int64_t, json> tokens;
    if (fs::exists(folder_ / "added_tokens.json")) {
      const json beside = read_json_object(folder_ / "added_tokens.json");
      for (const auto& [text, id] : beside.items()) tokens[id.get<int64_t>()] = {{"content", text}};
    }
    if (settings_.contains("added_tokens_decoder"))
      for (const auto& [id, token] : settings_.at("added_tokens_decoder").items())
        if (!id.empty() && id.size() < 10 && id.find_first_not_of("0123456789") == std::string::npos)
          tokens[std::stoll(id)] = token;
    for (const auto& [id, token] : tokens) add_literal(id, token.at("content"), token);
  }

  void add_literal(int64_t id, const std::string& text, const json& token) {
    for (const char* key : {"lstrip", "rstrip", "single_word"})
      if (token.value(key, false)) refuse("token '{}' has {}: true, which is not read", text, key);
    if (token.value("normalized", false) && !token.value("special", false) && !bytes_ && words_.lower)
      refuse("token '{}' is to be found in texts without capitals (normalized: true), which is not read", text);
    if (id < 0 || id > std::ssize(out_.pieces))
      refuse("token '{}' has the id {}, the pieces before it end at {}", text, id, out_.pieces.size());
    if (id == std::ssize(out_.pieces)) out_.pieces.emplace_back();
    std::string& piece = out_.pieces[static_cast<size_t>(id)];
    if (!piece.empty() && piece != text)
      refuse("token '{}' has the id {} of piece '{}'", text, id, repaired_utf8(piece));
    piece = text;
    make_literal(static_cast<int32_t>(id));
  }

  void make_literal(int32_t id) {
    if (std::ranges::find(out_.literal, id) == out_.literal.end()) out_.literal.push_back(id);
  }

  /// The id of a special token as tokenizer_config.json spells it, or as its family does; -1 for none.
  int32_t special(const char* key, const char* usual) {
    std::string text = usual;
    if (settings_.contains(key)) {
      const json& said = settings_.at(key);
      if (said.is_string()) text = said.get<std::string>();
      if (said.is_object() && said.contains("content")) {
        if (!said.at("content").is_string())
          fail(ErrorKind::data, (folder_ / "tokenizer_config.json").string(), "'{}' has the content {}, expected text",
               key, said.at("content").dump());
        text = said.at("content").get<std::string>();
      }
    }
    const auto found = std::ranges::find(out_.pieces, text);
    if (found == out_.pieces.end() || text.empty()) return -1;
    const auto id = static_cast<int32_t>(found - out_.pieces.begin());
    make_literal(id);
    return id;
  }

  void name_special() {
    if (bytes_) {
      out_.special.text_end = special("eos_token", "<|endoftext|>");
      return;
    }
    out_.special.unknown = special("unk_token", "[UNK]");
    out_.special.start = special("cls_token", "[CLS]");
    out_.special.end = special("sep_token", "[SEP]");
    (void)special("pad_token", "[PAD]");
    (void)special("mask_token", "[MASK]");
  }

  fs::path folder_;
  bool bytes_;
  std::string where_;
  json settings_ = json::object();
  TokenizerOptions options_;
  WordPieceOptions words_;
  Vocabulary out_;
};

}  // namespace

Tokenizer read_tokenizer(const fs::path& folder, const std::string& type) { return Reader(folder, type).read(); }

}  // namespace tandem::data
