// Trainings of every kind, small enough to run hundreds of times: what is promised of bytes is tried on each of them.
#pragma once
#include <tandem/tasks/language_modeling.h>
#include <tandem/train/translation.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/tasks/language_small.h"
#include "tests/tasks/translation_small.h"
#include "tests/train/small.h"

namespace tandem::testing {

/// A recipe and what it learns from, from which the same training can be begun again and again.
struct Course {
  std::string name;
  std::string recipe;
  std::string learns = "pictures";  // large pictures, rows, texts, letters, pairs
  bool sick = false;                // the doctor has something to say
};

inline const std::string convolution_layers =
    "network: [conv: {filters: 4, padding: same}, batch_norm, relu, max_pool: 2, flatten, ";
inline const std::string varied_pictures =
    "data: {augment: {shift: 1, rotate: 10, scale: 0.1, noise: 0.05, flip: true, erase: 2}}\n";

inline const std::vector<Course>& courses() {
  static const std::vector<Course> all{
      {"forward_sgd",
       "network: [flatten, linear: 16, tanh, dropout: 0.2, linear: classes]\ndata: {augment: {shift: 1}}\n"
       "optimizer: {type: sgd, lr: 0.05}\nschedule: {type: cosine, warmup: 2}\ntrain: {epochs: 17, batch: 16}"},
      {"forward_nesterov_plateau",
       "network: [flatten, linear: 16, relu, dropout: 0.2, linear: classes]\ndata: {augment: {noise: 0.1}}\n"
       "optimizer: {type: sgd, lr: 0.05, momentum: 0.9, nesterov: true, weight_decay: 0.01}\n"
       "schedule: {type: plateau, patience: 0, factor: 0.5}\n"
       "train: {epochs: 17, batch: 16, average: 0.9, early_stopping: 16}"},
      {"convolution_adam", convolution_layers + "dropout: 0.3, linear: classes]\n" + varied_pictures +
                               "optimizer: {type: adam, lr: 0.01}\nschedule: {type: step, at: [3.5, 9]}\n"
                               "train: {epochs: 17, batch: 16, average: 0.9, clip: 0.5}"},
      {"convolution_bf16", convolution_layers + "dropout: 0.3, linear: classes]\n" + varied_pictures +
                               "optimizer: {type: adamw, lr: 0.01, weight_decay: 0.1}\n"
                               "train: {epochs: 17, batch: 16, average: 0.9, precision: bf16}"},
      {"convolution_muon_progressive",
       "network: [conv: {filters: 4, padding: same}, batch_norm, relu, residual: {body: [conv: {filters: 4, padding: "
       "same}, group_norm: 2]}, global_avg_pool, linear: classes]\n" +
           varied_pictures +
           "optimizer: {type: muon, lr: 0.01, momentum: 0.95, nesterov: true, weight_decay: 0.05, keep_norm: true}\n"
           "schedule: {type: linear, warmup: 1}\n"
           "train: {epochs: 17, batch: 16, keep: last, progressive: {size: [5], until: [0.4]}}"},
      {"convolution_swa",
       convolution_layers + "dropout: 0.3, linear: classes]\n" + varied_pictures +
           "optimizer: {type: adam, lr: 0.01}\ntrain: {epochs: 17, batch: 16, average: {last: 0.6}}"},
      {"convolution_mixed",
       "network: [conv: {filters: 8, padding: same}, batch_norm, relu, max_pool: 2, flatten, linear: classes]\n"
       "data: {augment: {shift: 1, brightness: 0.3, contrast: 0.3, hue: 20, rand_augment: {operations: 2, magnitude: "
       "7}, "
       "mixup: 0.4, cutmix: 1}}\noptimizer: {type: adam, lr: 0.003}\ntrain: {epochs: 26, batch: 48, average: {last: "
       "0.4}}",
       "large pictures"},
      {"rows_mixed",
       "task: table_classification\nnetwork: [linear: 16, batch_norm, relu, linear: classes]\n"
       "data: {augment: {noise: 0.1, mixup: 0.3}}\noptimizer: {type: adamw, lr: 0.01}\n"
       "loss: {label_smoothing: 0.1, balanced: true}\ntrain: {epochs: 17, batch: 16, average: 0.9}",
       "rows"},
      {"convolution_on_threads",
       "network: [conv: {filters: 8, padding: same}, batch_norm, relu, max_pool: 2, dropout: 0.3, flatten, linear: "
       "classes]\n" +
           varied_pictures +
           "optimizer: {type: rmsprop, lr: 0.003, momentum: 0.5}\ntrain: {epochs: 26, batch: 48, average: 0.9}",
       "large pictures"},
      {"convolution_pruned",
       convolution_layers + "dropout: 0.3, linear: classes]\n" + varied_pictures +
           "optimizer: {type: sgd, lr: 0.05, momentum: 0.9, weight_decay: 0.01}\n"
           "train: {epochs: 17, batch: 16, average: 0.9, prune: {share: 0.7, until: 0.6, every: 3}}"},
      {"forward_pruned_by_layer",
       "network: [flatten, linear: 16, relu, linear: classes]\noptimizer: {type: muon, lr: 0.01, momentum: 0.9}\n"
       "train: {epochs: 17, batch: 16, average: {last: 0.3}, prune: {share: 0.5, by: layer, every: 7}}"},
      {"recurrent_rmsprop",
       "network: [embedding: 8, dropout: 0.2, lstm: {units: 8, layers: 2, dropout: 0.2}, pool_sequence: last, linear: "
       "classes]\ntask: text_classification\ndata: {augment: {words: 0.2}}\n"
       "optimizer: {type: rmsprop, lr: 0.003}\nschedule: {type: exponential, final: 0.1}\n"
       "train: {epochs: 17, batch: 16}",
       "texts"},
      {"transformer_adamw",
       "network: [embedding: 8, positions: {most: 16}, transformer: {layers: 2, heads: 2, dropout: 0.2}, "
       "pool_sequence: mean, linear: classes]\ntask: text_classification\ndata: {augment: {words: 0.2}}\n"
       "optimizer: {type: adamw, lr: 0.003, weight_decay: 0.01, decay_all: false}\nschedule: {type: cosine}\n"
       "loss: {label_smoothing: 0.1, balanced: true}\ntrain: {epochs: 17, batch: 16, average: 0.9, clip: 1}",
       "texts"},
      {"letters_lstm_carried",
       "task: language_model\nnetwork: [embedding: {width: 12, deviation: 0.3}, lstm: 16, dropout: 0.1, linear: "
       "classes]\nlanguage: {context: 8, carry: true}\noptimizer: {type: adam, lr: 0.01}\n"
       "train: {epochs: 6, batch: 4, clip: 1}",
       "letters"},
      {"letters_lstm_sampled",
       "task: language_model\nnetwork: [embedding: {width: 12, deviation: 0.3}, lstm: 12, tied_head]\n"
       "language: {context: 8, carry: true, candidates: 4}\noptimizer: {type: adam, lr: 0.01}\n"
       "train: {epochs: 6, batch: 4}",
       "letters"},
      {"letters_transformer_muon",
       "task: language_model\nnetwork: [embedding: {width: 16, deviation: 0.3}, transformer: {layers: 2, heads: 2, "
       "causal: true, rotary: true, dropout: 0.1, norm_kind: rms}, tied_head]\nlanguage: {context: 8}\n"
       "optimizer: {type: muon, lr: 0.01, momentum: 0.9}\nschedule: {type: cosine, warmup: 1}\n"
       "train: {epochs: 6, batch: 4, average: 0.95}",
       "letters"},
      {"letters_transformer_bf16",
       "task: language_model\nnetwork: [embedding: {width: 16, deviation: 0.3}, transformer: {layers: 2, heads: 2, "
       "causal: true, dropout: 0.1}, linear: classes]\nlanguage: {context: 8}\n"
       "optimizer: {type: muon, lr: 0.01, momentum: 0.9}\ntrain: {epochs: 6, batch: 4, precision: bf16}",
       "letters"},
      {"pairs_transformer_adamw",
       "task: translation\nnetwork: {encoder: [embedding: {width: 16, deviation: 0.2}, positions: {how: sinusoidal, "
       "most: "
       "20}, dropout: 0.1, transformer: {layers: 1, heads: 2, dropout: 0.1}], decoder: [tied_embedding, dropout: 0.1, "
       "transformer: {layers: 1, heads: 2, causal: true, cross: true, rotary: true, dropout: 0.1}, tied_head]}\n"
       "data: {from: en, to: xx, text: {length: {most: 20}}}\ntranslation: {shared: true}\n"
       "loss: {label_smoothing: 0.1}\noptimizer: {type: adamw, lr: 0.003, weight_decay: 0.01}\n"
       "schedule: {type: cosine, warmup: 1}\ntrain: {epochs: 17, batch: 16, average: 0.9, clip: 1}",
       "pairs"},
      {"recurrent_locked",
       "network: [embedding: 8, dropout: {probability: 0.2, locked: true}, lstm: {units: 8, layers: 2, dropout: 0.2, "
       "locked: true, weight_dropout: 0.3}, gru: {units: 6, bidirectional: true}, rnn: 6, pool_sequence: mean, linear: "
       "classes]\ntask: text_classification\noptimizer: {type: muon, lr: 0.003, momentum: 0.9}\n"
       "train: {epochs: 17, batch: 16, average: 0.9}",
       "texts"},
      {"convolution_whitened",
       "network: [conv: {filters: 8, kernel: 2, init: whitened}, relu, conv: {filters: 8, padding: same, init: dirac}, "
       "batch_norm, relu, max_pool: 2, flatten, linear: classes]\noptimizer: {type: sgd, lr: 0.02, momentum: 0.9}\n"
       "train: {epochs: 17, batch: 16, average: 0.9}"},
      {"forward_still",
       "network: [flatten, linear: 16, relu, linear: classes]\noptimizer: {type: sgd, lr: 1e-30}\n"
       "train: {epochs: 17, batch: 16}",
       "pictures", true},
      {"private_sgd",
       "network: [conv: {filters: 3, stride: 2}, tanh, flatten, linear: classes]\n"
       "optimizer: {type: sgd, lr: 0.5, momentum: 0.9}\ntrain: {epochs: 21, batch: 16, keep: last}\n"
       "privacy: {epsilon: 8, delta: 1e-4, clip: 0.5, repeatable: true}"},
  };
  return all;
}

/// n short texts; the class has a word of its own, and `least` to `least + range - 1` others stand behind it.
inline data::Dataset sayings(int64_t n, uint64_t seed, int64_t least = 2, int64_t range = 5) {
  const char* const own[] = {"sun", "rain", "snow"};
  const char* const any[] = {"there", "is", "much", "of", "it", "today", "and", "tomorrow"};
  data::Texts texts;
  std::vector<int32_t> labels;
  Rng rng(seed, "sayings");
  for (int64_t i = 0; i < n; ++i) {
    const auto c = static_cast<int32_t>(i % 3);
    std::string text = own[c];
    for (int64_t words = least + rng.below(range); words > 0; --words) text += std::string(" ") + any[rng.below(8)];
    texts.push_back(text);
    labels.push_back(c);
  }
  return {.inputs = texts, .labels = labels, .classes = {"sun", "rain", "snow"}, .source = "sayings"};
}

/// n rows of a number, a number that is sometimes missing, and a word; the class follows the first.
inline data::Dataset rows(int64_t n, uint64_t seed) {
  data::Dataset set{.inputs = {}, .labels = {}, .classes = {"low", "middle", "high"}, .source = "rows"};
  data::Table table;
  for (const char* name : {"size", "age"}) {
    data::Column& column = table.columns.emplace_back();
    column.name = name, column.type = data::ColumnType::number;
  }
  data::Column& word = table.columns.emplace_back();
  word.name = "colour", word.type = data::ColumnType::category;
  Rng rng(seed, "rows");
  for (int64_t i = 0; i < n; ++i) {
    const auto c = static_cast<int32_t>(i % 3);
    set.labels.push_back(c);
    table.columns[0].numbers.push_back(c + rng.normal());
    table.columns[1].numbers.push_back(rng.chance(0.2) ? std::nan("") : rng.uniform());
    table.columns[2].words.emplace_back(rng.chance(0.5) ? "red" : "blue");
    table.lines.push_back(i + 1);
  }
  table.source = "rows";
  set.inputs = table;
  return set;
}

/// One training of a course, from its beginning.
struct Training {
  train::Recipe recipe;
  data::Dataset learned, held;
  std::unique_ptr<tasks::Classifier> classifier;
  std::unique_ptr<tasks::LanguageModel> language;
  std::unique_ptr<tasks::LanguageModeling> reading;
  std::unique_ptr<tasks::TranslationModel> translator;
  std::unique_ptr<tasks::Translation> translating;
  std::unique_ptr<train::Trainer> trainer;

