// Explanations of networks that read opinions: the words that are one decide, and must be named.
#include <tandem/autograd/tape.h>
#include <tandem/base/threads.h>
#include <tandem/nn/attention.h>
#include <tandem/nn/weights.h>
#include <tandem/people/explain_text.h>

#include <cmath>
#include <numeric>

#include "tests/people/opinions.h"

namespace tandem::people {
namespace {

using namespace tandem::testing;

struct Reader {
  std::string name;
  tasks::Classifier model;
};

const std::vector<Reader>& readers() {
  static const std::vector<Reader> once = [] {
    std::vector<Reader> out;
    const data::Dataset train = opinions(600, 1);
    for (const auto& [name, network] : text_networks()) {
      out.push_back({name, trained_on(text_recipe(network, name == "words and pairs"), train)});
      EXPECT_GT(train::evaluate_model(out.back().model, opinions(200, 2), "test").result.accuracy, 0.95) << name;
    }
    return out;
  }();
  return once;
}

std::vector<std::string> methods_for(const Reader& reader) {
  std::vector<std::string> out = text_methods();
  if (reader.name != "transformer") std::erase(out, "attention");
  return out;
}

double sum_of(const TextExplanation& e) {
  double out = 0;
  for (const auto& part : e.parts) out += part.adds;
  return out;
}

TEST(ExplainText, PartsStandWhereTheyAreInTheText) {
  const std::string text = "  The film,\tGREAT!! isn’t it?";
  for (const Reader& reader : readers())
    for (const auto& method : methods_for(reader)) {
      const TextExplanation e = explain_text(reader.model, text, {.method = method, .samples = 4});
      std::vector<std::string> words;
      size_t at = 0;
      for (const auto& part : e.parts) {
        EXPECT_GE(part.begin, at) << "none over another";
        EXPECT_EQ(part.text, text.substr(part.begin, part.end - part.begin));
        at = part.end;
        words.push_back(part.text);
      }
      EXPECT_EQ(words, (std::vector<std::string>{"The", "film", ",", "GREAT", "!!", "is", "n’t", "it", "?"}));
      EXPECT_EQ(e.method, method);
    }
}

TEST(ExplainText, WhatMustSumUpDoes) {
  const data::Dataset set = opinions(8, 5);
  for (const Reader& reader : readers())
    for (const std::string& text : set.texts()) {
      const TextExplanation e = explain_text(reader.model, text);
      EXPECT_LT(e.gap, 0.01) << reader.name << ": " << text;
      EXPECT_NEAR(sum_of(e), e.output - e.baseline_output, 0.01 * std::abs(e.output - e.baseline_output) + 1e-6);
      EXPECT_LT(explain_text(reader.model, text, {.method = "shapley", .samples = 4}).gap, 1e-4) << reader.name;
      EXPECT_TRUE(std::isnan(explain_text(reader.model, text, {.method = "occlusion"}).gap));
    }
}

// What is explained is what the network says: the difference of the two outputs is the logit of its probability.
TEST(ExplainText, ExplainsTheAnswerOfPredict) {
  for (const Reader& reader : readers()) {
    tasks::Classifier model = reader.model;
    const data::Dataset set = opinions(6, 9);
    const std::vector<float> p = model.predict(set);
    for (size_t i = 0; i < 6; ++i) {
      const auto bad = explain_text(model, set.texts()[i], {.method = "gradient_input", .target = 0});
      const auto good = explain_text(model, set.texts()[i], {.method = "gradient_input", .target = 1});
      const double logit = std::log(static_cast<double>(p[2 * i + 1]) / static_cast<double>(p[2 * i]));
      EXPECT_NEAR(good.output - bad.output, logit, 1e-3 * std::max(1.0, std::abs(logit))) << reader.name;
      EXPECT_EQ(explain_text(model, set.texts()[i], {.method = "gradient_input"}).target,
                p[2 * i + 1] > p[2 * i] ? 1 : 0);
    }
  }
}

TEST(ExplainText, ShapleyAgreesWithEnumeration) {
  const std::string longer = "the story was brilliant and its music fresh with this", shorter = "a boring film";
  for (const Reader& reader : readers()) {
    for (const std::string& text : {longer, shorter}) {
      const auto e = explain_text(reader.model, text, {.method = "shapley", .target = 1, .samples = 2000});
      const auto exact = shapley_exact(worth_of_words(reader.model, text, 1), std::ssize(e.parts));
      double largest = 0;
      for (const double v : exact) largest = std::max(largest, std::abs(v));
      for (size_t i = 0; i < exact.size(); ++i)
        EXPECT_NEAR(e.parts[i].adds, exact[i], (text == shorter ? 1e-9 : 0.1) * largest) << reader.name << " " << i;
    }
    // Without its word of opinion a text is worth what the network says of the rest.
    const auto worth = worth_of_words(reader.model, "a boring film", 1);
    const auto rest = explain_text(reader.model, "a film", {.method = "gradient_input", .target = 1});
    if (reader.name != "words and pairs") {  // which would see a pair that is new
      EXPECT_NEAR(worth(std::vector<uint8_t>{1, 0, 1}, 3)[0], rest.output, 1e-5) << reader.name;
    }
  }
}

TEST(ExplainText, EveryMethodIsMoreFaithfulThanChance) {
  const data::Dataset set = opinions(12, 6);
  for (const Reader& reader : readers())
    for (const auto& method : methods_for(reader)) {
      if (method == "attention") continue;  // it does not tell for from against
      // Behind a layer norm the output hardly changes along a vector itself: gradient x input has nothing to show
      // there.
      if (method == "gradient_input" && reader.name == "transformer") continue;
      double deletion = 0, insertion = 0, random_deletion = 0, random_insertion = 0;
      for (const std::string& text : set.texts()) {
        const TextExplanation e = explain_text(reader.model, text, {.method = method});
        const auto worth = worth_of_words(reader.model, text, e.target);
        const auto own = faithfulness(worth, ranking_of(e), std::ssize(e.parts));
        deletion += own.deletion_area;
        insertion += own.insertion_area;
        for (uint64_t draw = 0; draw < 3; ++draw) {
          const auto order = Rng(draw, text).permutation(std::ssize(e.parts));
          const auto chance = faithfulness(worth, order, std::ssize(e.parts));
          random_deletion += chance.deletion_area / 3;
          random_insertion += chance.insertion_area / 3;
        }
      }
      EXPECT_LT(deletion, random_deletion) << reader.name << ", " << method;
      EXPECT_GT(insertion, random_insertion) << reader.name << ", " << method;
    }
}

double correlation(const TextExplanation& a, const TextExplanation& b) {
  double ab = 0, aa = 0, bb = 0;
  const auto n = static_cast<double>(a.parts.size());
  const double ma = sum_of(a) / n, mb = sum_of(b) / n;
  for (size_t i = 0; i < a.parts.size(); ++i) {
    ab += (a.parts[i].adds - ma) * (b.parts[i].adds - mb);
    aa += (a.parts[i].adds - ma) * (a.parts[i].adds - ma);
    bb += (b.parts[i].adds - mb) * (b.parts[i].adds - mb);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

// An explanation that is the same for a network with random weights shows the text, not the network (Adebayo et al.).
TEST(ExplainText, DependsOnWhatTheNetworkLearned) {
  const data::Dataset set = opinions(10, 8);
  for (const Reader& reader : readers())
    for (const auto& method : methods_for(reader)) {
      double mean = 0;
      for (uint64_t seed = 1; seed <= 3; ++seed) {
        tasks::Classifier random = reader.model;
        random.build(Rng(seed, "random"));
        for (int64_t i = 0; i < set.size(); ++i) {
          const TextOptions o{.method = method, .target = set.labels[static_cast<size_t>(i)], .samples = 8};
          const std::string& text = set.texts()[static_cast<size_t>(i)];
          mean += correlation(explain_text(reader.model, text, o), explain_text(random, text, o)) / 30;
        }
      }
      EXPECT_LT(std::abs(mean), 0.5) << reader.name << ", " << method;
    }
}

// A pair of words that decides where neither word does, and a mean: its value is known, and shared by the two.
TEST(ExplainText, PairsSpreadOverTheirWords) {
  tasks::Classifier model;
  model.net = nn::Sequential::read(Config::parse("[embedding: 1, pool_sequence: mean, linear: 1]", "net"));
  model.input = tasks::fit_input({"not good", "not good", "so good"}, {.tokenizer = {.ngrams = {.words = 2}}});
  model.classes = {"bad", "good"};
  model.loss = "binary_cross_entropy_logits";
  model.build(Rng(1, "weights"));
  const auto& tokenizer = std::get<tasks::TextInput>(model.input).tokenizer;
  ASSERT_EQ(tokenizer.size(), tokenizer.tokens() + 1) << "one pair comes twice";
  model.net.visit("", [&](const std::string& name, Tensor& t, bool) {
    std::ranges::fill(t.data<float>(), name == "2.weight" ? 1.0F : 0.0F);
    if (name == "0.weight") t.data<float>().back() = -9;  // the pair
  });
  for (const char* method : {"gradient_input", "integrated_gradients", "shapley"}) {
    const auto e = explain_text(model, "it is not good", {.method = method, .target = 1});
    ASSERT_EQ(e.parts.size(), 4U);
    EXPECT_NEAR(e.output, -9.0 / 5, 1e-6);
    const bool shortens = std::string(method) == "shapley";  // a shorter text has a larger mean
    EXPECT_NEAR(e.parts[2].adds, e.parts[3].adds, 1e-6) << method;
    EXPECT_NEAR(sum_of(e), -1.8, 1e-5);
    if (!shortens) {
      EXPECT_NEAR(e.parts[2].adds, -0.9, 1e-5) << method;
      EXPECT_NEAR(e.parts[0].adds, 0, 1e-6);
    }
  }
  const auto other = explain_text(model, "it is not good", {.target = 0});
  EXPECT_NEAR(other.parts[3].adds, 0.9, 1e-5) << "one output is turned round for the first class";
  EXPECT_EQ(explain_text(model, "it is not good").target, 0);
}

TEST(ExplainText, ReadsChineseAndSubwordsAndUnknownWords) {
  data::Texts texts;
  std::vector<int32_t> labels;
  for (int i = 0; i < 60; ++i) {
    texts.push_back(i % 2 ? "房间很干净，早餐不错" : "房间太脏了，服务很差");
    labels.push_back(i % 2);
  }
  for (const char* type : {"word", "character", "bpe", "unigram"}) {
    train::Recipe recipe = text_recipe(text_networks()[0].second, true);
    recipe.data.text.tokenizer.type = type;
    recipe.data.text.tokenizer.vocabulary = 60;
    const auto model =
        trained_on(recipe, {.inputs = texts, .labels = labels, .classes = {"bad", "good"}, .source = "h"});
    const std::string text = "Ｚ早餐 很好𠮷，房间太脏了";  // a full-width letter and a rare sign that training had not
    for (const char* method : {"integrated_gradients", "shapley"}) {
      const auto e = explain_text(model, text, {.method = method, .target = 0});
      size_t at = 0;
      std::string all;
      for (const auto& part : e.parts) {
        EXPECT_GE(part.begin, at) << type;
        EXPECT_EQ(text.substr(part.begin, part.end - part.begin), part.text);
        EXPECT_NO_THROW(data::check_utf8(part.text, "a part")) << "no character is cut";
        at = part.end;
        all += part.text;
      }
      std::string without = text;
      if (std::string(type) != "character") std::erase(without, ' ');
      if (std::string(type) == "character" || std::string(type) == "word") {
        EXPECT_EQ(all, without) << type;
      }
      EXPECT_NE(all.find("脏"), std::string::npos) << type;
      EXPECT_LT(e.gap, 0.01) << type;
      double dirty = 0, breakfast = 0;
      for (const auto& part : e.parts) {
        if (part.text.find("脏") != std::string::npos) dirty += part.adds;
        if (part.text.find("早") != std::string::npos) breakfast += part.adds;
      }
      if (std::string(type) == "word" || std::string(type) == "character") {  // subwords of so few texts are long
        EXPECT_GT(dirty, breakfast) << type << ", " << method;
      }
    }
  }
}

TEST(ExplainText, LooksWhereAttentionLooks) {
  const Reader& reader = readers().back();
  const auto e = explain_text(reader.model, "the plot was awful and the music too", {.method = "attention"});
  EXPECT_NEAR(sum_of(e), 1, 1e-5) << "shares";
  for (const auto& part : e.parts) EXPECT_GT(part.adds, 0);
  expect_error(ErrorKind::usage, {"no attention layer"},
               [&] { (void)explain_text(readers()[0].model, "a film", {.method = "attention"}); });
}

// The weights written out are those that forward() weighs values by: with values that count up, both give one mean.
TEST(ExplainText, WatchedAttentionIsTheOneThatRuns) {
  for (const auto& [key_heads, causal, rotary] : {std::tuple{0, false, false}, {2, true, true}, {1, false, true}}) {
    nn::Attention attention(4, causal);
    attention.key_heads = key_heads, attention.rotary = rotary;
    nn::Build build{Rng(3, "weights"), 2};
    (void)attention.build({16}, build);
    const int64_t width = 16, shared = key_heads ? key_heads : 4, first = (4 + shared) * 4;
    // Every value is the sum of its row's numbers, and the output passes values through.
    std::ranges::fill(attention.in_weight.rows(first, first + shared * 4).data<float>(), 1.0F);
    std::ranges::fill(attention.out_weight.data<float>(), 0.0F);
    for (int64_t i = 0; i < width; ++i) attention.out_weight.data<float>()[static_cast<size_t>(i * width + i)] = 1;
    std::ranges::fill(attention.out_bias.data<float>(), 0.0F);
    Tensor x = Tensor::empty({6, 16});
    Rng rng(4, "x");
    for (float& v : x.data<float>()) v = static_cast<float>(rng.normal());
    Tensor seen;
    attention.watch = [&](const Tensor& w) { seen = w; };
    nn::Pass pass;
    pass.lengths = {6};
    const Tensor y = attention.forward(x, pass);
    ASSERT_EQ(seen.shape(), (Shape{6, 6}));
    for (int64_t i = 0; i < 6; ++i) {
      double expected = 0, got = 0, row = 0;
      for (int64_t j = 0; j < 6; ++j) {
        double value = 0;
        for (int64_t c = 0; c < 16; ++c) value += x.at(j * 16 + c);
        expected += seen.at(i * 6 + j) * value;
        row += seen.at(i * 6 + j);
        if (causal && j > i) {
          EXPECT_EQ(seen.at(i * 6 + j), 0);
        }
      }
      for (int64_t c = 0; c < 16; ++c) got += y.at(i * 16 + c) / 16;
      EXPECT_NEAR(row, 1, 1e-5);
      EXPECT_NEAR(got, expected, 1e-4) << i;
    }
    pass.lengths = {3, 3};
    expect_error(ErrorKind::usage, {"2 sequences"}, [&] { (void)attention.forward(x, pass); });
  }
}

TEST(ExplainText, SaysWhatItCannotDo) {
  const tasks::Classifier& model = readers()[0].model;
  expect_error(ErrorKind::usage, {"'shaply'", "did you mean 'shapley'"},
               [&] { (void)explain_text(model, "a film", {.method = "shaply"}); });
  expect_error(ErrorKind::usage, {"class 2", "0 to 1"}, [&] { (void)explain_text(model, "a film", {.target = 2}); });
  for (const char* nothing : {"", " \t\n"})
    expect_error(ErrorKind::data, {"is empty"}, [&] { (void)explain_text(model, nothing); });
  expect_error(ErrorKind::data, {"no UTF-8"}, [&] { (void)explain_text(model, "a \xff film"); });
  expect_error(ErrorKind::usage, {"takes no texts"}, [&] {
    tasks::Classifier pictures;
    pictures.classes = {"a", "b"};
    (void)explain_text(pictures, "a film");
  });
  const auto unknown = explain_text(model, "zyx", {.method = "shapley"});
  ASSERT_EQ(unknown.parts.size(), 1U);
  EXPECT_NEAR(unknown.parts[0].adds, unknown.output - unknown.baseline_output, 1e-9);
}

TEST(ExplainText, LeavesTheNetworkAloneAndIsTheSameForAnyNumberOfThreads) {
  const std::string text = opinions(1, 3).texts()[0];
  for (const Reader& reader : readers()) {
    auto& net = const_cast<nn::Sequential&>(reader.model.net);
    const auto parameters = nn::trained(net);
    const auto before = format_safetensors({nn::named(net), {}});
    for (const auto& method : methods_for(reader)) {
      std::vector<double> first;
      for (const int threads : {1, 3}) {
        set_threads(threads);
        std::vector<double> values;
        for (const auto& part : explain_text(reader.model, text, {.method = method}).parts) values.push_back(part.adds);
        if (first.empty()) first = values;
        EXPECT_EQ(values, first) << reader.name << ", " << method;
      }
    }
    set_threads(0);
    for (const Tensor& p : parameters) EXPECT_FALSE(grad_of(p).defined());
    EXPECT_EQ(format_safetensors({nn::named(net), {}}), before);
  }
}

}  // namespace
}  // namespace tandem::people
