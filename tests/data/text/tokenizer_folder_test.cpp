// Tokenizers of GPT-2 and BERT from their files: the ids that transformers gives, and what is refused.
#include <tandem/base/text.h>
#include <tandem/data/text/places.h>
#include <tandem/data/text/stream.h>
#include <tandem/data/text/tokenizer_folder.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "tests/adapt/checkpoints.h"

namespace tandem::data {
namespace {

using tandem::testing::CheckpointCopy;
using tandem::testing::checkpoints;
using tandem::testing::expect_error;
using tandem::testing::expected_texts;
using Ids = std::vector<int32_t>;
using Texts = std::vector<std::string>;

Tokenizer saved_and_restored(const Tokenizer& tokenizer) {
  std::map<std::string, Tensor> kept;
  for (const auto& [name, tensor] : tokenizer.tensors()) kept[name] = tensor.clone();
  TokenizerOptions options = tokenizer.options(), again;
  Fields::read(Config::parse(Fields::write(options).str(), "m.safetensors"), again, "tokenizer");
  return Tokenizer::restore(
      again, [&](const std::string& name) { return kept[name]; }, "m.safetensors");
}

void expect_ids(const Tokenizer& tokenizer, const std::string& family, const std::string& key) {
  const auto texts = expected_texts().at(family).at("texts").get<Texts>();
  const auto ids = expected_texts().at(family).at(key).get<std::vector<Ids>>();
  ASSERT_EQ(texts.size(), ids.size());
  ASSERT_GT(texts.size(), 50U);
  const Tokenizer again = saved_and_restored(tokenizer);
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(tokenizer.encode(texts[i]), ids[i]) << "text " << i << ": " << texts[i];
    EXPECT_EQ(again.encode(texts[i]), ids[i]) << "after saving, text " << i;
  }
  EXPECT_EQ(again.special(), tokenizer.special());
}

TEST(TokenizerFolder, Gpt2GivesTheSameIds) {
  const CheckpointCopy old("gpt2", {"tokenizer.json"});
  for (const fs::path& folder : {checkpoints() / "gpt2", old.folder}) {
    const Tokenizer t = read_tokenizer(folder, "byte_bpe");
    expect_ids(t, "gpt2", "ids");
    const auto ids = expected_texts().at("gpt2").at("ids").get<std::vector<Ids>>();
    const auto read = expected_texts().at("gpt2").at("read").get<Texts>();
    for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(t.decode(ids[i]), read[i]) << i;
    EXPECT_EQ(t.piece(t.line_end()), "\n");
    EXPECT_EQ(t.piece(t.special().text_end), "<|endoftext|>");
    EXPECT_EQ(t.special().unknown, -1);
  }
}

TEST(TokenizerFolder, Gpt2ReadsBytesThatAreNoCharacters) {
  const Tokenizer t = read_tokenizer(checkpoints() / "gpt2", "byte_bpe");
  const auto broken = expected_texts().at("gpt2").at("broken").get<std::vector<Ids>>();
  const auto read = expected_texts().at("gpt2").at("broken_read").get<Texts>();
  for (size_t i = 0; i < broken.size(); ++i) {
    EXPECT_EQ(t.decode(broken[i]), read[i]) << i;
    check_utf8(t.decode(broken[i], true), "decoded");
    EXPECT_TRUE(read[i].starts_with(t.decode(broken[i], true))) << "what more tokens may change is left away";
  }
  const Ids han = t.encode("龍");
  ASSERT_GT(han.size(), 1U) << "or this test says nothing";
  EXPECT_EQ(t.decode(Ids{han.front()}, true), "");
  EXPECT_EQ(t.decode(Ids{han.front()}), "\ufffd");
  EXPECT_EQ(t.decode(han, true), "龍");
  expect_error(ErrorKind::data, {"byte 3 is no UTF-8"}, [&] { (void)t.encode("ab\xff"); });
}

TEST(TokenizerFolder, BertGivesTheSameIds) {
  CheckpointCopy old("bert", {"tokenizer.json"});
  for (const fs::path& folder : {checkpoints() / "bert", old.folder}) {
    const Tokenizer t = read_tokenizer(folder, "wordpiece");
    expect_ids(t, "bert", "lower");
    EXPECT_EQ(t.piece(t.special().unknown), "[UNK]");
    EXPECT_EQ(t.piece(t.special().start), "[CLS]");
    EXPECT_EQ(t.piece(t.special().end), "[SEP]");
    const auto read = expected_texts().at("bert").at("read").get<Texts>();
    const auto ids = expected_texts().at("bert").at("lower").get<std::vector<Ids>>();
    for (size_t i = 0; i < ids.size(); ++i)
      if (std::ranges::count(ids[i], t.special().end) == 1) {
        EXPECT_EQ(t.decode(ids[i]), read[i]) << i;
      }
  }
  old.set("strip_accents", false, "tokenizer_config.json");
  expect_ids(read_tokenizer(old.folder, "wordpiece"), "bert", "accents");
  old.set("strip_accents", nullptr, "tokenizer_config.json");
  old.set("do_lower_case", false, "tokenizer_config.json");
  expect_ids(read_tokenizer(old.folder, "wordpiece"), "bert", "cased");
  fs::remove(old.folder / "tokenizer_config.json");
  expect_ids(read_tokenizer(old.folder, "wordpiece"), "bert", "lower");
}

TEST(TokenizerFolder, OneFileInTheFormsOfOtherPrograms) {
  const CheckpointCopy gpt2("gpt2");
  auto model = nlohmann::json::parse(read_text(gpt2.folder / "tokenizer.json")).at("model");
  for (auto& merge : model.at("merges"))  // once they were lines of text
    merge = merge.at(0).get<std::string>() + " " + merge.at(1).get<std::string>();
  gpt2.set("model", model, "tokenizer.json");
  gpt2.set("normalizer", nullptr, "tokenizer.json");
  expect_ids(read_tokenizer(gpt2.folder, "byte_bpe"), "gpt2", "ids");

  const CheckpointCopy bert("bert");
  for (const auto& [strip, key] : {std::pair{true, "lower"}, {false, "accents"}}) {
    bert.set("normalizer", {{"type", "BertNormalizer"}, {"strip_accents", strip}}, "tokenizer.json");
    expect_ids(read_tokenizer(bert.folder, "wordpiece"), "bert", key);
  }
}

TEST(TokenizerFolder, LinesEndAsTheyMay) {
  const auto with_other_ends = [](const fs::path& path, const std::string& ends) {
    std::string out;
    for (const char c : read_text(path)) out += c == '\n' ? ends : std::string(1, c);
    write_text(path, out);
  };
  const CheckpointCopy gpt2("gpt2", {"tokenizer.json"}), bert("bert", {"tokenizer.json"});
  with_other_ends(gpt2.folder / "merges.txt", "\r\n\n\r\n");
  expect_ids(read_tokenizer(gpt2.folder, "byte_bpe"), "gpt2", "ids");
  with_other_ends(bert.folder / "vocab.txt", "\r\n");
  write_text(bert.folder / "tokenizer_config.json", R"({"strip_accents": null})");
  expect_ids(read_tokenizer(bert.folder, "wordpiece"), "bert", "lower");
  const Tokenizer t = read_tokenizer(bert.folder, "wordpiece");
  EXPECT_EQ(t.encode("the\rend\t the"), t.encode("the end the"));
}

TEST(TokenizerFolder, TokensBesideTheVocabulary) {
  const CheckpointCopy gpt2("gpt2", {"tokenizer.json"});
  write_text(gpt2.folder / "added_tokens.json", R"({"<extra>": 327})");
  write_text(gpt2.folder / "tokenizer_config.json",
             R"({"added_tokens_decoder": {"328": {"content": "<more>", "normalized": true}, "": {}, "x": {},
                 "1234567890": {}}})");
  const Tokenizer t = read_tokenizer(gpt2.folder, "byte_bpe");
  EXPECT_EQ(t.size(), 329) << "what is no number of a token is none";
  const int32_t the = t.find("the").value();
  EXPECT_EQ(t.encode("the<extra><more>the"), (Ids{the, 327, 328, the}));

  // Normalised ones are found in texts as they are spelled when nothing is made small, or when they are special.
  const CheckpointCopy bert("bert");
  for (const bool special : {true, false}) {
    bert.set("normalizer", {{"type", "BertNormalizer"}, {"lowercase", special}}, "tokenizer.json");
    bert.set("added_tokens", {{{"id", 176}, {"content", "[New]"}, {"special", special}, {"normalized", true}}},
             "tokenizer.json");
    const Tokenizer words = read_tokenizer(bert.folder, "wordpiece");
    EXPECT_EQ(words.encode("[New]"), (Ids{words.special().start, 176, words.special().end})) << special;
  }
}

