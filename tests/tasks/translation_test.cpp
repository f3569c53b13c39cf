#include <tandem/autograd/tape.h>
#include <tandem/base/threads.h>
#include <tandem/nn/weights.h>
#include <tandem/tasks/continuations.h>
#include <tandem/tasks/language_model.h>
#include <tandem/tensor/safetensors.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "tests/tasks/translation_small.h"

namespace tandem::testing {
namespace {

using tasks::TranslationModel;
using tasks::Translator;

/// Weights that make what a network says depend on all that it is given.
TranslationModel disturbed(const char* network = tiny_translator, bool shared = false) {
  TranslationModel model = tiny_translation_model(made_up_pairs(200, 1), network, shared);
  Rng rng(3, "disturb");
  model.net.visit("", [&](const std::string&, Tensor& t, bool) {
    for (float& value : t.data<float>()) value += static_cast<float>(0.3 * rng.normal());
  });
  return model;
}

void expect_same(const std::vector<tasks::Translated>& a, const std::vector<tasks::Translated>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].text, b[i].text);
    EXPECT_EQ(a[i].score, b[i].score) << "to the last bit";
  }
}

TEST(TranslationModels, AFileIsEnough) {
  for (const bool shared : {false, true}) {
    TranslationModel model = disturbed(shared ? tiny_shared_translator : tiny_translator, shared);
    model.notes = {{"name", "x"}, {"seed", "3"}};
    const Folder home;
    model.save(home / "m.safetensors");
    TranslationModel again = TranslationModel::load(home / "m.safetensors");
    EXPECT_EQ(again.notes, model.notes);
    EXPECT_EQ(again.reading.from, "en");
    EXPECT_EQ(again.reading.to, "xx");
    EXPECT_EQ(again.reading.shared, shared);
    EXPECT_EQ(again.reading.length.most, 20);
    EXPECT_EQ(again.source.size(), model.source.size());
    EXPECT_EQ(model.source.size() == model.target.size(), shared);
    again.save(home / "n.safetensors");
    EXPECT_EQ(read_file(home / "n.safetensors"), read_file(home / "m.safetensors"));
    const data::Pairs pairs = made_up_pairs(20, 5);
    expect_same(Translator(model).translate(pairs.source),
                Translator::load(home / "m.safetensors").translate(pairs.source));
  }
}

TEST(TranslationModels, OneTableServesEncoderDecoderAndOutput) {
  TranslationModel model = tiny_translation_model(made_up_pairs(200, 1), tiny_shared_translator, true);
  std::set<std::string> tables;
  for (const auto& [name, tensor] : nn::named(model.net))
    if (tensor.rank() == 2 && tensor.size(0) == model.source.size()) tables.insert(name);
  EXPECT_EQ(tables, (std::set<std::string>{"encoder.0.weight"}));
  // Its gradient comes from all three: without the decoder's part it would be zero where the source has no such word.
  tasks::Translation task(model, encode(model, made_up_pairs(4, 2)), {});
  const auto parameters = nn::trained(model.net);
  nn::Pass pass;
  const std::vector<int64_t> all{0, 1, 2, 3};
  backward(task.loss(all, {}, pass).loss);
  const Tensor gradient = grad_of(parameters[0]);
  const auto norm_of = [&](const char* word) {
    const auto row = gradient.rows(*model.source.find(word), *model.source.find(word) + 1);
    double sum = 0;
    for (const float value : row.data<const float>()) sum += std::abs(static_cast<double>(value));
    return sum;
  };
  EXPECT_GT(norm_of("the"), 1e-4);  // of the source alone, and of the output
  EXPECT_GT(norm_of("la"), 1e-3);
}

