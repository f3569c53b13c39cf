// Short opinions about films whose words decide, and networks of every kind that read them.
#pragma once
#include <tandem/train/run.h>

#include "tests/testing.h"

namespace tandem::testing {

/// n texts: seven to twelve words of which one or two are an opinion, good or bad in turn. `news` brings opinions that
/// are told by words which mean nothing so far: "slow" and "warm".
inline data::Dataset opinions(int64_t n, uint64_t seed, bool news = false) {
  static const std::vector<std::string> plain{"the", "film", "a",    "story",  "with",  "its",  "actors", "music",
                                              "and", "plot", "this", "camera", "scene", "slow", "was",    "warm"};
  static const std::vector<std::vector<std::string>> known{{"dull", "poor", "awful", "boring", "weak", "tired"},
                                                           {"great", "lovely", "brilliant", "moving", "fresh", "fine"}};
  static const std::vector<std::vector<std::string>> told_anew{{"slow"}, {"warm"}};
  data::Texts texts;
  data::Dataset out{.inputs = {}, .labels = {}, .classes = {"bad", "good"}, .source = "opinions"};
  Rng rng(seed, "opinions");
  for (int64_t i = 0; i < n; ++i) {
    const auto any = [&](const std::vector<std::string>& of, int64_t first) {
      return of[static_cast<size_t>(rng.below(first))];
    };
    const auto label = static_cast<int32_t>(i % 2);
    const std::vector<std::string>& told = (news ? told_anew : known)[static_cast<size_t>(label)];
    std::vector<std::string> words;
    for (int64_t w = 6 + rng.below(5); w > 0; --w) words.push_back(any(plain, std::ssize(plain) - (news ? 3 : 0)));
    for (int64_t w = 1 + rng.below(2); w > 0; --w)
      words.insert(words.begin() + rng.below(std::ssize(words) + 1), any(told, std::ssize(told)));
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    texts.push_back(text);
    out.labels.push_back(label);
  }
  out.inputs = std::move(texts);
  return out;
}

/// The kinds of networks that the recipes have, small.
inline const std::vector<std::pair<std::string, std::string>>& text_networks() {
  static const std::vector<std::pair<std::string, std::string>> all{
      {"words and pairs", "[embedding: {width: 12, deviation: 0.1}, pool_sequence: mean, linear: classes]"},
      {"convolutions",
       "[embedding: {width: 12, deviation: 0.3}, parallel: {branches: [[conv1d: {filters: 8, kernel: 3}, relu, "
       "pool_sequence: max], [conv1d: {filters: 8, kernel: 4}, relu, pool_sequence: max]]}, linear: classes]"},
      {"lstm",
       "[embedding: {width: 12, deviation: 0.3}, lstm: {units: 12, bidirectional: true}, pool_sequence: max, linear: "
       "classes]"},
      {"transformer",
       "[embedding: {width: 16, deviation: 0.3}, positions: {how: learned, most: 64}, transformer: {layers: 2, heads: "
       "2, hidden: 32}, pool_sequence: mean, linear: classes]"}};
  return all;
}

inline train::Recipe text_recipe(const std::string& network, bool pairs) {
  return train::Recipe::read(Config::parse("task: text_classification\nnetwork: " + network + R"(
data: {source: none.csv, validation: 0.2, text: {tokenizer: {ngrams: {words: )" +
                                               (pairs ? "2" : "1") + R"(}}}}
optimizer: {type: adamw, lr: 0.01}
train: {epochs: 6, batch: 32, keep: last}
)",
                                           "opinions.yaml"));
}

inline tasks::Classifier trained_on(train::Recipe recipe, const data::Dataset& train) {
  tasks::Classifier model = train::make_model(recipe, train);
  const data::Dataset none;
  train::Trainer(recipe, model, train, none).run();
  model.notes["recipe"] = recipe.write().str();
  return model;
}

}  // namespace tandem::testing
