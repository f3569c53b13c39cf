#include <tandem/data/formats/image.h>
#include <tandem/improve/guess.h>
#include <tandem/improve/options.h>
#include <tandem/train/run.h>

#include "tests/train/small.h"

namespace tandem::improve {
namespace {

using namespace tandem::testing;

void write_pictures(const Folder& home, int64_t n, int64_t side, int64_t other_side = 0) {
  const data::Dataset set = bands(n, 3, side);
  for (int64_t i = 0; i < n; ++i) {
    Tensor picture = set.pixels().rows(i, i + 1).view({side, side, 1});
    if (i == 1 && other_side > 0) picture = bands(1, 4, other_side).pixels().view({other_side, other_side, 1});
    home.write(fmt::format("My Bands/{}/{:04}.png", set.classes[static_cast<size_t>(i % 3)], i), data::encode_png(picture));
  }
}

TEST(Guess, OfAFolderOfPicturesIsARecipeThatTrainsWell) {
  const Folder home;
  write_pictures(home, 240, 12);
  const std::string source = (home / "My Bands").string();
  const DataFacts facts = look_at(source, "");
  EXPECT_EQ(facts.examples, 240);
  EXPECT_EQ(facts.classes, 3);
  EXPECT_EQ(facts.height, 12);
  EXPECT_FALSE(facts.resized);
  const std::string text = guessed_recipe(facts, "bands");
  const Config config = Config::parse(text, "bands.yaml");
  train::Recipe recipe = train::Recipe::read(config);
  EXPECT_NO_THROW((void)SearchOptions::read(config)) << "tune can go on from it";
  recipe.train.epochs = 12;  // of a hundred: enough here
  const data::Splits data = train::prepare(recipe, "");
  EXPECT_GT(data.validation.size(), 20);
  tasks::Classifier model = train::make_model(recipe, data.train);
  train::Trainer trainer(recipe, model, data.train, data.validation);
  (void)trainer.run();
  EXPECT_GT(train::evaluate_model(model, data.test, "test").result.accuracy, 0.9);
}

TEST(Guess, PicturesOfSeveralSizesAreBroughtToOne) {
  const Folder home;
  write_pictures(home, 30, 12, 40);
  const DataFacts facts = look_at((home / "My Bands").string(), "");
  EXPECT_TRUE(facts.resized);
  EXPECT_EQ(facts.height, 64);
  const std::string text = guessed_recipe(facts, "bands");
  EXPECT_NE(text.find("size: [64, 64]"), std::string::npos) << text;
}

TEST(Guess, EveryKindOfPictureGivesARecipeWhoseNetworkCanBeBuilt) {
  for (const int64_t side : {4, 8, 28, 32, 48, 96})
    for (const int64_t channels : {1, 3})
      for (const int64_t n : {60, 5000, 60000}) {
        const DataFacts facts{.source = "a: b", .examples = n, .classes = 4, .height = side, .width = side + 3,
                              .channels = channels, .resized = side == 96, .has_validation = n > 100,
                              .has_test = n > 100, .least = n == 60 ? 0.02 : 0.25};
        const std::string text = guessed_recipe(facts, "x");
        SCOPED_TRACE(text);
        train::Recipe recipe = train::Recipe::read(Config::parse(text, "x.yaml"));
        EXPECT_EQ(recipe.data.source, "a: b");
        EXPECT_EQ(recipe.loss.balanced, n == 60);
        nn::Build build{Rng(1, "build"), 4};
        EXPECT_EQ(recipe.network.build({side, side + 3, channels}, build), (Shape{4}));
      }
}

TEST(Guess, SaysWhatIsWrongWithTheData) {
  const Folder home;
  expect_error(ErrorKind::usage, {"nothing-here"}, [&] { (void)look_at("nothing-here", ""); });
  fs::create_directories(home / "empty");
  EXPECT_THROW((void)look_at((home / "empty").string(), ""), Error);
}

}  // namespace
}  // namespace tandem::improve