TEST(TranslationModels, DamagedOnesAreRefused) {
  const Folder home;
  const fs::path path = home / "m.safetensors";
  TranslationModel model = disturbed();
  model.save(path);
  const TensorFile whole = read_safetensors(path);
  const auto refused = [&](const std::vector<std::string>& parts, const std::function<void(TensorFile&)>& damage) {
    TensorFile file = whole;
    damage(file);
    write_safetensors(path, file);
    expect_error(ErrorKind::data, parts, [&] { (void)TranslationModel::load(path); });
  };
  const auto text = [](const char* key, const std::string& value) {
    return [=](TensorFile& file) { file.metadata[std::string("tandem.") + key] = value; };
  };
  refused({"holds a model for 'language_model', expected translation"}, text("task", "language_model"));
  refused({"format version '9'"}, text("format", "9"));
  refused({"damaged", "network"}, text("network", "{encoder: [relu"));
  refused({"damaged", "encoder is empty"}, text("network", "{decoder: [tied_head]}"));
  refused({"damaged", "most"}, text("reading", "{from: a, to: b, length: {most: -1}}"));
  refused({"no 'tandem.reading'"}, [](TensorFile& file) { file.metadata.erase("tandem.reading"); });
  refused({"tokenizer's 'pieces' is missing"}, text("reading", "{from: a, to: b, shared: true, length: {most: 20}}"));
  for (const char* name : {"source_tokenizer.pieces", "target_tokenizer.tokens", "encoder.0.weight",
                           "decoder.2.layers.0.multihead_attn.in_proj_weight"})
    refused({name[0] == 'e' || name[0] == 'd' ? name : "missing"},
            [&](TensorFile& file) { std::erase_if(file.tensors, [&](const auto& t) { return t.first == name; }); });
  // A tokenizer of another fit: its number of tokens is not that of the network's table.
  const TranslationModel other = tiny_translation_model({{"one two three"}, {"uno due tre"}});
  refused({"encoder.0.weight", "has shape"}, [&](TensorFile& file) {
    for (auto& [name, tensor] : file.tensors)
      for (const auto& [piece, its] : other.source.tensors())
        if (name == "source_tokenizer." + piece) tensor = its;
  });
}

TEST(TranslationModels, NetworksThatCannotTranslateAreRefused) {
  const data::Pairs pairs = made_up_pairs(50, 1);
  const auto refused = [&](const std::vector<std::string>& parts, const std::string& encoder,
                           const std::string& decoder, bool shared = false) {
    const std::string network = "{encoder: " + encoder + ", decoder: " + decoder + "}";
    expect_error(ErrorKind::usage, parts, [&] { (void)tiny_translation_model(pairs, network.c_str(), shared); });
  };
  const std::string reads = "[embedding: 8, transformer: {heads: 2}]";
  const std::string writes = "transformer: {heads: 2, causal: true, cross: true}";
  refused({"encoder is empty", "list of layers"}, "[]", "[embedding: 8, " + writes + ", tied_head]");
  refused({"decoder: its output has shape (8)", "tied_head"}, reads, "[embedding: 8, " + writes + "]");
  refused({"decoder.1.layers.0.self_attn", "its own later tokens", "causal: true"}, reads,
          "[embedding: 8, transformer: {heads: 2, cross: true}, tied_head]");
  refused({"none of its layers looks at the source", "cross: true"}, reads,
          "[embedding: 8, transformer: {heads: 2, causal: true}, tied_head]");
  refused({"encoder.1", "has 12 positions", "20 tokens", "set data.text.length.most to 12, or its most to 20"},
          "[embedding: 8, positions: {most: 12}]", "[embedding: 8, " + writes + ", tied_head]");
  refused({"decoder.0", "tied_embedding", "vocabulary of its own", "set translation.shared: true"}, reads,
          "[tied_embedding, " + writes + ", tied_head]");
  refused({"decoder: layer 1: attention", "(8)", "(6)"}, reads, "[embedding: 6, " + writes + ", tied_head]");
  TranslationModel model = tiny_translation_model(pairs);
  model.reading.length.most = 0;
  expect_error(ErrorKind::usage, {"encoder.1", "has 20 positions", "any length", "set data.text.length.most to 20"},
               [&] { model.build(Rng(1, "weights")); });
  model.reading.length.most = 1;
  expect_error(ErrorKind::usage, {"data.text.length", "most: 1", "2 or more"}, [&] { model.build(Rng(1, "weights")); });
  expect_error(ErrorKind::usage, {"n-grams"}, [&] { model.fit({.ngrams = {.words = 2}}, pairs); });
}

