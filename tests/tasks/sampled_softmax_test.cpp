#include <tandem/autograd/tape.h>
#include <tandem/ops/linear.h>
#include <tandem/ops/loss.h>
#include <tandem/tasks/sampled_softmax.h>
#include <tandem/train/run.h>

#include <cmath>
#include <numeric>

#include "tests/tasks/language_small.h"

namespace tandem::testing {
namespace {

struct Letters {
  Folder home;
  fs::path file = home.write("text.txt", alphabet_text(40));
  tasks::LanguageModel model = tiny_language_model(tiny_lstm, file, true);
  data::TokenStream text = stream_of(model, file);
};

Tensor random(const Shape& shape, uint64_t seed) {
  Tensor out = Tensor::empty(shape);
  Rng rng(seed, "test");
  for (float& value : out.data<float>()) value = static_cast<float>(rng.normal());
  return out;
}

TEST(SampledSoftmax, IsTheWholeOneWhereAllAreDrawn) {
  const Letters letters;
  const int64_t vocabulary = letters.model.vocabulary();
  const tasks::SampledSoftmax sampled(letters.text, vocabulary, 200'000);
  std::vector<int32_t> next(12);
  letters.text.read(5, next);
  std::vector<std::vector<Tensor>> gradients;
  std::vector<double> losses;
  for (const bool whole : {true, false}) {
    std::vector<Tensor> own{random({12, 6}, 1), random({vocabulary, 6}, 2), random({vocabulary}, 3)};
    for (Tensor& t : own) require_grad(t);
    const Tensor loss = whole ? cross_entropy(linear(own[0], own[1], own[2]), Tensor::from(next, {12}))
                              : sampled.loss(own[0], own[1], own[2], next, Rng(4, "draw")).mean;
    backward(loss);
    losses.push_back(loss.item());
    for (auto& out = gradients.emplace_back(); const Tensor& t : own) out.push_back(grad_of(t));
  }
  EXPECT_NEAR(losses[0], losses[1], 1e-3);
  for (size_t i = 0; i < 3; ++i)
    for (int64_t k = 0; k < gradients[0][i].numel(); ++k)
      EXPECT_NEAR(gradients[0][i].data<const float>()[static_cast<size_t>(k)],
                  gradients[1][i].data<const float>()[static_cast<size_t>(k)], 1e-3);
}

// What is scored, each divided by its chance to be, is on average the sum over all tokens: with scores of 0, their
// number.
TEST(SampledSoftmax, StandsForTheWholeSumOnAverage) {
  const Letters letters;
  const auto vocabulary = static_cast<size_t>(letters.model.vocabulary());
  constexpr int candidates = 5, steps = 20'000;
  const tasks::SampledSoftmax sampled(letters.text, letters.model.vocabulary(), candidates);
  std::vector<int32_t> all(static_cast<size_t>(letters.text.size()));
  letters.text.read(0, all);
  std::vector<double> count(vocabulary), drawn(vocabulary);
  for (const int32_t token : all) ++count[static_cast<size_t>(token)];
  for (size_t v = 0; v < vocabulary; ++v) drawn[v] = std::pow(std::max(count[v], 0.5), 0.75);
  const double sum = std::accumulate(drawn.begin(), drawn.end(), 0.0), size = static_cast<double>(all.size());

  const Tensor features = Tensor::zeros({1, 4}), weight = random({letters.model.vocabulary(), 4}, 2);
  Rng rng(3, "places");
  double found = 0;
  for (int i = 0; i < steps; ++i) {
    const int32_t next = all[static_cast<size_t>(rng.below(std::ssize(all)))];
    const auto v = static_cast<size_t>(next);
    const double chance = 1 - std::pow(1 - drawn[v] / sum, candidates) * (1 - count[v] / size);
    const Tensor loss =
        sampled.loss(features, weight, {}, std::span(&next, 1), Rng(5, "draw").split(static_cast<uint64_t>(i))).mean;
    found += std::exp(loss.item()) / chance / steps;
  }
  EXPECT_NEAR(found, static_cast<double>(vocabulary), 0.03 * static_cast<double>(vocabulary));
}

TEST(SampledSoftmax, TeachesWhatTheWholeOneDoes) {
  const Folder home;
  const fs::path text = home.write("text.txt", alphabet_text(200));
  for (const char* head : {"linear: classes", "tied_head: {bias: true}"}) {
    const auto trained = [&](const std::string& candidates) {
      train::Recipe recipe = train::Recipe::read(Config::parse(
          "name: letters\ntask: language_model\ndata: {source: " + text.string() +
              ", validation: 0.2, test_share: 0, text: {tokenizer: character}}\nnetwork: [embedding: {width: 16, "
              "deviation: 0.3}, lstm: 16, " +
              head + "]\nlanguage: {context: 8, carry: true, prompts: []" + candidates +
              "}\noptimizer: {lr: 0.01}\ntrain: {epochs: 6, batch: 4, clip: 1}",
          "letters.yaml"));
      const train::RunFolder folder = train::RunFolder::create(home / "runs", "letters");
      return train::run(recipe, folder, home.path(), "tandem train letters", false, {}).test.figures.at("loss");
    };
    EXPECT_NEAR(trained(", candidates: 8"), trained(""), 0.15) << head;
  }
}

TEST(SampledSoftmax, RefusesHeadsThatCannotScoreAPart) {
  const Letters letters;
  tasks::LanguageModel with_softmax =
      tiny_language_model("[embedding: 8, lstm: 8, linear: classes, softmax]", letters.file, true);
  expect_error(ErrorKind::usage, {"language.candidates", "tied_head or linear: classes"},
               [&] { const tasks::LanguageModeling task(with_softmax, letters.text, {}, 2, 0, 4); });
  tasks::LanguageModel model = letters.model;
  expect_error(ErrorKind::usage, {"language.candidates", "label_smoothing"},
               [&] { const tasks::LanguageModeling task(model, letters.text, {}, 2, 0.1, 4); });
}

}  // namespace
}  // namespace tandem::testing
