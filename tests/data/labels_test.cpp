#include <sys/resource.h>
#include <tandem/data/duplicates.h>
#include <tandem/data/folder.h>
#include <tandem/data/formats/image.h>
#include <tandem/data/labels.h>
#include <unistd.h>

#include <csignal>
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
  for (const char* cut : {"b.png,do", "\"b", "\"b\"", "\"b, c\",dog,bo,t1"}) {
    std::ofstream(home / labels_file, std::ios::app) << cut;
    EXPECT_EQ(read_labels(home.path()).size(), 1U) << cut;
    append_label(home.path(), {"a.png", "dog", "bo", "t2"});
    const auto labels = read_labels(home.path());
    ASSERT_EQ(labels.size(), 1U) << cut;
    EXPECT_EQ(labels[0].label, "dog") << cut;
  }
}

TEST(Labels, AsASpreadsheetSavesThem) {
  const TemporaryFolder home;
  home.write("labels.csv", "file,label,person,time\r\n\r\na.png,cat,bo,t1\r\n\nb.png,dog,bo,\r\nc.png,dog,bo,\n");
  const auto labels = read_labels(home.path());
  ASSERT_EQ(labels.size(), 3U);
  EXPECT_EQ(labels[0].time, "t1");
  EXPECT_EQ(labels[1].time, "");
  EXPECT_EQ(labels[2].time, "");
}

TEST(Labels, ANameMayTakeTwoLines) {
  const TemporaryFolder home;
  append_label(home.path(), {"two\nlines.png", "cat", "bo", "t1"});
  append_label(home.path(), {"b.png", "dog", "bo", "t2"});
  const auto labels = read_labels(home.path());
  ASSERT_EQ(labels.size(), 2U);
  EXPECT_EQ(labels[0].file, "two\nlines.png");
  EXPECT_EQ(labels[1].file, "b.png");
}

TEST(Labels, ALineCutInsideAQuotedFieldGoesWhole) {
  const TemporaryFolder home;
  append_label(home.path(), {"a.png", "cat", "bo", "t1"});
  std::ofstream(home / labels_file, std::ios::app) << "\"two\nli";
  append_label(home.path(), {"b.png", "dog", "bo", "t2"});
  append_label(home.path(), {"c.png", "dog", "bo", "t3"});
  const auto labels = read_labels(home.path());
  ASSERT_EQ(labels.size(), 3U);
  EXPECT_EQ(labels[1].file, "b.png");
  EXPECT_EQ(labels[2].file, "c.png");
}

TEST(Labels, AFileThatMayNotBeChangedIsSaid) {
  const TemporaryFolder home;
  append_label(home.path(), {"a.png", "cat", "bo", "t1"});
  fs::permissions(home.path(), fs::perms{0755});
  fs::permissions(home / labels_file, fs::perms{0444});
  const uid_t me = ::geteuid();  // root may change all
  if (me == 0 && ::seteuid(65534) != 0) GTEST_SKIP() << "no other user to be";
  expect_error(ErrorKind::file, {"labels.csv", "cannot be opened for writing", "Permission denied"}, [&] {
    append_label(home.path(), {"b.png", "dog", "bo", "t2"});
  });
  ASSERT_EQ(::seteuid(me), 0);
}

TEST(Labels, AFullDiskIsSaid) {
  const TemporaryFolder home;
  append_label(home.path(), {"a.png", "cat", "bo", "t1"});
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlim_t size = fs::file_size(home / labels_file);
  for (const rlim_t room : {0, 5}) {  // nothing of the line, or a part of it
    const rlimit full{.rlim_cur = size + room, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &full);
    expect_error(ErrorKind::file, {"labels.csv", "cannot be written", "too large"}, [&] {
      append_label(home.path(), {"b.png", "dog", "bo", "t2"});
    });
  }
  setrlimit(RLIMIT_FSIZE, &before);
  (void)std::signal(SIGXFSZ, handler);
  EXPECT_EQ(read_labels(home.path()).size(), 1U) << "what was there stays";
}

TEST(Labels, SaysWhichLineIsNone) {
  const TemporaryFolder home;
  home.write("labels.csv", "file,label,person,time\na.png,cat,bo,t\nb.png,cat\n");
  expect_error(ErrorKind::data, {"labels.csv", "line 3", "4 fields, got 2"}, [&] { (void)read_labels(home.path()); });
  home.write("labels.csv", "file,label,person,time\n\"two\nlines.png\",cat,bo,t\nalone\n");
  expect_error(ErrorKind::data, {"labels.csv", "line 4", "4 fields, got 1"}, [&] { (void)read_labels(home.path()); });
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
