#include <tandem/data/duplicates.h>
#include <tandem/data/folder.h>
#include <tandem/data/formats/image.h>
#include <tandem/data/labels.h>

#include <fstream>

#include "tests/data/testing.h"

namespace tandem::data {
namespace {

using testing::expect_error;
using testing::numbered;
using testing::pattern;
using testing::TemporaryFolder;

TEST(Labels, TheLastWordOnAFileCounts) {
  const TemporaryFolder home;
  EXPECT_TRUE(read_labels(home.path()).empty());
  append_label(home.path(), {"a.png", "cat", "bo", "t1"});
  append_label(home.path(), {"with, comma \"and\" quote.png", "dog", "bo", "t2"});
  append_label(home.path(), {"a.png", "dog", "ana", "t3"});
  const auto labels = read_labels(home.path());
  ASSERT_EQ(labels.size(), 2U);
  EXPECT_EQ(labels[0].file, "a.png");
  EXPECT_EQ(labels[0].label, "dog");
  EXPECT_EQ(labels[0].person, "ana");
  EXPECT_EQ(labels[0].time, "t3");
  EXPECT_EQ(labels[1].file, "with, comma \"and\" quote.png");
}

TEST(Labels, ALineCutShortIsNotRead) {
  const TemporaryFolder home;
  append_label(home.path(), {"a.png", "cat", "bo", "t1"});
  std::ofstream(home / labels_file, std::ios::app) << "b.png,do";
  EXPECT_EQ(read_labels(home.path()).size(), 1U);
  append_label(home.path(), {"c.png", "dog", "bo", "t2"});
  const auto labels = read_labels(home.path());
  ASSERT_EQ(labels.size(), 2U);
  EXPECT_EQ(labels[1].file, "c.png");
}

TEST(Labels, SaysWhichLineIsNone) {
  const TemporaryFolder home;
  home.write("labels.csv", "file,label,person,time\na.png,cat,bo,t\nb.png,cat\n");
  expect_error(ErrorKind::data, {"labels.csv", "line 3", "4 fields, got 2"}, [&] { (void)read_labels(home.path()); });
  for (const char* name : {"/etc/a.png", "../a.png", "below/../../a.png", ""}) {
    home.write("labels.csv", std::string("file,label,person,time\nb.png,cat,bo,t\n") + name + ",cat,bo,t\n");
    expect_error(ErrorKind::data, {"labels.csv", "line 3", std::string("'") + name + "'", "inside this folder"},
                 [&] { (void)read_labels(home.path()); });
  }
  home.write("labels.csv", "name,class\n");
  expect_error(ErrorKind::data, {"labels.csv", "line 1", "file,label,person,time"},
               [&] { (void)read_labels(home.path()); });
}

TEST(Labels, AFolderWithThemIsADataSet) {
  const TemporaryFolder home;
  for (const char* name : {"one.png", "two.png", "three.png", "below/four.png"})
    home.write(name, encode_png(pattern(5, 4, 1)));
  EXPECT_EQ(picture_files(home.path()),
            (std::vector<std::string>{"below/four.png", "one.png", "three.png", "two.png"}));
  append_label(home.path(), {"one.png", "cat", "bo", "t"});
  append_label(home.path(), {"below/four.png", "ant", "bo", "t"});
  append_label(home.path(), {"two.png", "", "bo", "t"});
  const Splits data = load_folder(home.path());
  EXPECT_EQ(data.train.classes, (std::vector<std::string>{"ant", "cat"}));
  EXPECT_EQ(data.train.labels, (std::vector<int32_t>{0, 1}));
  append_label(home.path(), {"gone.png", "cat", "bo", "t"});
  expect_error(ErrorKind::file, {"gone.png"}, [&] { (void)load_folder(home.path()); });
  const TemporaryFolder open;
  append_label(open.path(), {"two.png", "", "bo", "t"});
  expect_error(ErrorKind::data, {"labels.csv", "no picture a label", "tandem label"},
               [&] { (void)load_folder(open.path()); });
}

TEST(Duplicates, AreFoundWithinAndAcross) {
  Dataset a = numbered(6, {"x", "y"}), b = numbered(9, {"x", "y"});
  std::ranges::fill(a.pixels().rows(4, 5).data<uint8_t>(), uint8_t{1});
  std::ranges::fill(b.pixels().data<uint8_t>(), uint8_t{77});
  std::ranges::fill(b.pixels().rows(3, 4).data<uint8_t>(), uint8_t{1});
  const auto within = duplicates(a), across = duplicates(a, b);
  ASSERT_EQ(within.size(), 1U);
  EXPECT_EQ(within[0].first, 1);
  EXPECT_EQ(within[0].second, 4);
  ASSERT_EQ(across.size(), 1U);
  EXPECT_EQ(across[0].first, 1);
  EXPECT_EQ(across[0].second, 3);
  EXPECT_TRUE(duplicates(a, Dataset{}).empty());
}

}  // namespace
}  // namespace tandem::data