TEST(TokenizerFolder, SpecialTokensAsTheSettingsSpellThem) {
  const auto text_end = [](const nlohmann::json& said) {
    const CheckpointCopy copy("gpt2");
    copy.set("eos_token", said, "tokenizer_config.json");
    const Tokenizer t = read_tokenizer(copy.folder, "byte_bpe");
    const int32_t id = t.special().text_end;
    return id < 0 ? "none" : t.piece(id);
  };
  EXPECT_EQ(text_end("the"), "the");
  EXPECT_EQ(text_end({{"content", "the"}, {"lstrip", false}}), "the");
  EXPECT_EQ(text_end({{"lstrip", false}}), "<|endoftext|>");
  EXPECT_EQ(text_end(3), "<|endoftext|>");
  EXPECT_EQ(text_end("nowhere"), "none");
  // A piece without letters is none, though a token is said to be spelled so.
  const CheckpointCopy bert("bert", {"tokenizer.json"});
  const Ids ids = read_tokenizer(bert.folder, "wordpiece").encode("the end");
  write_text(bert.folder / "vocab.txt", read_text(bert.folder / "vocab.txt").substr(std::string("[PAD]").size()));
  bert.set("pad_token", "", "tokenizer_config.json");
  const Tokenizer t = read_tokenizer(bert.folder, "wordpiece");
  EXPECT_EQ(t.piece(0), "");
  EXPECT_EQ(t.encode("the end"), ids);
}

