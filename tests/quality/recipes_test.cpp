// The recipes about words, cut short: on a part of their data, or for fewer epochs, each must still reach what a
// network with a fault does not. What they reach in full stands in docs/results.
#include <tandem/train/run.h>

#include <cstdlib>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

struct Short {
  std::string recipe;
  std::vector<std::string> changes;  // PLACE stands for the folder of real data
  std::string figure;
  double least, most;
};

void PrintTo(const Short& s, std::ostream* out) { *out << s.recipe; }

struct ShortRecipes : ::testing::TestWithParam<Short> {};

TEST_P(ShortRecipes, ReachTheirBar) {
  const char* const place = std::getenv("TANDEM_DATA");
  if (place == nullptr) GTEST_SKIP() << "needs real data: set TANDEM_DATA";
  const Short& s = GetParam();
  Config config = train::find_recipe(s.recipe);
  std::vector<std::string> changes = s.changes;
  for (std::string& change : changes)
    if (const size_t at = change.find("PLACE"); at != std::string::npos) change.replace(at, 5, place);
  train::apply_overrides(config, changes);
  train::Recipe recipe = train::Recipe::read(config);
  const Folder home;
  const train::RunResult run =
      train::run(recipe, train::RunFolder::create(home.path(), "short"), place, "test", false, {});
  const double reached = run.test.figures.at(s.figure);
  RecordProperty("reached", std::to_string(reached));
  EXPECT_GE(reached, s.least);
  EXPECT_LE(reached, s.most);
}

INSTANTIATE_TEST_SUITE_P(
    Quality, ShortRecipes,
    ::testing::Values(
        Short{"sentiment", {"data.folds=0", "train.epochs=4"}, "accuracy", 0.73, 0.85},
        Short{"sentiment-cnn", {"data.folds=0", "train.epochs=4"}, "accuracy", 0.68, 0.85},
        Short{"sentiment-lstm", {"data.folds=0", "data.train=4000", "train.epochs=4"}, "accuracy", 0.58, 0.85},
        Short{"sentiment-transformer", {"data.folds=0", "data.train=4000", "train.epochs=4"}, "accuracy", 0.62, 0.85},
        Short{"sentiment-zh", {"data.train=3000", "train.epochs=5"}, "macro.f1", 0.8, 0.95},
        Short{"intents-banking", {"train.epochs=6"}, "accuracy", 0.8, 0.95},
        Short{"intents-clinc", {"train.epochs=3"}, "accuracy", 0.7, 0.95},
        Short{"shakespeare-small",
              {"language.context=64", "train.epochs=1", "train.batch=32", "optimizer.lr=0.02", "schedule.warmup=0.05",
               "network=[embedding: {width: 48, deviation: 0.02}, transformer: {layers: 2, heads: 2, causal: true, "
               "rotary: true, deviation: 0.02}, tied_head]"},
              "loss",
              1.5,
              2.1},
        Short{
            "wikitext",
            {"data.source=PLACE/wikitext2/valid.txt", "data.validation=0.1", "data.test_share=0",
             "data.text.tokenizer.vocabulary=4000", "language.candidates=500", "train.epochs=3",
             "network=[embedding: {width: 64, deviation: 0.1}, dropout: 0.2, lstm: 64, dropout: 0.2, tied_head: {bias: "
             "true}]"},
            "perplexity",
            30,
            300}),
    [](const auto& param) {
      std::string name = param.param.recipe;
      std::ranges::replace(name, '-', '_');
      return name;
    });

}  // namespace
}  // namespace tandem::testing
