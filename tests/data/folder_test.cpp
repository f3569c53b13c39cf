#include <tandem/data/folder.h>
#include <tandem/data/formats/image.h>

#include "tests/data/testing.h"

namespace tandem::data {
namespace {

using testing::Bytes;
using testing::expect_error;
using testing::make_archive;
using testing::make_jpeg;
using testing::Members;
using testing::pattern;
using testing::TemporaryFolder;

Bytes grey(int64_t seed, int64_t h = 4, int64_t w = 5) { return encode_png(pattern(h, w, 1, seed)); }

/// Members of a small data set with parts: two classes, three, one and two images each.
Members parts() {
  Members members;
  int64_t seed = 0;
  for (const auto& [part, count] : {std::pair<std::string, int>{"train", 3}, {"val", 1}, {"test", 2}})
    for (const std::string name : {"cat", "dog"})
      for (int i = 0; i < count; ++i)
        members.emplace_back(part + "/" + name + "/" + std::to_string(i) + ".png", grey(seed++));
  return members;
}

void expect_parts(const Splits& set) {
  EXPECT_EQ(set.train.classes, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(set.test.classes, set.train.classes);
  EXPECT_EQ(set.train.labels, (std::vector<int32_t>{0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(set.validation.labels, (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(set.test.labels, (std::vector<int32_t>{0, 0, 1, 1}));
  ASSERT_EQ(set.train.pixels().shape(), Shape({6, 4, 5, 1}));
  const Tensor first = pattern(4, 5, 1, 4);  // train/dog/1.png
  EXPECT_TRUE(std::ranges::equal(set.train.pixels().rows(4, 5).data<uint8_t>(), first.data<uint8_t>()));
}

TEST(Folder, PartsAndClasses) {
  const TemporaryFolder folder;
  for (const auto& [name, bytes] : parts()) folder.write(name, bytes);
  folder.write("README.txt", {1});
  folder.write("train/cat/notes.csv", {1});
  folder.write("train/cat/.hidden.png", {1});
  folder.write("train/.cache/x.png", {1});
  expect_parts(load_folder(folder.path()));
}

TEST(Folder, ArchivesGiveTheSame) {
  const TemporaryFolder folder;
  for (const char* name : {"x.tar", "x.tar.gz", "x.zip"}) {
    make_archive(folder.path() / name, parts());
    expect_parts(load_archive(folder.path() / name));
  }
  Members below = parts();  // one folder above everything
  for (auto& [name, bytes] : below) name = "./pets/v1/" + name;
  make_archive(folder.path() / "y.tar", below);
  expect_parts(load_archive(folder.path() / "y.tar"));
  Members test_only;
  for (auto& member : parts())
    if (member.first.starts_with("test")) test_only.push_back(member);
  make_archive(folder.path() / "test.tar", test_only);
  const Splits set = load_archive(folder.path() / "test.tar");
  EXPECT_EQ(set.train.size(), 0);
  EXPECT_EQ(set.test.labels, (std::vector<int32_t>{0, 0, 1, 1}));
}

TEST(Folder, WhatAnArchiveHoldsBesidesPicturesIsLeftOut) {
  const TemporaryFolder folder;
  Members members = parts();
  for (const char* name : {"README.txt", "train/.cache/x.png", "__MACOSX/train/cat/0.png", "train/cat/.0.png"})
    members.push_back({name, {1}});  // no picture: read, they were refused
  make_archive(folder.path() / "x.zip", members);
  expect_parts(load_archive(folder.path() / "x.zip"));
}

TEST(Folder, PartsAndPathsInOtherSpellings) {
  const TemporaryFolder folder;
  make_archive(
      folder.path() / "x.tar",
      {{"train/./a/1.png", grey(1)}, {"valid/a/1.PNG", grey(2)}, {"valid/a/2.jpeg", make_jpeg(pattern(4, 5, 1))}});
  const Splits set = load_archive(folder.path() / "x.tar");
  EXPECT_EQ(set.train.classes, (std::vector<std::string>{"a"}));
  EXPECT_EQ(set.train.size(), 1);
  EXPECT_EQ(set.validation.size(), 2);
}

TEST(Folder, FoldersBelowAClassBelongToIt) {
  const TemporaryFolder folder;
  for (const char* name : {"cat/2024/1.png", "cat/2025/1.png", "dog/1.png", "ox/2024/1.png"})
    folder.write(name, grey(1));
  const Splits set = load_folder(folder.path());
  EXPECT_EQ(set.train.classes, (std::vector<std::string>{"cat", "dog", "ox"}));
  EXPECT_EQ(set.train.labels, (std::vector<int32_t>{0, 0, 1, 2}));
}

TEST(Folder, BesideThePartsNothingIsRead) {
  const TemporaryFolder folder;
  for (const char* name : {"train/a/1.png", "test/a/1.png", "drafts/b/1.png"}) folder.write(name, grey(1));
  const Splits set = load_folder(folder.path());
  EXPECT_EQ(set.train.classes, (std::vector<std::string>{"a"}));
  EXPECT_EQ(set.train.size() + set.validation.size() + set.test.size(), 2);
}

TEST(Folder, LinksThatLeadRoundInCirclesEnd) {
  const TemporaryFolder folder;
  folder.write("a/1.png", grey(1));
  folder.write("b/1.png", grey(2));
  fs::create_directory_symlink("..", folder / "a/up");
  fs::create_directory_symlink(".", folder / "a/here");
  const Dataset once = load_folder(folder.path()).train;
  EXPECT_EQ(once.classes, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(once.labels, (std::vector<int32_t>{0, 1})) << "nothing is read twice, or under another class";
  const TemporaryFolder linked;
  fs::create_directory_symlink(folder / "b", linked / "c");
  linked.write("a/1.png", grey(1));
  EXPECT_EQ(load_folder(linked.path()).train.classes, (std::vector<std::string>{"a", "c"})) << "others are followed";
  fs::create_directory_symlink("../b", folder / "a/other");
  fs::create_directory_symlink("../a", folder / "b/other");
  EXPECT_EQ(load_folder(folder.path()).train.classes, (std::vector<std::string>{"a", "b"}));
}

TEST(Folder, WithoutPartsAllIsTrain) {
  const TemporaryFolder folder;
  for (const char* name : {"10", "9", "2"}) folder.write(std::string(name) + "/a.png", grey(1));
  const Splits set = load_folder(folder.path());
  EXPECT_EQ(set.train.classes, (std::vector<std::string>{"2", "9", "10"}));  // by number
  EXPECT_EQ(set.test.size() + set.validation.size(), 0);
  folder.write("ten/a.png", grey(1));
  EXPECT_EQ(load_folder(folder.path()).train.classes, (std::vector<std::string>{"10", "2", "9", "ten"}));
}

TEST(Folder, NamesThatAreNoSmallNumbersAreSortedAsText) {
  for (const char* name : {"-1", "12345678901234567890", "1.5"}) {
    const TemporaryFolder folder;
    for (const char* other : {"9", "10", name}) folder.write(std::string(other) + "/a.png", grey(1));
    std::vector<std::string> sorted{"9", "10", name};
    std::ranges::sort(sorted);
    EXPECT_EQ(load_folder(folder.path()).train.classes, sorted);
  }
}

TEST(Folder, SizeAndChannels) {
  const TemporaryFolder folder;
  folder.write("a/1.jpg", make_jpeg(pattern(8, 6, 3)));
  folder.write("a/2.png", grey(0, 16, 12));
  expect_error(ErrorKind::data, {"2.png", "16 x 12", "8 x 6", "set data.size"},
               [&] { (void)load_folder(folder.path()); });
  EXPECT_EQ(load_folder(folder.path(), {.height = 10, .width = 9}).train.pixels().shape(), Shape({2, 10, 9, 3}));
  EXPECT_EQ(load_folder(folder.path(), {.height = 10, .channels = 1}).train.pixels().shape(), Shape({2, 10, 10, 1}));
  for (const auto& size : {std::pair<int64_t, int64_t>{-1, 0}, {0, -1}, {16385, 1}, {1, 16385}})
    expect_error(ErrorKind::usage, {fmt::format("{} x {} is out of range", size.first, size.second)},
                 [&] { (void)load_folder(folder.path(), {.height = size.first, .width = size.second}); });
  expect_error(ErrorKind::usage, {"channels", "2"}, [&] { (void)load_folder(folder.path(), {.channels = 2}); });
}

TEST(Folder, ConformIsTheSameForSetsInMemory) {
  const Dataset set = testing::numbered(3, {"a"});
  EXPECT_EQ(conform(set, {}).pixels().bytes(), set.pixels().bytes());
  const Dataset out = conform(set, {.height = 8, .width = 6, .channels = 3});
  ASSERT_EQ(out.pixels().shape(), Shape({3, 8, 6, 3}));
  EXPECT_EQ(out.pixels().at(8 * 6 * 3 * 2), 2);
  EXPECT_EQ(out.labels, set.labels);
  EXPECT_EQ(conform(set, {.height = 4, .width = 6}).pixels().shape(), Shape({3, 4, 6, 1}));
  EXPECT_EQ(conform(set, {.channels = 3}).pixels().shape(), Shape({3, 4, 3, 3}));
}

TEST(Folder, PicturesOfAFolder) {
  const TemporaryFolder folder;
  expect_error(ErrorKind::data, {"holds no .png"}, [&] { (void)picture_files(folder.path()); });
  for (const char* name : {"b.jpeg", "below/a.png", ".hidden.png", ".cache/c.png", "notes.txt"})
    folder.write(name, grey(1));
  EXPECT_EQ(picture_files(folder.path()), (std::vector<std::string>{"b.jpeg", "below/a.png"}));
  expect_error(ErrorKind::file, {"/nowhere", "cannot be read"}, [] { (void)picture_files("/nowhere"); });
}

TEST(Folder, MoreThanTheMemoryIsRefusedBeforeAnyIsTaken) {
  const TemporaryFolder folder;
  folder.write("a.png", grey(1));
  const std::vector<std::string> files(100'000, "a.png");  // 80 TB
  expect_error(
      ErrorKind::data, {"100,000 images of 16384 x 16384 x 3 need 76800000 MB", "this machine has", "data.size"},
      [&] { (void)load_pictures(folder.path(), files, {"x"}, {.height = 16384, .width = 16384, .channels = 3}); });
}

TEST(Folder, BadInput) {
  Bytes damaged = grey(1);
  damaged.resize(damaged.size() - 20);
  struct Case {
    const char* name;
    Members files;
    std::vector<std::string> message;
  };
  const Case cases[] = {
      {"nothing", {}, {"no class folders", "CLASS"}},
      {"loose files", {{"a.png", grey(1)}}, {"no class folders"}},
      {"empty class", {{"a/1.png", grey(1)}, {"b/readme.txt", {1}}}, {"'b'", "no PNG or JPEG"}},
      {"empty class of a part",
       {{"train/a/1.png", grey(1)}, {"test/a/readme.txt", {1}}, {"train/b/2.png", grey(1)}},
       {"'a' of test", "no PNG or JPEG"}},
      {"class not in train",
       {{"train/horse/1.png", grey(1)}, {"test/horses/1.png", grey(1)}},
       {"'horses' is in test/", "did you mean 'horse'"}},
      {"class like none of train",
       {{"train/horse/1.png", grey(1)}, {"valid/cat/1.png", grey(1)}},
       {"'cat' is in validation/ and not in train/, which has horse"}},
      {"damaged", {{"a/1.png", grey(1)}, {"a/2.png", damaged}}, {"a/2.png", "damaged PNG"}},
      {"damaged first", {{"a/1.png", damaged}}, {"a/1.png", "damaged PNG"}},
      {"no image", {{"a/1.png", grey(1)}, {"a/2.jpg", {1, 2, 3}}}, {"a/2.jpg", "neither PNG nor JPEG"}},
      {"empty file", {{"a/1.png", grey(1)}, {"b/2.png", {}}}, {"b/2.png", "0 bytes"}},
      {"other format", {{"a/1.png", grey(1)}, {"a/2.webp", {1}}}, {"a/2.webp", "convert"}},
      {"other size", {{"a/1.png", grey(1)}, {"b/2.png", grey(1, 5, 5)}}, {"b/2.png", "5 x 5", "4 x 5", "data.size"}},
      {"other width", {{"a/1.png", grey(1)}, {"b/2.png", grey(1, 4, 6)}}, {"b/2.png", "4 x 6", "4 x 5", "data.size"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const TemporaryFolder folder;
    for (const auto& [name, bytes] : c.files) folder.write(name, bytes);
    expect_error(ErrorKind::data, c.message, [&] { (void)load_folder(folder.path()); });
    if (c.files.empty() || std::string(c.name).starts_with("empty class")) continue;  // an archive has no empty folders
    make_archive(folder.path() / "x.tar.gz", c.files);
    expect_error(ErrorKind::data, c.message, [&] { (void)load_archive(folder.path() / "x.tar.gz"); });
  }
  expect_error(ErrorKind::file, {"/nowhere", "cannot be read"}, [] { (void)load_folder("/nowhere"); });
  expect_error(ErrorKind::file, {"/nowhere.tar"}, [] { (void)load_archive("/nowhere.tar"); });
}

}  // namespace
}  // namespace tandem::data