TEST(TokenizerFolder, BertKeepsItsEndsWhenCut) {
  const Tokenizer t = read_tokenizer(checkpoints() / "bert", "wordpiece");
  const Ids all = t.encode("the networks learn"), cut = t.encode("the networks learn", {.most = 4});
  ASSERT_GT(all.size(), 4U);
  EXPECT_EQ(cut, (Ids{all[0], all[1], all[2], all.back()}));
  EXPECT_EQ(t.encode("the", {.most = 1}).size(), 3U) << "one token of the text is the least";
  expect_error(ErrorKind::data, {"at most 2 are taken"},
               [&] { (void)t.encode("the networks learn", {.most = 4, .longer = "refuse"}); });
  expect_error(ErrorKind::data, {"byte 3 is no UTF-8"}, [&] { (void)t.encode("ab\xff"); });
}

TEST(TokenizerFolder, TokensKnowTheirPlaces) {
  for (const auto& [family, type] : {std::pair{"gpt2", "byte_bpe"}, {"bert", "wordpiece"}}) {
    const Tokenizer t = read_tokenizer(checkpoints() / family, type);
    for (const std::string& text : expected_texts().at(family).at("texts").get<Texts>()) {
      const Places places = places_of(t, text);
      Ids ids;
      size_t last = 0;
      for (size_t i = 0; i < places.tokens.size(); ++i) {
        ids.push_back(places.tokens[i].id);
        const auto [begin, end] = places.pieces.at(places.tokens[i].first);
        EXPECT_LE(last, begin);
        EXPECT_LE(begin, end);
        ASSERT_LE(end, text.size());
        const std::string own = text.substr(begin, end - begin);
        check_utf8(own, "a piece");
        last = begin;
        // What stands there is the piece, but for parts of a character, and letters that were made small.
        std::string piece = t.piece(ids.back());
        const bool part = std::string(family) == "gpt2" && first_invalid_utf8(piece) < piece.size();
        const bool spelled = std::ranges::all_of(own, [](char c) { return c > ' ' && (c < 'A' || c > 'Z'); });
        if (part || (std::string(family) == "bert" && !spelled)) continue;
        if (piece.starts_with("##")) piece.erase(0, 2);
        if (ids.back() != t.special().unknown && ids.back() != t.special().start && ids.back() != t.special().end) {
          EXPECT_EQ(own, piece) << text;
        }
      }
      EXPECT_EQ(ids, t.encode(text));
    }
  }
}

