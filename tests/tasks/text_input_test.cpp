// Texts as a network's input, and a classifier of texts as a file.
#include <tandem/nn/weights.h>
#include <tandem/tasks/classification.h>
#include <tandem/tensor/safetensors.h>

#include <numeric>

#include "tests/testing.h"

namespace tandem::tasks {
namespace {

using tandem::testing::expect_error;
using tandem::testing::Folder;

data::Dataset reviews() {
  data::Texts texts;
  std::vector<int32_t> labels;
  for (int i = 0; i < 20; ++i) {
    texts.push_back(i % 2 ? "a good film" : "a very bad and very dull film");
    if (i % 4 == 0) texts.back() += " indeed it is";
    labels.push_back(i % 2);
  }
  return {.inputs = texts, .labels = labels, .classes = {"bad", "good"}, .source = "reviews"};
}

Classifier model_of(const data::Dataset& set, const TextOptions& options = {}) {
  Classifier model;
  model.net = nn::Sequential::read(Config::parse("[embedding: 8, pool_sequence: mean, linear: classes]", "net"));
  model.input = fit_input(set.texts(), options);
  model.classes = set.classes;
  model.build(Rng(1, "weights"));
  return model;
}

const TextInput& text_of(const Classifier& model) { return std::get<TextInput>(model.input); }

TEST(TextInput, PacksTokensOneTextAfterAnother) {
  const data::Dataset set = reviews();
  const Classifier model = model_of(set);
  const Batch batch = batch_of(model.input, set, std::vector<int64_t>{1, 2}, {}, Rng(1, "a"));
  EXPECT_EQ(batch.lengths, (std::vector<int64_t>{3, 7}));
  EXPECT_EQ(batch.x.shape(), Shape{10});
  EXPECT_EQ(batch.x.dtype(), DType::i32);
  const auto ids = batch.x.data<const int32_t>();
  EXPECT_EQ(text_of(model).tokenizer.decode({ids.begin(), 3}), "a good film");
}

TEST(TextInput, WordDropoutIsDrawnByExampleAndNeverTakesAll) {
  const data::Dataset set = reviews();
  const Classifier model = model_of(set);
  const auto lengths = [&](uint64_t seed, double dropout) {
    std::vector<int64_t> all(20);
    std::iota(all.begin(), all.end(), 0);
    return batch_of(model.input, set, all, {.words = dropout}, Rng(seed, "a")).lengths;
  };
  EXPECT_EQ(lengths(1, 0.5), lengths(1, 0.5));
  EXPECT_NE(lengths(1, 0.5), lengths(2, 0.5));
  for (const int64_t n : lengths(3, 0.9)) EXPECT_GE(n, 1);
  const auto half = lengths(4, 0.5), whole = lengths(4, 0);
  EXPECT_LT(std::accumulate(half.begin(), half.end(), int64_t{0}), std::accumulate(whole.begin(), whole.end(), int64_t{0}));
}

TEST(TextInput, LongTextsAreCutOrRefused) {
  const data::Dataset set = reviews();
  const auto decoded = [&](const data::LengthLimit& limit) {
    const TextInput input = fit_input(set.texts(), {.length = limit});
    return input.tokenizer.decode(encode(input, {"a very bad and dull film"}).at(0));
  };
  EXPECT_EQ(decoded({.most = 3}), "a very bad");
  EXPECT_EQ(decoded({.most = 3, .longer = "middle"}), "a very film");
  EXPECT_EQ(decoded({.most = 0}), "a very bad and dull film");
  expect_error(ErrorKind::data, {"has 6 tokens, at most 3"}, [&] { (void)decoded({.most = 3, .longer = "refuse"}); });
}

TEST(TextInput, RefusesEmptyTextsAndBadBytes) {
  const TextInput input = fit_input(reviews().texts(), {});
  expect_error(ErrorKind::data, {"text 2", "is empty"}, [&] { (void)encode(input, {"good", " \n"}); });
  expect_error(ErrorKind::data, {"text 1:1:5: byte 0xff"}, [&] { (void)encode(input, {"good\xff"}); });
  EXPECT_EQ(unknown_share(input, "a good film"), 0);
  EXPECT_EQ(unknown_share(input, "совсем другое"), 1) << "another script: nothing is known of it";
  EXPECT_EQ(unknown_share(input, "good фильм"), 0.5);
  EXPECT_EQ(unknown_share(input, ""), 1);
}

TEST(TextClassifier, IsTheSameFromItsFile) {
  const data::Dataset set = reviews();
  for (const data::TokenizerOptions& tokenizer :
       {data::TokenizerOptions{}, data::TokenizerOptions{.ngrams = {.words = 2, .characters = {2, 3}}},
        data::TokenizerOptions{.type = "bpe", .vocabulary = 30}}) {
    Classifier model = model_of(set, {.tokenizer = tokenizer});
    const std::vector<float> before = model.predict(set);
    const Folder folder;
    model.save(folder / "m.safetensors");
    Classifier again = Classifier::load(folder / "m.safetensors");
    EXPECT_EQ(task_of(again.input), "text_classification");
    EXPECT_EQ(again.predict(set), before);
    EXPECT_EQ(text_of(again).length.most, 512);
    again.save(folder / "n.safetensors");
    EXPECT_EQ(read_file(folder / "n.safetensors"), read_file(folder / "m.safetensors"));
  }
}

TEST(TextClassifier, BatchesHoldTextsOfLikeLength) {
  data::Dataset set = reviews();
  data::Texts texts;
  set.labels.clear();
  for (int i = 0; i < 1000; ++i) {
    texts.emplace_back();
    for (int w = 0; w <= (i * 37) % 50; ++w) texts.back() += "word ";
    set.labels.push_back(i % 2);
  }
  set.inputs = texts;
  Classifier model = model_of(set);
  const data::Dataset none{.inputs = data::Texts{}, .labels = {}, .classes = set.classes, .source = ""};
  const Classification task(model, set, none, {});
  const auto batches = task.batches(20, Rng(1, "shuffle"));
  EXPECT_EQ(batches.size(), 50U);
  std::vector<int64_t> seen;
  size_t spread = 0;
  for (const auto& batch : batches) {
    size_t shortest = 1000, longest = 0;
    for (const int64_t i : batch) {
      seen.push_back(i);
      shortest = std::min(shortest, texts[static_cast<size_t>(i)].size());
      longest = std::max(longest, texts[static_cast<size_t>(i)].size());
    }
    spread += longest - shortest;
  }
  EXPECT_LT(spread / batches.size(), 40U) << "random batches spread over nearly all 250 bytes";
  std::ranges::sort(seen);
  EXPECT_EQ(seen.size(), 1000U);
  EXPECT_EQ(std::unique(seen.begin(), seen.end()), seen.end()) << "each example once";
  EXPECT_EQ(task.batches(20, Rng(1, "shuffle")), batches);
  EXPECT_NE(task.batches(20, Rng(2, "shuffle")), batches);
}

TEST(TextClassifier, ATokenizerThatDoesNotFitTheWeightsIsRefused) {
  const Folder folder;
  const data::Dataset set = reviews();
  Classifier model = model_of(set);
  model.save(folder / "m.safetensors");
  TensorFile file = read_safetensors(folder / "m.safetensors");
  const auto write = [&] { write_safetensors(folder / "b.safetensors", file); };
  const auto refused = [&](const std::vector<std::string>& parts) {
    expect_error(ErrorKind::data, parts, [&] { (void)Classifier::load(folder / "b.safetensors"); });
  };
  // Another tokenizer: three pieces fewer than the embedding has rows.
  const TextInput other = fit_input({"a good film"}, {});
  for (auto& [name, tensor] : file.tensors)
    for (const auto& [own, replacement] : other.tensors())
      if (name == own) tensor = replacement;
  write();
  refused({"0.weight", "shape"});
  std::erase_if(file.tensors, [](const auto& t) { return t.first == "tokenizer.pieces"; });
  write();
  refused({"'pieces' is missing"});

  Classifier narrow = model_of(set);
  narrow.net = nn::Sequential::read(
      Config::parse("[embedding: {width: 8, vocabulary: 5}, pool_sequence: mean, linear: classes]", "net"));
  expect_error(ErrorKind::usage, {"its embedding has 5 entries", "different tokens"},
               [&] { narrow.build(Rng(1, "weights")); });
  Classifier without = model_of(set);
  without.net = nn::Sequential::read(Config::parse("[embedding: 8, linear: classes]", "net"));
  without.build(Rng(1, "weights"));
  expect_error(ErrorKind::usage, {"one a token: put a pooling layer"}, [&] { (void)without.predict(set); });
  expect_error(ErrorKind::usage, {"takes no pictures"}, [&] { (void)model.image(); });
}

}  // namespace
}  // namespace tandem::tasks