  explicit Training(const Course& course) : recipe(train::Recipe::read(Config::parse(course.recipe, course.name))) {
    if (course.learns == "letters") {
      const Folder home;
      const fs::path text = home.write("text.txt", alphabet_text(60)),
                     other = home.write("other.txt", alphabet_text(12));
      language = std::make_unique<tasks::LanguageModel>();
      language->net = recipe.network;
      language->reading = recipe.language.reading;
      data::TokenizerOptions options;
      options.type = "character";
      language->tokenizer = train::fit_tokenizer(options, {text});
      language->build(Rng(recipe.seed, "weights"));
      reading =
          std::make_unique<tasks::LanguageModeling>(*language, stream_of(*language, text), stream_of(*language, other),
                                                    recipe.train.batch, 0, recipe.language.candidates);
      trainer = std::make_unique<train::Trainer>(recipe, *reading);
      return;
    }
    if (course.learns == "pairs") {
      const data::Pairs pairs = made_up_pairs(96, 1);
      translator = std::make_unique<tasks::TranslationModel>(train::make_translation_model(recipe, pairs));
      translating =
          std::make_unique<tasks::Translation>(*translator, encode(*translator, pairs),
                                               encode(*translator, made_up_pairs(20, 2)), recipe.loss.label_smoothing);
      trainer = std::make_unique<train::Trainer>(recipe, *translating);
      return;
    }
    const int64_t side = course.learns == "large pictures" ? 28 : 8;
    learned = course.learns == "texts"  ? sayings(90, 1)
              : course.learns == "rows" ? rows(90, 1)
                                        : bands(side == 28 ? 150 : 90, 1, side);
    held = course.learns == "texts" ? sayings(30, 2) : course.learns == "rows" ? rows(30, 2) : bands(30, 2, side);
    classifier = std::make_unique<tasks::Classifier>(train::make_model(recipe, learned));
    trainer = std::make_unique<train::Trainer>(recipe, *classifier, learned, held);
  }

  /// All that there is of it between two steps, but for the time it took.
  [[nodiscard]] std::vector<uint8_t> state() const {
    TensorFile file = trainer->checkpoint();
    auto state = nlohmann::json::parse(file.metadata.at("tandem.state"));
    for (const char* key : {"seconds", "epoch_seconds"}) state.at(key) = 0;
    for (auto& epoch : state.at("history")) epoch.at(5) = 0;
    file.metadata.at("tandem.state") = state.dump();
    return format_safetensors(file);
  }

  /// Runs; `each` is called between two steps with how many there were, and may end it.
  train::Outcome run(const std::function<bool(int steps)>& each = {}) const {
    int steps = 0;
    train::Hooks hooks;
    if (each) hooks.stop = [&] { return each(++steps); };
    return trainer->run(hooks);
  }
};

}  // namespace tandem::testing