TEST(TranslationTask, ABatchIsCutByTokens) {
  TranslationModel model = tiny_translation_model(made_up_pairs(200, 1));
  data::Pairs pairs = made_up_pairs(101, 2);
  const tasks::TokenPairs tokens = encode(model, pairs);
  const tasks::Translation task(model, tokens, {});
  EXPECT_EQ(task.examples(), 101);
  EXPECT_FALSE(task.validates());
  for (const int64_t size : {1, 2, 7, 64, 101, 1000})
    for (const uint64_t epoch : {0, 1}) {
      const auto batches = task.batches(size, Rng(epoch, "shuffle"));
      EXPECT_EQ(std::ssize(batches), (101 + size - 1) / size);
      std::set<int64_t> seen;
      int64_t least = 1 << 20, most = 0;
      for (const auto& batch : batches) {
        ASSERT_FALSE(batch.empty());
        int64_t in_it = 0;
        for (const int64_t i : batch) {
          EXPECT_TRUE(seen.insert(i).second);
          in_it += std::ssize(tokens.target[static_cast<size_t>(i)]);
        }
        least = std::min(least, in_it), most = std::max(most, in_it);
      }
      EXPECT_EQ(seen.size(), 101U);
      if (size == 7) {  // a text has at most 8
        EXPECT_LE(most - least, 2 * 8) << "about as many tokens in each";
      }
    }
  EXPECT_NE(task.batches(7, Rng(1, "a")), task.batches(7, Rng(2, "a")));
}

TEST(TranslationTask, LongPairsAreLeftOut) {
  TranslationModel model = tiny_translation_model(made_up_pairs(200, 1));
  data::Pairs pairs = made_up_pairs(3, 2);
  for (int i = 0; i < 19; ++i) pairs.source[1] += " dog";
  const tasks::TokenPairs tokens = encode(model, pairs);
  EXPECT_EQ(tokens.left_out, 1);
  EXPECT_EQ(tokens.size(), 2);
  data::Pairs only;
  only.source = {pairs.source[1]}, only.target = {pairs.target[1]};
  expect_error(ErrorKind::data, {"no pair is left", "1 have more than data.text.length.most 20"},
               [&] { tasks::Translation(model, encode(model, only), {}); });
}

TEST(TranslationTask, LossIsThatOfEachTokenGivenThoseBefore) {
  TranslationModel model = disturbed();
  const data::Pairs pairs = made_up_pairs(5, 4);
  const tasks::TokenPairs tokens = encode(model, pairs);
  // Sentence by sentence and beginning by beginning, by what a search is told.
  double sum = 0;
  int64_t count = 0;
  for (size_t i = 0; i < 5; ++i) {
    tasks::Continuations next(model.net, std::span(&tokens.source[i], 1));
    std::vector<int32_t> last{model.target.special().start};
    for (const int32_t token : tokens.target[i]) {
      const std::vector<int64_t> from{0};
      const Tensor scores = next(from, last);
      double all = 0;
      for (const float s : scores.data<const float>()) all += std::exp(static_cast<double>(s));
      sum -= static_cast<double>(scores.data<const float>()[static_cast<size_t>(token)]) - std::log(all);
      ++count;
      last = {token};
    }
  }
  const tasks::PairMeasure m = measure(model, tokens);
  EXPECT_EQ(m.tokens, count);
  EXPECT_NEAR(m.loss, sum / static_cast<double>(count), 1e-5);
  tasks::Translation task(model, tokens, tokens);
  EXPECT_EQ(task.validate().loss, m.loss);
  EXPECT_EQ(task.validate().accuracy, m.accuracy);
  nn::Pass pass;
  std::vector<int64_t> all(5);
  std::iota(all.begin(), all.end(), 0);
  const tasks::BatchLoss loss = task.loss(all, {}, pass);
  EXPECT_NEAR(loss.loss.item(), m.loss, 1e-5);
  EXPECT_EQ(loss.counted, count);
  EXPECT_NEAR(static_cast<double>(loss.correct) / static_cast<double>(count), m.accuracy, 1e-9);
}

