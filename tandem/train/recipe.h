// A recipe: everything that makes a run what it is, as one YAML file.
#pragma once
#include <tandem/adapt/options.h>
#include <tandem/data/table_source.h>
#include <tandem/nn/sequential.h>
#include <tandem/nn/transformer.h>
#include <tandem/optim/optimizer.h>
#include <tandem/optim/schedule.h>
#include <tandem/tasks/beam_search.h>
#include <tandem/tasks/classification.h>
#include <tandem/tasks/generation.h>
#include <tandem/tasks/recall.h>
#include <tandem/train/averaging.h>
#include <tandem/train/privacy.h>
#include <tandem/train/pruning.h>

#include <optional>

namespace tandem::train {

/// How a table is read and prepared: for `task: table_classification`.
struct TableData {
  data::TableSource source;
  tasks::TableOptions prepare;
  void fields(Fields& f);
};

struct DataOptions {
  std::string source = "builtin";    // a name of `tandem data list`, or a path
  std::vector<std::string> classes;  // only these; empty: all
  std::vector<int64_t> size;         // [height, width], or one number; empty: as the pictures are
  int64_t channels = 0;              // 1 or 3; 0: as the pictures are
  int64_t train = 0, test = 0;       // at most that many examples; 0: all
  double validation = 0.1;           // share of the training part, when there is no validation part of its own
  double test_share = 0.15;          // share of the training part, when there is no test part of its own
  uint64_t seed = 0;                 // of those two choices, so that runs of several seeds share them; 0: the recipe's
  tasks::TextOptions text;           // of a text task: where texts stand, and how they become tokens
  std::string from, to;              // of a translation: languages, which are endings of files or names of columns
  int64_t folds = 0;                 // cross-validation instead of a test part; 0: none
  int64_t repeats = 1;               // … that many times, with other folds
  std::string group;                 // a column of a table: rows of one value lie in one fold
  std::optional<TableData> table;
  tasks::Augmentation augment;
  void fields(Fields& f);
};

struct EarlyStopping {
  int64_t patience = 0;          // epochs without progress before training stops; 0: never
  std::string monitor = "loss";  // of the validation part: loss or accuracy
  void fields(Fields& f);
};

struct TrainOptions {
  int64_t epochs = 10;
  int64_t batch = 64;
  std::string precision = "fp32";  // bf16: images, and what is multiplied, are rounded; weights and sums are not
  double clip = 0;                 // joint norm that gradients are cut to; 0: not at all
  AverageOptions average;          // a mean of the weights, which is what is kept
  std::string keep = "best";       // which weights: best on the validation part, or last
  PruneOptions prune;              // weights that end as zeros
  tasks::Progressive progressive;
  EarlyStopping early_stopping;
  void fields(Fields& f);
};

/// Of a language model.
struct LanguageOptions {
  tasks::ReadingOptions reading;         // `context` and `carry` stand in this group themselves
  int64_t candidates = 0;                // tokens that a step of training scores beside the right ones; 0: all
  std::vector<std::string> prompts{""};  // what the samples of the report begin with
  tasks::GenerationOptions generate{.tokens = 400, .temperature = 0.8};  // how they are written
  void fields(Fields& f);
};

/// Of a translation.
struct TranslationOptions {
  bool shared = false;        // one tokenizer for both languages
  tasks::BeamOptions search;  // how translations are looked for; its values stand in this group themselves
  void fields(Fields& f);
};

struct Recipe {
  std::string name = "run";
  std::string task = "image_classification";
  uint64_t seed = 1;
  DataOptions data;
  LanguageOptions language;
  TranslationOptions translation;
  nn::Sequential network;              // empty: that of start_from
  nn::EncoderDecoder encoder_decoder;  // of a translation, in place of it
  std::string start_from;              // a run or a model file whose network has learned before
  adapt::Options adapt;                // how it becomes this one
  tasks::TeachOptions teach;
  tasks::LossOptions loss;
  tasks::Views predict;  // test-time augmentation
  optim::Options optimizer;
  optim::ScheduleOptions schedule;
  TrainOptions train;
  std::optional<evaluate::PeopleOptions> people;  // confidence and deferral, fitted on the validation part
  PrivacyOptions privacy;
  std::optional<evaluate::ThresholdGoal> decision;  // of two classes: the threshold is chosen on the validation part
  std::optional<tasks::RecallGoal> recall;          // a class that must be found, on the validation part
  std::vector<std::string> groups;                  // columns of a table whose groups are compared in the report
  void fields(Fields& f);

  /// The seed of what is set aside for validation and test.
  [[nodiscard]] uint64_t split_seed() const { return data.seed != 0 ? data.seed : seed; }

  [[nodiscard]] static Recipe read(const Config& config);
  /// The whole recipe with every default filled in.
  [[nodiscard]] Config write();
};

/// Applies key=value items; `data=mnist` is short for data.source=mnist. Throws for an item of another form.
void apply_overrides(Config& config, const std::vector<std::string>& items);

/// The recipe of a file, or the one of that name that came with the program. Throws with the nearest name.
[[nodiscard]] Config find_recipe(const std::string& name_or_path);

/// The recipes inside the program: name and YAML text, sorted by name. The build puts recipes/*.yaml here.
struct BuiltinRecipe {
  const char* name;
  const char* text;
};
[[nodiscard]] std::span<const BuiltinRecipe> builtin_recipes();

}  // namespace tandem::train
