#include <sys/resource.h>
#include <sys/stat.h>
#include <tandem/base/file_names.h>
#include <unistd.h>

#include <csignal>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

std::vector<std::string> names(const fs::path& folder) {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(folder)) out.push_back(entry.path().filename().string());
  return out;
}

TEST(Files, WrittenWholeAndReadBack) {
  const Folder folder;
  const std::string text("a\0b\n", 4);
  for (const std::string& content : {text, std::string(), std::string(300'000, 'x')}) {
    write_text(folder / "f", content);
    EXPECT_EQ(read_text(folder / "f"), content);
  }
  EXPECT_EQ(read_file(folder / "f").size(), 300'000U);
  EXPECT_EQ(names(folder.path()), std::vector<std::string>{"f"}) << "nothing beside it";
}

TEST(Files, ReadingRefuses) {
  const Folder folder;
  write_text(folder / "f", "12345");
  expect_error(ErrorKind::file, {"gone", "cannot be opened", "No such file"},
               [&] { (void)read_file(folder / "gone"); });
  expect_error(ErrorKind::file, {"not a plain file"}, [&] { (void)read_file(folder.path()); });
  expect_error(ErrorKind::file, {"not a plain file"}, [&] { (void)read_file("/dev/zero"); });
  expect_error(ErrorKind::file, {"5 bytes", "at most 4"}, [&] { (void)read_file(folder / "f", 4); });
  EXPECT_EQ(read_text(folder / "f", 5), "12345");
}

// The limit on a file's size stands for a full disk: write() fails after a part, for root too.
TEST(Files, WhenTheDiskIsFullTheOldFileStays) {
  const Folder folder;
  write_text(folder / "f", "old");
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 4096;
  const auto old_action = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_error(ErrorKind::file, {"/f: cannot be written", "too large"},
               [&] { write_text(folder / "f", std::string(10'000, 'x')); });
  EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_action);
  EXPECT_EQ(read_text(folder / "f"), "old");
  EXPECT_EQ(names(folder.path()), std::vector<std::string>{"f"}) << "no part is left";
}

TEST(Files, WhenItCannotBePutInPlaceNothingIsLeft) {
  const Folder folder;
  fs::create_directory(folder / "taken");
  expect_error(ErrorKind::file, {"taken", "put in place"}, [&] { write_text(folder / "taken", "x"); });
  EXPECT_TRUE(fs::is_directory(folder / "taken"));
  EXPECT_EQ(names(folder.path()), std::vector<std::string>{"taken"});
  expect_error(ErrorKind::file, {"no/such/f", "cannot be written"}, [&] { write_text(folder / "no/such/f", "x"); });
  write_text(folder / "f", "x");
  expect_error(ErrorKind::file, {"cannot be written", "Not a directory"}, [&] { write_text(folder / "f/g", "x"); });
  if (geteuid() != 0) {
    fs::create_directory(folder / "locked");
    write_text(folder / "locked/f", "old");
    chmod((folder / "locked").c_str(), 0555);
    expect_error(ErrorKind::file, {"cannot be written", "Permission denied"},
                 [&] { write_text(folder / "locked/f", "new"); });
    EXPECT_EQ(read_text(folder / "locked/f"), "old");
    chmod((folder / "locked").c_str(), 0755);
  }
}

TEST(Files, MakeFolder) {
  const Folder folder;
  make_folder(folder / "a/b/c");
  make_folder(folder / "a/b/c");
  EXPECT_TRUE(fs::is_directory(folder / "a/b/c"));
  write_text(folder / "f", "x");
  expect_error(ErrorKind::file, {"f/g", "cannot be made"}, [&] { make_folder(folder / "f/g"); });
}

TEST(Files, RemovesThePartsOfThoseWhoAreGoneAlone) {
  const Folder folder;
  const std::string own = fmt::format("a.part-{}-1", ::getpid());
  for (const std::string& name : {std::string("a"), std::string("a.part-x-1"), std::string("a.part-0-1"), own,
                                  std::string("a.part-2147483646-7")})
    write_text(folder / name, "x");
  remove_parts(folder.path());
  EXPECT_FALSE(fs::exists(folder / "a.part-2147483646-7")) << "no process has that number";
  for (const std::string& name : {std::string("a"), std::string("a.part-x-1"), std::string("a.part-0-1"), own})
    EXPECT_TRUE(fs::exists(folder / name)) << name;
  remove_parts(folder / "gone");  // nothing is there to be removed
}

TEST(Files, CacheFolder) {
  const auto keep = [](const char* name) {
    const char* v = std::getenv(name);
    return v ? std::string(v) : std::string();
  };
  const std::string xdg = keep("XDG_CACHE_HOME"), home = keep("HOME");
  setenv("XDG_CACHE_HOME", "/c", 1);
  EXPECT_EQ(cache_folder(), "/c/tandem");
  unsetenv("XDG_CACHE_HOME");
  setenv("HOME", "/h", 1);
  EXPECT_EQ(cache_folder(), "/h/.cache/tandem");
  setenv("XDG_CACHE_HOME", "", 1);
  EXPECT_EQ(cache_folder(), "/h/.cache/tandem") << "an empty name is none";
  setenv("HOME", "", 1);
  expect_error(ErrorKind::file, {"XDG_CACHE_HOME", "--data"}, [] { (void)cache_folder(); });
  unsetenv("XDG_CACHE_HOME");
  unsetenv("HOME");
  expect_error(ErrorKind::file, {"XDG_CACHE_HOME", "--data"}, [] { (void)cache_folder(); });
  if (!xdg.empty()) setenv("XDG_CACHE_HOME", xdg.c_str(), 1);
  if (!home.empty()) setenv("HOME", home.c_str(), 1);
}

}  // namespace
}  // namespace tandem::testing
