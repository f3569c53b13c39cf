#include <tandem/improve/guess_rows.h>
#include <tandem/improve/options.h>
#include <tandem/train/run.h>

#include "tests/train/small.h"

namespace tandem::improve {
namespace {

using namespace tandem::testing;

// Smokers above sixty are ill.
std::string patients(int64_t n) {
  std::string out = "patient,age,smoker,ill,ward\n";
  Rng rng(1, "patients");
  for (int64_t i = 0; i < n; ++i) {
    const int64_t age = 40 + rng.below(41);
    const bool smoker = rng.below(2) == 0;
    out += fmt::format("{},{},{},{},3\n", 1000 + 7 * i, rng.below(20) == 0 ? "?" : std::to_string(age),
                       smoker ? "yes" : "no", smoker && age > 60 ? "ill" : "well");
  }
  return out;
}

train::Recipe recipe_of(const RowFacts& facts) {
  const std::string text = guessed_recipe(facts, "x");
  const Config config = Config::parse(text, "x.yaml");
  EXPECT_NO_THROW((void)SearchOptions::read(config)) << text;
  return train::Recipe::read(config);
}

double accuracy_of(train::Recipe recipe) {
  recipe.data.folds = 0;
  const data::Splits data = train::prepare(recipe, "");
  tasks::Classifier model = train::make_model(recipe, data.train);
  (void)train::Trainer(recipe, model, data.train, data.validation).run();
  return train::evaluate_model(model, data.test, "test").result.accuracy;
}

TEST(GuessRows, OfATableIsARecipeThatTrainsWell) {
  const Folder home;
  home.write("patients.csv", patients(400));
  const RowFacts facts = look_at_rows((home / "patients.csv").string(), "ill");
  EXPECT_FALSE(facts.texts);
  EXPECT_EQ(facts.examples, 400);
  EXPECT_EQ(facts.numbers, 1);
  EXPECT_EQ(facts.words, 1);
  EXPECT_EQ(facts.left_out, 2) << "the patient's number, and the ward, which is one";
  const train::Recipe recipe = recipe_of(facts);
  EXPECT_EQ(recipe.task, "table_classification");
  EXPECT_GT(accuracy_of(recipe), 0.9);
}

TEST(GuessRows, TheTargetIsTheOneOfAUsualNameOrTheLastOfClasses) {
  const Folder home;
  home.write("a.csv", patients(40));
  EXPECT_EQ(look_at_rows((home / "a.csv").string(), "").target, "ill");
  std::string renamed = patients(40);
  renamed.replace(renamed.find("smoker"), 6, "Class");
  home.write("b.csv", renamed);
  EXPECT_EQ(look_at_rows((home / "b.csv").string(), "").target, "Class");
  home.write("c.csv", "a,b\n1.5,2.25\n2.5,3.75\n0.125,9.5\n7.5,8.25\n9.75,1.5\n");
  expect_error(ErrorKind::usage, {"--target", "a, b"}, [&] { (void)look_at_rows((home / "c.csv").string(), ""); });
  expect_error(ErrorKind::data, {"smoke"}, [&] { (void)look_at_rows((home / "a.csv").string(), "smoke"); });
}

TEST(GuessRows, OfSentencesIsARecipeForTexts) {
  const Folder home;
  std::string english = "id,review,label\n", chinese = "label,review\n";
  Rng rng(1, "reviews");
  const std::vector<std::string> good{"wonderful", "moving", "a delight"}, bad{"dull", "a bore", "tiresome"};
  for (int64_t i = 0; i < 200; ++i) {
    const bool liked = i % 2 == 0;
    const std::string& word = (liked ? good : bad)[static_cast<size_t>(rng.below(3))];
    english += fmt::format("{},\"the film number {} was {}, from its beginning to its end\",{}\n", i, rng.below(50),
                           word, liked ? "good" : "bad");
    chinese += fmt::format("{},这家酒店的{}号房间{}，下次{}\n", liked ? 1 : 0, rng.below(90),
                           liked ? "很舒服" : "太吵了", liked ? "还会再来" : "不会再来");
  }
  home.write("en.csv", english);
  home.write("zh.csv", chinese);
  const RowFacts en = look_at_rows((home / "en.csv").string(), "");
  EXPECT_TRUE(en.texts);
  EXPECT_EQ(en.column, "review");
  EXPECT_TRUE(en.spaced);
  EXPECT_GT(accuracy_of(recipe_of(en)), 0.9);
  const RowFacts zh = look_at_rows((home / "zh.csv").string(), "");
  EXPECT_TRUE(zh.texts);
  EXPECT_EQ(zh.target, "label");
  EXPECT_FALSE(zh.spaced);
  EXPECT_GT(accuracy_of(recipe_of(zh)), 0.9);
}

TEST(GuessRows, EveryKindOfFileGivesARecipeThatIsOne) {
  for (const bool texts : {false, true})
    for (const int64_t n : {60, 5000, 1'000'000})
      for (const bool parts : {false, true}) {
        const RowFacts facts{.source = "my: file.csv",
                             .texts = texts,
                             .target = "say: what",
                             .why = "as asked",
                             .column = texts ? "a #text" : "",
                             .spaced = n == 60,
                             .examples = n,
                             .numbers = 4,
                             .classes = {"0", "yes: so"},
                             .least = n == 60 ? 0.02 : 0.5,
                             .has_validation = parts,
                             .has_test = parts};
        const train::Recipe recipe = recipe_of(facts);
        EXPECT_EQ(recipe.data.source, "my: file.csv");
        EXPECT_EQ(recipe.loss.balanced, n == 60);
        EXPECT_EQ(recipe.data.folds > 0, !parts && n == 60);
      }
}

}  // namespace
}  // namespace tandem::improve
