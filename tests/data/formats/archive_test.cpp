#include <tandem/data/formats/archive.h>
#include <tandem/data/formats/gzip.h>

#include <algorithm>
#include <map>

#include "tests/data/testing.h"

namespace tandem::data {
namespace {

using testing::Bytes;
using testing::expect_error;
using testing::make_archive;
using testing::TemporaryFolder;

std::map<std::string, Bytes> all_of(const fs::path& path, const ArchiveLimits& limits = {}) {
  std::map<std::string, Bytes> members;
  read_archive(
      path, [&](const std::string& name, Bytes bytes) { members[name] = std::move(bytes); }, limits);
  return members;
}

const testing::Members members{
    {"a/1.txt", {1, 2, 3}}, {"./b.bin", Bytes(200'000, 7)}, {"空/数.txt", {9}}, {"empty", {}}};

TEST(Archive, ReadsTarAndZipByContent) {
  const TemporaryFolder folder;
  for (const char* name : {"x.tar", "x.tar.gz", "x.zip"}) {
    make_archive(folder.path() / name, members);
    fs::rename(folder.path() / name, folder.path() / "no-ending");
    const auto got = all_of(folder.path() / "no-ending");
    ASSERT_EQ(got.size(), 4U) << name;
    EXPECT_EQ(got.at("a/1.txt"), (Bytes{1, 2, 3}));
    EXPECT_EQ(got.at("b.bin").size(), 200'000U);
    EXPECT_EQ(got.at("空/数.txt"), Bytes{9});
    EXPECT_TRUE(got.at("empty").empty());
  }
}

TEST(Archive, ANameThatIsNoUtf8IsKept) {
  const TemporaryFolder folder;
  make_archive(folder.path() / "x.tar", {{"caf\xe9.txt", {5}}});
  EXPECT_EQ(all_of(folder.path() / "x.tar"), (std::map<std::string, Bytes>{{"caf\xe9.txt", {5}}}));
}

TEST(Archive, LinksAreNoFiles) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.tar";
  archive* out = archive_write_new();
  archive_write_set_format_ustar(out);
  archive_write_open_filename(out, path.c_str());
  for (const std::string kind : {"file", "hard", "soft"}) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, kind.c_str());
    archive_entry_set_filetype(entry, kind == "soft" ? AE_IFLNK : AE_IFREG);
    if (kind == "hard") archive_entry_set_hardlink(entry, "file");
    if (kind == "soft") archive_entry_set_symlink(entry, "/etc/passwd");
    archive_entry_set_size(entry, kind == "file" ? 1 : 0);
    archive_write_header(out, entry);
    if (kind == "file") archive_write_data(out, "x", 1);
    archive_entry_free(entry);
  }
  archive_write_free(out);
  const std::map<std::string, Bytes> expected{{"file", {'x'}}};
  EXPECT_EQ(all_of(path), expected);
  Bytes bytes = read_file(path);  // some programs give a hard link the size of its file
  const auto hard = bytes.begin() + 1024;
  hard[124 + 10] += 1;  // the last digit of its size
  hard[3] -= 1;         // and a letter of its name: the sum of all bytes is checked
  write_file(path, bytes);
  EXPECT_EQ(all_of(path), expected);
}

TEST(Archive, NamesByEnding) {
  for (const char* name : {"a.tar", "a.TAR.GZ", "b.tgz", "c.zip", "d.tar.xz"})
    EXPECT_TRUE(is_archive_name(name)) << name;
  for (const char* name : {"a.gz", "tar", "a.png"}) EXPECT_FALSE(is_archive_name(name)) << name;
}

TEST(Archive, Limits) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.tar.gz";
  make_archive(path, members);
  expect_error(ErrorKind::data, {"x.tar.gz", "'b.bin' unpacks to more than 1000"},
               [&] { (void)all_of(path, {.member = 1000}); });
  expect_error(ErrorKind::data, {"more than 150000 bytes", "b.bin"}, [&] { (void)all_of(path, {.total = 150'000}); });
  expect_error(ErrorKind::data, {"more than 2 members"}, [&] { (void)all_of(path, {.members = 2}); });
  // A bomb: 256 MiB of zeros in a few hundred kilobytes.
  make_archive(path, {{"zeros", Bytes(size_t{1} << 28)}});
  ASSERT_LT(fs::file_size(path), uint64_t{1} << 20);
  expect_error(ErrorKind::data, {"'zeros' unpacks to more than"}, [&] { (void)all_of(path, {.member = 1 << 20}); });
}

TEST(Archive, BadInput) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.tar.gz";
  expect_error(ErrorKind::file, {"x.tar.gz", "cannot be opened"}, [&] { (void)all_of(path); });
  expect_error(ErrorKind::file, {"not a plain file"}, [&] { (void)all_of(folder.path()); });
  write_file(path, Bytes{});
  expect_error(ErrorKind::data, {"x.tar.gz", "no archive"}, [&] { (void)all_of(path); });
  write_text(path, "this is no archive, only a line of text that goes on for a while");
  expect_error(ErrorKind::data, {"x.tar.gz"}, [&] { (void)all_of(path); });
  // libarchive refuses this one and does not say why.
  const Bytes silent{0x1f, 0x8b, 0x08, 0x00, 0x02, 0x03, 0x4b, 0xd4, 0x4f, 0xd2,
                     0x2b, 0xa0, 0x25, 0x98, 0x78, 0x74, 0x20, 0x78, 0x00};
  write_file(path, silent);
  expect_error(ErrorKind::data, {"x.tar.gz", "no archive", "unknown reason"}, [&] { (void)all_of(path); });
  make_archive(path, members);
  Bytes bytes = read_file(path);
  bytes.resize(bytes.size() / 2);
  write_file(path, bytes);
  expect_error(ErrorKind::data, {"x.tar.gz", "damaged"}, [&] { (void)all_of(path); });
  const fs::path zip = folder.path() / "x.zip";
  make_archive(zip, {{"b.bin", Bytes(200'000, 7)}});
  bytes = read_file(zip);
  bytes[120] ^= 0xff;  // inside the member's content
  write_file(zip, bytes);
  expect_error(ErrorKind::data, {"x.zip", "b.bin", "damaged"}, [&] { (void)all_of(zip); });
  const fs::path tar = folder.path() / "x.tar";
  make_archive(tar, {{"a", {1}}, {"b", {2}}});
  bytes = read_file(tar);
  bytes.resize(1024 + 100);  // in the second header
  write_file(tar, bytes);
  expect_error(ErrorKind::data, {"x.tar", "damaged after 1 members", "get the file again"}, [&] { (void)all_of(tar); });
  make_archive(tar, {{"a", {1}}, {"b", {2}}});
  bytes = read_file(tar);
  bytes[1024] ^= 0xff;  // the second header's checksum no longer fits
  write_file(tar, bytes);
  expect_error(ErrorKind::data, {"x.tar", "damaged after 1 members", "get the file again"}, [&] { (void)all_of(tar); });
  make_archive(zip, {{"secret.txt", {1, 2, 3}}});
  bytes = read_file(zip);
  bytes[6] |= 1;  // the flag in the member's header, and in the directory at the end
  const Bytes directory{'P', 'K', 1, 2};
  std::search(bytes.begin(), bytes.end(), directory.begin(), directory.end())[8] |= 1;
  write_file(zip, bytes);
  expect_error(ErrorKind::data, {"x.zip", "'secret.txt' is encrypted", "password"}, [&] { (void)all_of(zip); });
}

}  // namespace
}  // namespace tandem::data
