#include <tandem/data/catalog.h>
#include <tandem/data/formats/image.h>
#include <tandem/data/labels.h>
#include <tandem/people/labelling.h>

#include <map>

#include "tests/people/opinions.h"
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
      EXPECT_TRUE(asked.insert(q->name).second) << q->name << " is asked again";
      EXPECT_EQ(q->example.pixels().shape(), (Shape{1, 8, 8, 1}));
      EXPECT_EQ(q->guess.empty(), i < 6) << "a network thinks from the second round on";
      work.answer(i == 11 ? "" : truth[q->name]);
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
  const std::string first = work.next()->name;
  work.answer("top");
  EXPECT_TRUE(work.undo());
  EXPECT_EQ(work.left(), 6);
  EXPECT_EQ(work.next()->name, first);
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

// Texts and rows: the answers become a file to train on, which a second session goes on with.
TEST(Labelling, TextsOfAFile) {
  const Folder home;
  const data::Dataset set = tandem::testing::opinions(60, 3);
  std::map<std::string, std::string> truth;
  std::string lines;
  for (int64_t i = 0; i < set.size(); ++i) {
    const std::string& text = set.texts()[static_cast<size_t>(i)];
    lines += text + "\n";
    truth[text] = set.classes[static_cast<size_t>(set.labels[static_cast<size_t>(i)])];
  }
  home.write("new.txt", lines + "\n" + set.texts()[0] + "\n");  // an empty line, and a text twice
  const train::Recipe recipe = tandem::testing::text_recipe(tandem::testing::text_networks()[0].second, false);
  {
    Labelling work(home / "new.txt", "bo", recipe, {"bad", "good"}, {.round = 10, .steps = 60});
    EXPECT_EQ(work.left(), std::ssize(truth));
    int64_t guessed = 0;
    for (int i = 0; i < 30; ++i) {
      const auto q = work.next();
      ASSERT_TRUE(q.has_value());
      EXPECT_EQ(q->guess.empty(), i < 10);
      guessed += i >= 10 && q->guess == truth[q->example.texts()[0]] ? 1 : 0;
      work.answer(i == 3 ? "" : truth[q->example.texts()[0]]);
    }
    EXPECT_GT(guessed, 10) << "of 20: it has learned from the answers";
    EXPECT_TRUE(work.undo());
  }
  Labelling again(home / "new.txt", "ana", recipe, {"bad", "good"});
  EXPECT_EQ(again.done(), 28) << "what was left open or taken back is asked again";
  train::Recipe learn = recipe;
  learn.data.source = (home / "new.labels.csv").string();
  learn.data.validation = learn.data.test_share = 0;
  const data::Splits data = train::prepare(learn, "");
  ASSERT_EQ(data.train.size(), 28);
  for (int64_t i = 0; i < 28; ++i)
    EXPECT_EQ(data.train.classes[static_cast<size_t>(data.train.labels[static_cast<size_t>(i)])],
              truth[data.train.texts()[static_cast<size_t>(i)]]);
  // A network asks where it is unsure, and leaves the rest for later.
  const auto model = tandem::testing::trained_on(recipe, tandem::testing::opinions(300, 1));
  Labelling sure(home / "new.txt", "ana", model);
  EXPECT_FALSE(sure.next()->guess.empty());
  home.write("new.labels.csv", "what,label\nx,good\n");
  expect_error(ErrorKind::data, {"new.labels.csv", "what, label", "expected text, label, person, time"}, [&] {
    Labelling(home / "new.txt", "bo", recipe, {"bad", "good"});
  });
  home.write("empty.txt", "\n \n");
  expect_error(ErrorKind::data, {"empty.txt", "no text"}, [&] {
    Labelling(home / "empty.txt", "bo", recipe, {"bad", "good"});
  });
}

TEST(Labelling, RowsOfAFile) {
  const Folder home;
  std::string csv = "id;age;smoker;seen\n";
  for (int i = 0; i < 40; ++i)
    csv += fmt::format("p{};{},5;{};2024-03-{:02}\n", i, 30 + (i * 7) % 40, i % 3 ? "\"no; never\"" : "?", 1 + i % 28);
  home.write("new.csv", csv);
  const train::Recipe recipe = train::Recipe::read(Config::parse(R"(task: table_classification
network: [linear: 8, relu, linear: classes]
data: {source: none.csv, table: {target: ill, classes: {well: ["0"], ill: ["1", "2"]}}}
optimizer: {lr: 0.02}
train: {epochs: 5, batch: 8}
)",
                                                                 "rows.yaml"));
  const auto truth = [](const Question& q) {
    return q.example.table().columns[1].numbers[0] > 50 ? std::string("ill") : std::string("well");
  };
  {
    Labelling work(home / "new.csv", "bo", recipe, {}, {.round = 8, .steps = 60});
    EXPECT_EQ(work.classes(), (std::vector<std::string>{"well", "ill"}));
    EXPECT_EQ(work.left(), 40);
    for (int i = 0; i < 24; ++i) {
      const auto q = work.next();
      ASSERT_TRUE(q.has_value());
      EXPECT_EQ(q->guess.empty(), i < 8);
      work.answer(truth(*q));
    }
  }
  Labelling again(home / "new.csv", "ana", recipe, {});
  EXPECT_EQ(again.done(), 24);
  EXPECT_EQ(read_text(home / "new.labels.csv").substr(0, 23), "id,age,smoker,seen,ill\n");
  train::Recipe learn = recipe;
  learn.data.source = (home / "new.labels.csv").string();
  learn.data.validation = learn.data.test_share = 0;
  const data::Splits data = train::prepare(learn, "");
  ASSERT_EQ(data.train.size(), 24);
  EXPECT_EQ(data.train.classes, (std::vector<std::string>{"well", "ill"}));
  const data::Table& table = data.train.table();
  for (int64_t r = 0; r < 24; ++r) {
    const double age = table.columns[static_cast<size_t>(table.column("age"))].numbers[static_cast<size_t>(r)];
    EXPECT_EQ(data.train.labels[static_cast<size_t>(r)], age > 50 ? 1 : 0);
  }
}

}  // namespace
}  // namespace tandem::people
