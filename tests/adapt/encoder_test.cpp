// Vectors of texts: from a classifier, a language model, BERT and GPT-2; and texts kept with theirs.
#include <tandem/adapt/checkpoint.h>
#include <tandem/adapt/encoder.h>
#include <tandem/base/threads.h>
#include <tandem/tasks/known_texts.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tests/adapt/checkpoint_numbers.h"
#include "tests/tasks/language_small.h"

namespace tandem::testing {
namespace {

using adapt::load_encoder;
using tasks::KnownTexts;
using tasks::TextEncoder;

const data::Texts wishes{"where is my parcel", "the parcel is late", "I was charged twice",
                         "please pay me back", "where is the bill",  "late"};

tasks::Classifier classifier(const std::string& network, uint64_t seed = 1) {
  tasks::Classifier model;
  model.net = nn::Sequential::read(Config::parse(network, "net"));
  model.input = tasks::fit_input(wishes, {});
  model.classes = {"delivery", "billing"};
  model.build(Rng(seed, "weights"));
  return model;
}

constexpr const char* bag = "[embedding: 16, pool_sequence: mean, dropout: 0.5, linear: 8, relu, linear: classes]";

/// Row `i` of (n, d) and a vector point the same way, and the row has length 1.
void expect_direction(const Tensor& rows, int64_t i, const Tensor& wanted) {
  const auto row = rows.rows(i, i + 1).data<const float>();
  ASSERT_EQ(std::ssize(row), wanted.numel());
  double length = 0, squares = 0;
  for (int64_t j = 0; j < wanted.numel(); ++j) length += wanted.at(j) * wanted.at(j);
  ASSERT_GT(length, 0);
  for (int64_t j = 0; j < wanted.numel(); ++j) {
    const double value = static_cast<double>(row[static_cast<size_t>(j)]);
    EXPECT_NEAR(value, wanted.at(j) / std::sqrt(length), 1e-5) << i << " " << j;  // sums in another order
    squares += value * value;
  }
  EXPECT_NEAR(squares, 1, 1e-6);
}

Tensor mean_rows(const Tensor& x) {
  Tensor out = Tensor::zeros({x.size(1)});
  for (int64_t i = 0; i < x.numel(); ++i)
    out.data<float>()[static_cast<size_t>(i % x.size(1))] +=
        static_cast<float>(x.at(i) / static_cast<double>(x.size(0)));
  return out;
}

Tensor ids_of(const tasks::TextInput& input, const std::string& text) {
  const std::vector<int32_t> ids = input.tokenizer.encode(text);
  return Tensor::from(ids, {std::ssize(ids)});
}

TEST(TextEncoder, OfAClassifierIsWhatGoesIntoItsLastLayer) {
  const Folder home;
  tasks::Classifier model = classifier(bag);
  model.save(home / "bag.safetensors");
  const TextEncoder encoder = load_encoder(home / "bag.safetensors");
  EXPECT_EQ(encoder.width, 8);
  EXPECT_EQ(encoder.vector, "what goes into layer 5 (linear)");
  const Tensor vectors = encoder.vectors(wishes);
  ASSERT_EQ(vectors.shape(), (Shape{6, 8}));
  for (int64_t i = 0; i < 6; ++i)
    expect_direction(vectors, i, passed(model.net, ids_of(encoder.input, wishes[static_cast<size_t>(i)]), 5));
}

TEST(TextEncoder, WhatIsNotPooledYetIsTheMean) {
  tasks::Classifier model = classifier("[embedding: 16, lstm: 12, linear: classes, pool_sequence: mean]");
  const TextEncoder encoder = TextEncoder::of(model);
  EXPECT_EQ(encoder.vector, "the mean over the text of what goes into layer 2 (linear)");
  const Tensor vectors = encoder.vectors(wishes);
  for (int64_t i = 0; i < 6; ++i)
    expect_direction(vectors, i,
                     mean_rows(passed(model.net, ids_of(encoder.input, wishes[static_cast<size_t>(i)]), 2)));
  // Pooling may stand inside branches.
  const TextEncoder branches = TextEncoder::of(
      classifier("[embedding: 16, parallel: {branches: [[conv1d: {filters: 4, kernel: 3}, pool_sequence: max], "
                 "[pool_sequence: mean]]}, linear: classes]"));
  EXPECT_EQ(branches.vector, "what goes into layer 2 (linear)");
  EXPECT_EQ(branches.vectors(wishes).shape(), (Shape{6, 20}));
}

TEST(TextEncoder, OfALanguageModelIsTheMeanOfItsStates) {
  const Folder home;
  const fs::path text = home.write("text.txt", alphabet_text(60));
  for (const auto& [network, layer] : {std::pair{tiny_transformer, 3}, std::pair{tiny_lstm, 2}}) {
    tasks::LanguageModel model = tiny_language_model(network, text, false);
    model.save(home / "lm.safetensors");
    const TextEncoder encoder = load_encoder(home / "lm.safetensors");
    EXPECT_EQ(encoder.width, layer == 3 ? 16 : 24);
    const data::Texts asked{"abcdef", "q", "abcdefghijklmnop"};
    const Tensor vectors = encoder.vectors(asked);
    for (int64_t i = 0; i < 3; ++i) {  // the last is cut to the context
      const std::string read = asked[static_cast<size_t>(i)].substr(0, 8);
      expect_direction(vectors, i,
                       mean_rows(passed(model.net, ids_of(encoder.input, read), static_cast<size_t>(layer))));
    }
  }
}

TEST(TextEncoder, OfBertIsThePoolersVectorOrThatOfCls) {
  // The small BERT has a pooler and an answer; without the answer its pooler speaks.
  const CheckpointCopy encoder("bert");
  encoder.set("architectures", {"BertModel"});
  const TextEncoder pooled = load_encoder(encoder.folder);
  EXPECT_EQ(pooled.width, 32);
  const adapt::Checkpoint read = adapt::Checkpoint::load(encoder.folder);
  const data::Texts asked{"Hello world", "the networks learn"};
  const Tensor vectors = pooled.vectors(asked);
  for (int64_t i = 0; i < 2; ++i)
    expect_direction(vectors, i, passed(read.net, ids_of(pooled.input, asked[static_cast<size_t>(i)])));
  // GPT-2 is a language model like others.
  const TextEncoder gpt2 = load_encoder(checkpoints() / "gpt2");
  EXPECT_NE(gpt2.vector.find("the mean over the text"), std::string::npos);
  const adapt::Checkpoint base = adapt::Checkpoint::load(checkpoints() / "gpt2");
  expect_direction(gpt2.vectors({"Hello world"}), 0,
                   mean_rows(passed(base.net, ids_of(gpt2.input, "Hello world"), base.net.layers().size() - 1)));
}

TEST(TextEncoder, AVectorHasTheSameBytesInAnyCompanyAndOnAnyThreads) {
  for (const char* network :
       {bag, "[embedding: 24, gru: 32, pool_sequence: max, linear: classes]",
        "[embedding: 32, positions: {most: 16}, transformer: {layers: 2, heads: 4}, pool_sequence: mean, linear: 300, "
        "relu, linear: classes]"}) {
    const TextEncoder encoder = TextEncoder::of(classifier(network));
    data::Texts many;
    for (int i = 0; i < 50; ++i) many.insert(many.end(), wishes.begin(), wishes.end());
    set_threads(4);
    const Tensor all = encoder.vectors(many);
    set_threads(1);
    const Tensor again = encoder.vectors(many);
    EXPECT_EQ(std::memcmp(all.bytes(), again.bytes(), all.byte_count()), 0) << network;
    for (int64_t i = 0; i < 6; ++i) {
      const Tensor alone = encoder.vectors({wishes[static_cast<size_t>(i)]});
      EXPECT_EQ(std::memcmp(alone.bytes(), all.rows(i + 60, i + 61).bytes(), alone.byte_count()), 0) << network << i;
    }
    set_threads(0);
  }
}

TEST(TextEncoder, RefusesWhatHasNoVectorOfATextAndSaysWhy) {
  const Folder home;
  tasks::Classifier pictures;
  pictures.net = nn::Sequential::read(Config::parse("[flatten, linear: 4, linear: classes]", "net"));
  pictures.input = tasks::ImageInput{.height = 8, .width = 8, .channels = 1, .mean = {0.5}, .std = {0.5}};
  pictures.classes = {"a", "b"};
  pictures.build(Rng(1, "weights"));
  expect_error(ErrorKind::usage, {"image_classification", "vectors are made of texts"},
               [&] { (void)TextEncoder::of(pictures); });
  expect_error(ErrorKind::usage, {"layer 0 (embedding)", "no vector before the answer"},
               [&] { (void)TextEncoder::of(classifier("[embedding: 2, pool_sequence: mean]")); });
  const TextEncoder encoder = TextEncoder::of(classifier(bag));
  expect_error(ErrorKind::data, {"text 2", "empty"}, [&] { (void)encoder.vectors({"late", " "}); });
  EXPECT_EQ(encoder.vectors({"我们没有收到"}).shape(), (Shape{1, 8})) << "words it does not know still have a vector";
  EXPECT_EQ(encoder.vectors({}).shape(), (Shape{0, 8}));
  TextEncoder damaged = TextEncoder::of(classifier("[embedding: 8, pool_sequence: mean, linear: classes]"));
  damaged.net.visit("", [](const std::string&, Tensor& t, bool) { std::ranges::fill(t.data<float>(), NAN); });
  expect_error(ErrorKind::numeric, {"text 1", "not finite"}, [&] { (void)damaged.vectors({"late"}); });
  expect_error(ErrorKind::data, {"no.safetensors", "no model of tandem"}, [&] {
    write_safetensors(home / "no.safetensors", {});
    (void)load_encoder(home / "no.safetensors");
  });
}

TEST(KnownTexts, AreKeptWithTheirVectorsForTheSameNetwork) {
  const Folder home;
  const TextEncoder encoder = TextEncoder::of(classifier(bag));
  const fs::path file = home / "known.safetensors";
  const KnownTexts known = KnownTexts::of(encoder, wishes);
  known.save(file);
  const KnownTexts read = KnownTexts::load(file, encoder);
  EXPECT_EQ(read.texts, wishes);
  EXPECT_EQ(std::memcmp(read.vectors.bytes(), known.vectors.bytes(), known.vectors.byte_count()), 0);
  expect_error(ErrorKind::data, {"known.safetensors", "another network", "tandem embed"},
               [&] { (void)KnownTexts::load(file, TextEncoder::of(classifier(bag, 2))); });
  classifier(bag).save(home / "model.safetensors");
  expect_error(ErrorKind::data, {"model.safetensors", "no texts with their vectors", "tandem embed"},
               [&] { (void)KnownTexts::load(home / "model.safetensors", encoder); });
  const auto damaged = [&](auto&& change) {
    TensorFile own = read_safetensors(file);
    change(own);
    write_safetensors(home / "damaged.safetensors", own);
    return KnownTexts::load(home / "damaged.safetensors", encoder);
  };
  expect_error(ErrorKind::data, {"damaged.safetensors", "vectors of shape (6, 8)"}, [&] {
    (void)damaged([](TensorFile& f) { f.tensors[0].second = Tensor::zeros({5, 8}); });
  });
  expect_error(ErrorKind::data, {"damaged.safetensors", "no texts as it was written"},
               [&] { (void)damaged([](TensorFile& f) { f.tensors.pop_back(); }); });
  expect_error(ErrorKind::data, {"damaged.safetensors", "end before they begin"},
               [&] { (void)damaged([](TensorFile& f) { f.tensors.back().second.data<int64_t>()[2] = -1; }); });
  expect_error(ErrorKind::data, {"damaged.safetensors", "format version '9'"},
               [&] { (void)damaged([](TensorFile& f) { f.metadata["tandem.format"] = "9"; }); });
}

}  // namespace
}  // namespace tandem::testing