TEST(TokenizerFolder, AStreamOfLinesHasTheTokensOfTheText) {
  const tandem::testing::Folder folder;
  const Tokenizer t = read_tokenizer(checkpoints() / "gpt2", "byte_bpe");
  for (const std::string text : {"a\n\nb\n\n\n  c\n", "\n\n\n", "the end\n  \n\tthe\n我们\n 我们", "one line"}) {
    LineReader lines(folder.write("t.txt", text));
    const TokenStream stream = TokenStream::encode(lines, t);
    Ids ids(static_cast<size_t>(stream.size()));
    stream.read(0, ids);
    EXPECT_EQ(ids, t.encode(text)) << text;
    EXPECT_EQ(stream.unknown(), 0);
  }
}

TEST(TokenizerFolder, AWordAsLongAsTheTextTakesNoMinutes) {
  const auto started = std::chrono::steady_clock::now();
  const std::string text(400'000, 'e');
  const Tokenizer bytes = read_tokenizer(checkpoints() / "gpt2", "byte_bpe");
  EXPECT_EQ(bytes.decode(bytes.encode(text)), text);
  const Tokenizer words = read_tokenizer(checkpoints() / "bert", "wordpiece");
  EXPECT_EQ(words.encode(text), (Ids{words.special().start, words.special().unknown, words.special().end}));
  EXPECT_EQ(words.encode("[" + std::string(100'000, '[')).size(), 100'003U);
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(60));
}

TEST(TokenizerFolder, TypesMadeElsewhereAreNotFitted) {
  for (const char* type : {"byte_bpe", "wordpiece"})
    expect_error(ErrorKind::usage, {type, "start_from", "is not fitted"},
                 [&] { (void)Tokenizer::fit({.type = type}, Texts{"a text"}); });
  const Tokenizer here = Tokenizer::fit({}, Texts{"a text"});
  expect_error(ErrorKind::usage, {"byte_bpe and wordpiece"}, [&] { (void)here.placed("a"); });
}

TEST(TokenizerFolder, RefusesDamagedFiles) {
  const auto refused = [](const std::string& family, const std::vector<std::string>& without,
                          const std::vector<std::string>& parts,
                          const std::function<void(const CheckpointCopy&)>& spoil, ErrorKind kind = ErrorKind::data) {
    const CheckpointCopy copy(family, without);
    spoil(copy);
    expect_error(kind, parts, [&] { (void)read_tokenizer(copy.folder, family == "gpt2" ? "byte_bpe" : "wordpiece"); });
  };
  const auto write = [](const char* name, const std::string& text) {
    return [=](const CheckpointCopy& copy) { write_text(copy.folder / name, text); };
  };
  const std::vector<std::string> old{"tokenizer.json"};
  const std::string letters = read_text(checkpoints() / "gpt2" / "vocab.json");
  refused(
      "gpt2", {"tokenizer.json", "vocab.json"}, {"vocab.json"}, [](const auto&) {}, ErrorKind::file);
  refused(
      "bert", {"tokenizer.json", "vocab.txt"}, {"vocab.txt"}, [](const auto&) {}, ErrorKind::file);
  refused(
      "gpt2", old, {"merges.txt"}, [](const auto& c) { fs::remove(c.folder / "merges.txt"); }, ErrorKind::file);
  refused("gpt2", old, {"vocab.json", "is no JSON"}, write("vocab.json", "{\"a\": "));
  refused("gpt2", old, {"vocab.json", "no JSON object"}, write("vocab.json", "[1]"));
  refused("gpt2", old, {"vocab.json", "nested deeper than 64"}, write("vocab.json", std::string(1'000'000, '[')));
  refused("gpt2", old, {"no object of pieces"}, write("vocab.json", "{}"));
  refused("gpt2", old, {"piece 'b' has the id 2", "0 to 1, each once"}, write("vocab.json", R"({"a": 0, "b": 2})"));
  refused("gpt2", old, {"piece 'b' has the id -1"}, write("vocab.json", R"({"a": 0, "b": -1})"));
  refused("gpt2", old, {"each once"}, write("vocab.json", R"({"a": 0, "b": 0})"));
  refused("gpt2", old, {"piece 'a b' has a character that stands for no byte"},
          write("vocab.json", R"({"a b": 0, "a": 1})"));
  refused("gpt2", old, {"the vocabulary lacks byte 0x00"}, [&](const auto& c) {
    write_text(c.folder / "vocab.json", R"({"a": 0, "b": 1, "ab": 2})");
    write_text(c.folder / "merges.txt", "a b\n");
  });
  refused("gpt2", old, {"merges.txt", "merge 'a' is not two pieces"}, write("merges.txt", "#version: 0.2\na\n"));
  for (const std::string line : {" a", "a ", "a b c"})
    refused("gpt2", old, {"merges.txt", "merge '" + line + "' is not two pieces"}, write("merges.txt", line + "\n"));
  refused("gpt2", old, {"merge '龍 a' has a character that stands for no byte"}, write("merges.txt", "龍 a\n"));
  refused("gpt2", old, {"merge 0 makes 'qz'"}, write("merges.txt", "q z\n"));
  refused("gpt2", old, {"merge 'zzz a': 'zzz' is not in the vocabulary"}, write("merges.txt", "zzz a\n"));
  refused("gpt2", old, {"token 'extra' has the id 9999"}, write("added_tokens.json", R"({"extra": 9999})"));
  refused("gpt2", old, {"token 'extra' has the id 3 of piece"}, write("added_tokens.json", R"({"extra": 3})"));
  refused("gpt2", old, {"add_prefix_space is true, expected false"},
          write("tokenizer_config.json", R"({"add_prefix_space": true})"));
  refused("gpt2", {}, {"tokenizer.json", "model is WordPiece, expected BPE"}, [](const auto& c) {
    fs::copy_file(checkpoints() / "bert/tokenizer.json", c.folder / "tokenizer.json",
                  fs::copy_options::overwrite_existing);
  });
  refused("bert", {}, {"tokenizer.json", "model is BPE, expected WordPiece"}, [](const auto& c) {
    fs::copy_file(checkpoints() / "gpt2/tokenizer.json", c.folder / "tokenizer.json",
                  fs::copy_options::overwrite_existing);
  });
  refused("gpt2", {}, {"is no tokenizer, or damaged"}, write("tokenizer.json", "{}"));
  const auto with = [](const char* part, const nlohmann::json& value) {
    return [=](const CheckpointCopy& c) { c.set(part, value, "tokenizer.json"); };
  };
  refused("gpt2", {}, {"pre_tokenizer is Split, expected ByteLevel"}, with("pre_tokenizer", {{"type", "Split"}}));
  refused("gpt2", {}, {"pre_tokenizer is a list, expected ByteLevel"}, with("pre_tokenizer", {1, 2}));
  refused("gpt2", {}, {"pre_tokenizer is null, expected ByteLevel"}, with("pre_tokenizer", nullptr));
  refused("gpt2", {}, {"use_regex is false, expected true", "another kind are not read"},
          with("pre_tokenizer", {{"type", "ByteLevel"}, {"use_regex", false}}));
  refused("gpt2", {}, {"the vocabulary is no object of pieces"}, with("model", {{"type", "BPE"}, {"vocab", {1, 2}}}));
  refused("gpt2", {}, {"normalizer is NFC, expected none"}, with("normalizer", {{"type", "NFC"}}));
  refused("bert", {}, {"normalizer is Lowercase, expected BertNormalizer"},
          with("normalizer", {{"type", "Lowercase"}}));
  refused("bert", {}, {"handle_chinese_chars is false, expected true"},
          with("normalizer", {{"type", "BertNormalizer"}, {"handle_chinese_chars", false}}));
  const auto added = [](const nlohmann::json& flags) {
    return [=](const CheckpointCopy& c) {
      nlohmann::json token{{"id", 4}, {"content", "[MASK]"}, {"special", true}};
      token.update(flags);
      c.set("added_tokens", nlohmann::json::array({token}), "tokenizer.json");
    };
  };
  refused("bert", {}, {"token '[MASK]' has lstrip: true"}, added({{"lstrip", true}}));
  refused("bert", {}, {"'[MASK]'", "normalized: true"}, added({{"special", false}, {"normalized", true}}));
  refused("bert", old, {"lacks one of the tokens", "(-1)"}, write("vocab.txt", "[UNK]\n[SEP]\na\nb\n"));
  refused("bert", old, {"has a piece twice"}, write("vocab.txt", "[UNK]\n[SEP]\n[CLS]\nb\nb\n"));
  refused("bert", old, {"vocab.txt:2:1", "no UTF-8"}, write("vocab.txt", "[UNK]\n\xff\n"));
  refused("gpt2", {}, {"tokenizer_config.json", "'eos_token' has the content 3, expected text"}, [](const auto& c) {
    c.set("eos_token", {{"content", 3}}, "tokenizer_config.json");
  });
  refused("bert", old, {"tokenizer_config.json", "is damaged"},
          write("tokenizer_config.json", R"({"do_lower_case": "yes"})"));
}

TEST(TokenizerFolder, RefusesDamagedModelFiles) {
  for (const auto& [family, type] : {std::pair{"gpt2", "byte_bpe"}, {"bert", "wordpiece"}}) {
    const Tokenizer t = read_tokenizer(checkpoints() / family, type);
    const auto refused = [&](const std::string& name, const Tensor& value, const std::vector<std::string>& parts) {
      std::map<std::string, Tensor> kept;
      for (const auto& [own, tensor] : t.tensors()) kept[own] = tensor.clone();
      kept[name] = value;
      expect_error(ErrorKind::data, parts, [&] {
        (void)Tokenizer::restore(
            t.options(), [&](const std::string& own) { return kept[own]; }, "m.safetensors");
      });
    };
    const auto ids = [](const Ids& values) { return Tensor::from(values, {std::ssize(values)}); };
    refused("pieces", {}, {"m.safetensors", "'pieces' is missing"});
    refused("special", {}, {"'special' is missing"});
    refused("special", ids({0, 1, 2}), {"has 3 special tokens, expected 4"});
    refused("special", ids({0, 1, 2, 1 << 30}), {"token 1073741824 is out of range"});
    refused("special", ids({0, 1, 2, -2}), {"token -2 is out of range"});
    refused("literal", ids({-1}), {"a token to be found in texts"});
    if (std::string(family) == "bert") {
      refused("special", ids({-1, 1, 2, -1}), {"lacks one of the tokens"});
      continue;
    }
    refused("merges", ids({0, 1, 2}), {"has one part alone"});
    refused("merges", ids({0, 1 << 30}), {"merge 0 is of token 1073741824"});
    refused("merges", ids({0, 1}), {"merge 0 makes", "not in the vocabulary"});
  }
}

}  // namespace
}  // namespace tandem::data
