#include <tandem/train/run.h>
#include <tandem/train/translation.h>

#include <nlohmann/json.hpp>

#include "tests/tasks/translation_small.h"
#include "tests/train/small.h"

namespace tandem::testing {
namespace {

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

void write_part(const Folder& home, const std::string& part, const data::Pairs& pairs) {
  home.write("pairs/" + part + ".en", joined(pairs.source));
  home.write("pairs/" + part + ".xx", joined(pairs.target));
}

train::Recipe translation_recipe(const fs::path& pairs, const std::string& network, const std::string& more) {
  return train::Recipe::read(Config::parse("name: made-up\ntask: translation\ndata: {source: " + pairs.string() +
                                               ", from: en, to: xx, text: {length: {most: 20}}}\nnetwork: " + network +
                                               "\n" + more,
                                           "made-up.yaml"));
}

// Words are translated one for one and stand in another order: what was never seen must be translated without a
// mistake, which no memory of the training pairs could do.
TEST(TranslationRun, LearnsAMadeUpLanguageAndReportsIt) {
  const Folder home;
  write_part(home, "train", made_up_pairs(800, 1));
  write_part(home, "valid", made_up_pairs(60, 2));
  write_part(home, "test", made_up_pairs(100, 3));
  train::Recipe recipe = translation_recipe(
      home / "pairs", tiny_translator,
      "loss: {label_smoothing: 0.05}\noptimizer: {type: adamw, lr: 1e-2}\nschedule: {type: cosine, warmup: 1}\n"
      "train: {epochs: 25, batch: 16, clip: 1, average: 0.95}\ntranslation: {beam: 3}");
  const train::RunFolder folder = train::RunFolder::create(home / "runs", "made-up");
  const train::RunResult result = train::run(recipe, folder, home.path(), "tandem train made-up", false, {});
  EXPECT_EQ(result.outcome, train::Outcome::finished);
  EXPECT_GE(result.test.figures.at("bleu"), 99.5);
  EXPECT_GE(result.test.figures.at("bleu.lower"), 99.5);
  EXPECT_LT(result.test.figures.at("loss"), 0.5);
  EXPECT_GT(result.test.figures.at("accuracy"), 0.85);
  EXPECT_NE(result.test.text.find("BLEU lower case"), std::string::npos);

  const auto report = nlohmann::json::parse(read_text(folder.report_json()));
  EXPECT_EQ(report.at("task"), "translation");
  EXPECT_EQ(report.at("split"), "test");
  EXPECT_EQ(report.at("examples"), 100);
  EXPECT_EQ(report.at("bleu"), result.test.figures.at("bleu"));
  EXPECT_EQ(report.at("bleu_lower"), result.test.figures.at("bleu.lower"));
  EXPECT_EQ(report.at("validation").at("examples"), 60);
  EXPECT_GT(report.at("validation").at("bleu"), 95);
  EXPECT_EQ(report.at("bleu_details").at("signature"), "case:mixed|tok:13a|smooth:exp");
  EXPECT_EQ(report.at("beam"), 3);
  for (const char* list : {"worst", "best", "others"}) {
    ASSERT_EQ(report.at("samples").at(list).size(), 6U) << list;
    for (const char* key : {"source", "reference", "translation", "bleu"})
      EXPECT_TRUE(report.at("samples").at(list)[0].contains(key)) << key;
  }
  for (const char* key : {"data", "loss", "accuracy", "unknown", "source_vocabulary", "target_vocabulary", "seconds",
                          "train_seconds", "parameters", "version", "machine", "seed"})
    EXPECT_TRUE(report.contains(key)) << key;
  const std::string page = read_text(folder.report_page());
  EXPECT_NE(page.find("</html>"), std::string::npos);
  EXPECT_NE(page.find("\"reference\":\"la "), std::string::npos);
  EXPECT_NE(page.find("\"encoder.2\""), std::string::npos);

  // One file is enough, and measures the same.
  const tasks::Translator translator = tasks::Translator::load(folder.model());
  EXPECT_EQ(translator.translate("the old dog hears a bird .").text, "la canu veta uno avi auda");
  const auto again =
      train::evaluate_translation(translator, train::find_pairs(recipe, home.path()).test, recipe.translation.search);
  EXPECT_EQ(again.figures.bleu.score, result.test.figures.at("bleu"));
  EXPECT_EQ(again.figures.loss, result.test.figures.at("loss"));
  EXPECT_EQ(train::task_in(folder.model()), "translation");
  expect_error(ErrorKind::data, {"holds a translation", "one list of layers"},
               [&] { (void)adapt::Base::load(folder.model()); });
}

TEST(TranslationRun, LimitsAndLeavesOut) {
  const Folder home;
  data::Pairs pairs = made_up_pairs(80, 1);
  for (int i = 0; i < 30; ++i) pairs.target[7] += " avi";
  write_part(home, "train", pairs);
  train::Recipe recipe = translation_recipe(home / "pairs", tiny_shared_translator,
                                            "translation: {shared: true}\ntrain: {epochs: 1, batch: 32}");
  recipe.data.validation = 0, recipe.data.test_share = 0;
  EXPECT_EQ(
      train::make_job(recipe, home.path())->remarks(),
      (std::vector<std::string>{"1 of 80 pairs have more than data.text.length.most 20 tokens and are left out"}));
  recipe.data.train = 40, recipe.data.test = 10, recipe.data.test_share = 0.25, recipe.data.validation = 0.1;
  const data::PairParts parts = train::find_pairs(recipe, home.path());
  EXPECT_EQ(parts.train.size(), 40);
  EXPECT_EQ(parts.test.size(), 10);
  EXPECT_EQ(parts.validation.size(), 8);
}

TEST(TranslationRun, OnlyTheTrainingPartIsRead) {
  const Folder home;
  write_part(home, "train", made_up_pairs(80, 1));
  data::Pairs other;
  other.source = {"the zebra sees a zebra"}, other.target = {"la zebro uno zebro vida"};
  write_part(home, "valid", other), write_part(home, "test", other);
  train::Recipe recipe = translation_recipe(home / "pairs", tiny_translator, "");
  const tasks::TranslationModel model =
      train::make_translation_model(recipe, train::find_pairs(recipe, home.path()).train);
  EXPECT_FALSE(model.source.find("zebra"));
  EXPECT_FALSE(model.target.find("zebro"));
  EXPECT_TRUE(model.source.find("dog"));
  EXPECT_FALSE(model.target.find("dog"));
}

// A part of Multi30k and a small network must learn something within seconds: more than how often each token comes.
TEST(TranslationRun, BeginsToLearnMulti30k) {
  const char* home = std::getenv("TANDEM_DATA");
  if (home == nullptr || !fs::exists(fs::path(home) / "multi30k")) GTEST_SKIP() << "TANDEM_DATA has no multi30k";
  train::Recipe recipe = train::Recipe::read(train::find_recipe("translate-de-en"));
  recipe.data.train = 1500, recipe.data.test = 30, recipe.translation.search.beam = 1;
  recipe.data.text.tokenizer.vocabulary = 1000;
  recipe.train.epochs = 3, recipe.train.batch = 32, recipe.train.average = {}, recipe.schedule.warmup = 1;
  recipe.encoder_decoder = {};
  Fields::read(Config::parse("{encoder: [embedding: {width: 64, deviation: 0.1}, positions: {most: 128}, transformer: "
                             "{layers: 1, heads: 2, hidden: 128}], decoder: [tied_embedding, positions: {most: 128}, "
                             "transformer: {layers: 1, heads: 2, hidden: 128, causal: true, cross: true}, tied_head]}",
                             "small.yaml"),
               recipe.encoder_decoder, "network");
  recipe.optimizer.lr = 1e-2;
  const Folder runs;
  const train::RunResult result = train::run(recipe, train::RunFolder::create(runs / "runs", "m"), home, "", false, {});
  const data::PairParts pairs = train::find_pairs(recipe, home);
  const tasks::TranslationModel model = train::make_translation_model(recipe, pairs.train);
  std::vector<double> counts(static_cast<size_t>(model.target.tokens()), 1);  // none is impossible
  double all = static_cast<double>(counts.size()), loss = 0, tokens = 0;
  for (const auto& text : encode(model, pairs.train).target)
    for (const int32_t token : text) ++counts[static_cast<size_t>(token)], ++all;
  for (const auto& text : encode(model, pairs.test).target)
    for (const int32_t token : text) loss -= std::log(counts[static_cast<size_t>(token)] / all), ++tokens;
  EXPECT_LT(result.test.figures.at("loss"), loss / tokens - 0.5);
}

}  // namespace
}  // namespace tandem::testing