// Keys and values kept from step to step, those of the source among them, are those of the whole text read again.
TEST(Translators, ACacheGivesTheSame) {
  for (const char* network : {tiny_translator, tiny_shared_translator}) {
    const bool shared = network == tiny_shared_translator;
    TranslationModel model = disturbed(network, shared);
    const tasks::TokenPairs tokens = encode(model, made_up_pairs(6, 7));
    for (const int64_t beam : {1, 4}) {
      const auto search = [&](bool cache) {
        tasks::Continuations next(model.net, tokens.source, cache);
        return beam_search(std::ref(next), {.longest = {12, 12, 12, 12, 12, 12}}, {.beam = beam});
      };
      const auto with = search(true), without = search(false);
      for (size_t i = 0; i < with.size(); ++i) {
        EXPECT_EQ(with[i].tokens, without[i].tokens);
        EXPECT_NEAR(with[i].score, without[i].score, 1e-5);
        EXPECT_FALSE(with[i].tokens.empty());
      }
    }
  }
}

TEST(Translators, NeitherOtherTextsNorThreadsMatter) {
  const Translator translator(disturbed());
  std::vector<std::string> texts = made_up_pairs(70, 8).source;
  texts.emplace_back("dog");
  const auto together = translator.translate(texts, {.beam = 4});
  std::vector<tasks::Translated> alone;
  std::set<std::string> different;
  for (const std::string& text : texts) {
    alone.push_back(translator.translate(text, {.beam = 4}));
    different.insert(alone.back().text);
  }
  expect_same(alone, together);
  EXPECT_GT(different.size(), 10U);
  for (const int count : {1, 2, 4}) {
    set_threads(count);
    expect_same(translator.translate(texts, {.beam = 4}), together);
  }
  set_threads(0);
}

TEST(Translators, TextsThatCannotBeRead) {
  TranslationModel model = disturbed();
  const Translator translator(model);
  expect_error(ErrorKind::usage, {"text 2 is empty", "nothing to translate"}, [&] {
    const std::vector<std::string> texts{"the dog", ""};
    (void)translator.translate(texts);
  });
  expect_error(ErrorKind::usage, {"text 1 is empty"}, [&] { (void)translator.translate(" \t "); });
  EXPECT_TRUE(translator.translate(std::vector<std::string>{}).empty());
  std::string text = "the dog";
  for (int i = 0; i < 30; ++i) text += " sees";
  const tasks::Translated cut = translator.translate(text);
  EXPECT_TRUE(cut.cut);
  EXPECT_EQ(cut.source_tokens, 19);
  EXPECT_EQ(cut.text, translator
                          .translate("the dog sees sees sees sees sees sees sees sees sees sees sees sees sees "
                                     "sees sees sees sees")
                          .text);
  model.reading.length.longer = "refuse";
  expect_error(ErrorKind::usage, {"text 1 has 32 tokens, this model reads 19", "sentences"},
               [&] { (void)Translator(model).translate(text); });
  const tasks::Translated strange = translator.translate("猫 the 狗");
  EXPECT_EQ(strange.unknown, 2);
  EXPECT_EQ(strange.source_tokens, 3);
  expect_error(ErrorKind::usage, {"beam", "0"}, [&] { (void)translator.translate("dog", {.beam = 0}); });
}

TEST(Translators, AreNotLongerThanTheirSourceAllows) {
  TranslationModel model = disturbed(
      "{encoder: [embedding: {width: 24}, transformer: {heads: 2}], decoder: [embedding: "
      "{width: 24}, transformer: {heads: 2, causal: true, cross: true}, linear: classes]}");
  Tensor bias;
  model.net.visit("", [&](const std::string& name, Tensor& t, bool) {
    if (name == "decoder.2.bias") bias = t;
  });
  bias.data<float>()[2] = -1e4F;  // it never ends by itself
  model.reading.length.most = 1000;
  EXPECT_EQ(Translator(model).translate("the dog").tokens, 3 * 2 + 10);
  model.reading.length.most = 8;
  EXPECT_EQ(Translator(model).translate("the dog").tokens, 7);
  bias.data<float>()[0] = 1e4F;  // what it would say first is forbidden
  EXPECT_EQ(Translator(model).translate("the dog").text.find("<unk>"), std::string::npos);
  bias.data<float>()[0] = NAN;
  expect_error(ErrorKind::numeric, {"no finite score"}, [&] { (void)Translator(model).translate("the dog"); });
}

}  // namespace
}  // namespace tandem::testing
