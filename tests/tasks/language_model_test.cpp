#include <tandem/autograd/tape.h>
#include <tandem/nn/weights.h>
#include <tandem/ops/loss.h>

#include <cmath>
#include <set>

#include "tests/tasks/language_small.h"

namespace tandem::testing {
namespace {

using tasks::LanguageModel;
using tasks::LanguageModeling;

struct Text {
  Folder home;
  fs::path path = home.write("text.txt", alphabet_text(60));
};

TEST(LanguageModel, IsTheSameAfterItsFile) {
  const Text text;
  LanguageModel model = tiny_language_model(tiny_lstm, text.path, true);
  model.notes["name"] = "x";
  model.save(text.home / "m.safetensors");
  LanguageModel loaded = LanguageModel::load(text.home / "m.safetensors");
  const auto tokens = stream_of(model, text.path);
  EXPECT_EQ(measure(loaded, tokens).loss, measure(model, tokens).loss);
  EXPECT_EQ(loaded.reading.carry, true);
  EXPECT_EQ(loaded.reading.context, 8);
  EXPECT_EQ(loaded.notes, model.notes);
  loaded.save(text.home / "again.safetensors");
  EXPECT_EQ(read_file(text.home / "again.safetensors"), read_file(text.home / "m.safetensors"));
}

TEST(LanguageModel, RefusesWhatIsNone) {
  const Text text;
  LanguageModel model = tiny_language_model(tiny_lstm, text.path, true);
  const fs::path path = text.home / "m.safetensors";
  model.save(path);
  const auto changed = [&](const std::function<void(TensorFile&)>& change) {
    TensorFile file = read_safetensors(path);
    change(file);
    write_safetensors(text.home / "c.safetensors", file);
    return text.home / "c.safetensors";
  };
  expect_error(ErrorKind::data, {"c.safetensors", "tandem.reading"},
               [&] { (void)LanguageModel::load(changed([](TensorFile& f) { f.metadata.erase("tandem.reading"); })); });
  expect_error(ErrorKind::data, {"image_classification", "language_model"}, [&] {
    (void)LanguageModel::load(changed([](TensorFile& f) { f.metadata["tandem.task"] = "image_classification"; }));
  });
  expect_error(ErrorKind::data, {"c.safetensors", "tokenizer"}, [&] {
    (void)LanguageModel::load(changed(
        [](TensorFile& f) { std::erase_if(f.tensors, [](const auto& t) { return t.first == "tokenizer.pieces"; }); }));
  });
  // Another tokenizer than the weights were learned with: one token less.
  expect_error(ErrorKind::data, {"0.weight", "shape"}, [&] {
    (void)LanguageModel::load(changed([](TensorFile& f) {
      for (auto& [name, tensor] : f.tensors)
        if (name == "0.weight") tensor = tensor.rows(0, tensor.size(0) - 1).clone();
    }));
  });
  LanguageModel wrong;
  wrong.tokenizer = model.tokenizer;
  wrong.net = nn::Sequential::read(Config::parse("[embedding: 4, linear: 3]", "n.yaml"));
  expect_error(ErrorKind::usage, {"network", "a score for each token"}, [&] { wrong.build(Rng(1, "w")); });
}

TEST(LanguageModel, MeasuresEachTokenOnce) {
  const Text text;
  const LanguageModel model = tiny_language_model(tiny_lstm, text.path, false);
  const auto tokens = stream_of(model, text.path);
  const tasks::TextMeasure m = measure(model, tokens);
  EXPECT_EQ(m.tokens, tokens.size() - 1);
  // By hand: windows of 8, each from a fresh state.
  double sum = 0;
  const NoGrad off;
  for (int64_t at = 0; at + 1 < tokens.size(); at += 8) {
    const int64_t n = std::min<int64_t>(8, tokens.size() - 1 - at);
    std::vector<int32_t> piece(static_cast<size_t>(n + 1));
    tokens.read(at, piece);
    nn::Pass pass;
    pass.lengths = {n};
    nn::Sequential net = model.net;
    const Tensor y = net.forward(Tensor::from(std::vector<int32_t>(piece.begin(), piece.end() - 1), {n}), pass);
    sum += cross_entropy(y, Tensor::from(std::vector<int32_t>(piece.begin() + 1, piece.end()), {n})).item() *
           static_cast<double>(n);
  }
  EXPECT_NEAR(m.loss, sum / static_cast<double>(m.tokens), 1e-5);
}

TEST(LanguageModel, CarriedStateReadsTheWholeTextAsOne) {
  const Folder home;
  const fs::path path = home.write("text.txt", alphabet_text(3));  // shorter than 16 streams of a context
  LanguageModel model = tiny_language_model(tiny_lstm, path, true, 64);
  const auto tokens = stream_of(model, path);
  const tasks::TextMeasure one = measure(model, tokens);
  EXPECT_EQ(one.tokens, tokens.size() - 1);
  model.reading.context = 1 << 10;
  EXPECT_NEAR(measure(model, tokens).loss, one.loss, 1e-5);  // one stream both times: pieces do not matter
  model.reading = {.context = 5, .carry = false};
  EXPECT_GT(std::abs(measure(model, tokens).loss - one.loss), 1e-4) << "what came before is forgotten";
}

TEST(LanguageModeling, AnEpochReadsTheTextOnceInWindows) {
  const Text text;
  LanguageModel model = tiny_language_model(tiny_lstm, text.path, false);
  const LanguageModeling task(model, stream_of(model, text.path), std::nullopt, 4);
  const auto first = task.batches(4, Rng(1, "shuffle").split(uint64_t{0})),
             again = task.batches(4, Rng(1, "shuffle").split(uint64_t{0}));
  EXPECT_EQ(first, again);
  std::set<int64_t> phases, places;
  for (uint64_t epoch = 0; epoch < 20; ++epoch) {
    const auto batches = task.batches(4, Rng(1, "shuffle").split(epoch));
    EXPECT_EQ(batches.size(), first.size());
    phases.insert(batches[0][0] % 8);
    places.clear();
    for (const auto& batch : batches) {
      EXPECT_EQ(batch.size(), 4U);
      for (const int64_t place : batch) {
        EXPECT_EQ(place % 8, batches[0][0] % 8) << "without overlap";
        EXPECT_TRUE(places.insert(place).second);
        EXPECT_LE(place + 8, 60 * 13 - 1);
      }
    }
  }
  EXPECT_GT(phases.size(), 3U) << "each epoch begins elsewhere";
}

TEST(LanguageModeling, StreamsGoOnWhereTheyStopped) {
  const Text text;
  LanguageModel model = tiny_language_model(tiny_lstm, text.path, true);
  const LanguageModeling task(model, stream_of(model, text.path), std::nullopt, 4);
  const auto batches = task.batches(4, Rng(1, "shuffle").split(uint64_t{0}));
  ASSERT_GT(batches.size(), 5U);
  for (size_t i = 1; i < batches.size(); ++i)
    for (size_t s = 0; s < 4; ++s) EXPECT_EQ(batches[i][s], batches[i - 1][s] + 8);
  expect_error(ErrorKind::usage, {"language.carry", "no recurrent layer"}, [&] {
    LanguageModel plain = tiny_language_model("[embedding: 4, linear: classes]", text.path, true);
    const LanguageModeling none(plain, stream_of(plain, text.path), std::nullopt, 4);
  });
  expect_error(ErrorKind::data, {"train", "tokens", "train.batch 200"},
               [&] { const LanguageModeling none(model, stream_of(model, text.path), std::nullopt, 200); });
}

// What two steps teach differs from the same pieces without memory, and the state is there to be kept.
TEST(LanguageModeling, CarriesStateFromStepToStep) {
  const Text text;
  LanguageModel model = tiny_language_model(tiny_lstm, text.path, true);
  LanguageModeling task(model, stream_of(model, text.path), std::nullopt, 2);
  const auto batches = task.batches(2, Rng(1, "shuffle").split(uint64_t{0}));
  const auto loss = [&](int64_t step) {
    nn::Pass pass;
    pass.training = true;
    return task.loss(batches[static_cast<size_t>(step)], {.step = step}, pass).loss.item();
  };
  (void)loss(0);
  std::vector<std::pair<std::string, Tensor>> kept;
  task.visit_state([&](const std::string& name, Tensor& t, bool) { kept.emplace_back(name, t.clone()); });
  EXPECT_EQ(kept.size(), 4U) << "h and c of two layers";
  EXPECT_EQ(kept[0].second.shape(), (Shape{2, 24}));
  const double carried = loss(1);
  EXPECT_NE(loss(0), carried);  // and step 0 begins anew
  const double fresh = [&] {
    (void)loss(0);
    task.visit_state([&](const std::string&, Tensor& t, bool) { t = Tensor::zeros(t.shape()); });
    return loss(1);
  }();
  EXPECT_NE(fresh, carried);
  size_t i = 0;
  task.visit_state([&](const std::string&, Tensor& t, bool) { t = kept[i++].second.clone(); });
  EXPECT_EQ(loss(1), carried);
}

}  // namespace
}  // namespace tandem::testing
