#include <tandem/data/catalog.h>
#include <tandem/data/formats/image.h>
#include <tandem/data/labels.h>
#include <tandem/people/labelling.h>

#include <map>

#include "tests/train/small.h"

namespace tandem::people {
namespace {

using tandem::testing::bands;
using tandem::testing::expect_error;
using tandem::testing::Folder;

// Pictures 000.png … with their true classes.
std::map<std::string, std::string> pictures_in(const Folder& folder, int64_t count) {
  const data::Dataset set = bands(count, 4);
  std::map<std::string, std::string> truth;
  for (int64_t i = 0; i < count; ++i) {
    const std::string name = fmt::format("{:03}.png", i);
    folder.write("pictures/" + name, data::encode_png(set.pixels().rows(i, i + 1).view({8, 8, 1})));
    truth[name] = set.classes[static_cast<size_t>(set.labels[static_cast<size_t>(i)])];
  }
  return truth;
}

const std::vector<std::string> classes{"top", "middle", "bottom"};

TEST(Labelling, AnswersAreKeptAndTrainedOn) {
  const Folder home;
  auto truth = pictures_in(home, 40);
  const train::Recipe recipe = tandem::testing::small_recipe("optimizer: {lr: 0.01}\ntrain: {epochs: 2, batch: 16}");
  const LabellingOptions options{.round = 6, .steps = 40};
  {
    Labelling work(home / "pictures", "bo", recipe, classes, options);
    EXPECT_EQ(work.left(), 40);
    std::set<std::string> asked;
    for (int i = 0; i < 12; ++i) {
      const auto q = work.next();
      ASSERT_TRUE(q.has_value());
      EXPECT_TRUE(asked.insert(q->file).second) << q->file << " is asked again";
      EXPECT_EQ(q->picture.shape(), (Shape{8, 8, 1}));
      EXPECT_EQ(q->guess.empty(), i < 6) << "a network thinks from the second round on";
      work.answer(i == 11 ? "" : truth[q->file]);
    }
    EXPECT_EQ(work.done(), 12);
  }
  Labelling again(home / "pictures", "ana", recipe, classes, options);
  EXPECT_EQ(again.left(), 28) << "what was answered is not asked again, nor what was left open";
  train::Recipe learn = recipe;
  learn.data.source = (home / "pictures").string();
  learn.data.validation = learn.data.test_share = 0;
  const data::Splits data = train::prepare(learn, "");
  EXPECT_EQ(data.train.size(), 11) << "`tandem train` takes the folder with its labels.csv";
  EXPECT_EQ(data.train.classes, (std::vector<std::string>{"bottom", "middle", "top"}));
}

TEST(Labelling, BackAsksAgainAndTheLastWordCounts) {
  const Folder home;
  pictures_in(home, 6);
  Labelling work(home / "pictures", "bo", tandem::testing::small_recipe(), classes);
  EXPECT_FALSE(work.undo());
  const std::string first = work.next()->file;
  work.answer("top");
  EXPECT_TRUE(work.undo());
  EXPECT_EQ(work.left(), 6);
  EXPECT_EQ(work.next()->file, first);
  work.answer("bottom");
  const auto kept = data::read_labels(home / "pictures");
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].label, "bottom");
  EXPECT_EQ(kept[0].person, "bo");
  for (int i = 0; i < 5; ++i) (void)work.next(), work.answer("top");
  EXPECT_FALSE(work.next().has_value()) << "all are done";
}

TEST(Labelling, SaysWhatIsWrong) {
  const Folder home;
  pictures_in(home, 3);
  const train::Recipe recipe = tandem::testing::small_recipe();
  expect_error(ErrorKind::usage, {"which classes", "--classes"},
               [&] { Labelling(home / "pictures", "bo", recipe, {}); });
  Labelling work(home / "pictures", "bo", recipe, classes);
  expect_error(ErrorKind::usage, {"nothing was asked"}, [&] { work.answer("top"); });
  (void)work.next();
  expect_error(ErrorKind::usage, {"'botom' is no class", "did you mean 'bottom'"}, [&] { work.answer("botom"); });
  EXPECT_TRUE(data::read_labels(home / "pictures").empty()) << "a refused word leaves no trace";
  home.write("empty/x.txt", "no picture");
  expect_error(ErrorKind::data, {"holds no .png"}, [&] { Labelling(home / "empty", "bo", recipe, classes); });
}

}  // namespace
}  // namespace tandem::people
