// Text files line by line, and JSON lines.
#include <tandem/data/formats/gzip.h>
#include <tandem/data/formats/jsonl.h>
#include <tandem/data/formats/lines.h>

#include "tests/testing.h"

namespace tandem::data {
namespace {

using tandem::testing::expect_error;
using tandem::testing::Folder;
using Lines = std::vector<std::string>;

TEST(Lines, EndsMarkAndGzip) {
  const Folder folder;
  for (const char* text : {"a\nb c\n\nd", "a\r\nb c\r\n\r\nd\r\n",
                           "\xef\xbb\xbf"
                           "a\nb c\n\nd\n"}) {
    const std::string t = text;
    EXPECT_EQ(read_lines(folder.write("t.txt", t)), (Lines{"a", "b c", "", "d"}));
    EXPECT_EQ(read_lines(folder.write("t.gz", gzip(std::vector<uint8_t>(t.begin(), t.end())))),
              (Lines{"a", "b c", "", "d"}));
  }
  EXPECT_EQ(read_lines(folder.write("e.txt", "")), Lines{});
  EXPECT_EQ(read_lines(folder.write("n.txt", "\n")), Lines{""});
}

TEST(Lines, LongerThanAnyBuffer) {
  const Folder folder;
  std::string text;
  Lines expected;
  for (size_t i = 0; i < 200; ++i)
    expected.push_back(std::string(i * 37, static_cast<char>('a' + i % 26)) + std::to_string(i));
  expected[100] = std::string(300'000, 'x');
  for (const auto& line : expected) text += line + "\n";
  EXPECT_EQ(read_lines(folder.write("t.txt", text)), expected);
}

TEST(Lines, PartOfAFile) {
  const Folder folder;
  const fs::path path = folder.write("t.txt", "one\ntwo\nthree\n");
  EXPECT_EQ(read_lines(path, {.end = 6}), (Lines{"one", "tw"}));
  EXPECT_EQ(read_lines(path, {.begin = 6}), (Lines{"o", "three"}));
  LineReader reader(path, {.end = 6});
  std::string line;
  EXPECT_TRUE(reader.next(line) && reader.ended());
  EXPECT_TRUE(reader.next(line) && !reader.ended());
  EXPECT_FALSE(reader.next(line));
}

TEST(Lines, RefusesWithLineAndColumn) {
  const Folder folder;
  const auto refused = [&](ErrorKind kind, const fs::path& path, const Lines& parts, const LineOptions& options = {}) {
    expect_error(kind, parts, [&] { (void)read_lines(path, options); });
  };
  refused(ErrorKind::data, folder.write("t.txt", "fine\nb\xc3\xa9 \x85\n"), {"t.txt:2:4: byte 0x85 is no UTF-8"});
  EXPECT_EQ(read_lines(folder / "t.txt", {.encoding = Encoding::windows_1252}), (Lines{"fine", "bÃ© …"}));
  refused(ErrorKind::data,
          folder.write("u.txt",
                       "\xff\xfe"
                       "a"),
          {"is UTF-16"});
  refused(ErrorKind::data,
          folder.write("u.txt",
                       "\xfe\xff"
                       "a"),
          {"is UTF-16"});
  refused(ErrorKind::file, folder / "t.txt", {"t.txt", "has no byte 9223372036854775808"},
          {.begin = uint64_t{1} << 63});
  // A file that opens and cannot be read: nothing lies at address 0 of a process.
  refused(ErrorKind::data, "/proc/self/mem", {"/proc/self/mem", "after line 0", "Input/output error"});
  refused(ErrorKind::file, folder / "gone.txt", {"gone.txt", "cannot be read"});
  refused(ErrorKind::file, folder.path(), {"is a folder"});
  refused(ErrorKind::data, folder.write("l.txt", std::string(200'000, 'x')), {"line 1 is longer than 1000 bytes"},
          {.longest = 1000});
  std::string noise;
  for (uint32_t i = 0; i < 4000; ++i) noise += std::to_string(i * 2654435761U) + "\n";
  auto packed = gzip(std::vector<uint8_t>(noise.begin(), noise.end()));
  auto cut = packed;
  cut.resize(packed.size() / 2);
  refused(ErrorKind::data, folder.write("cut.gz", cut), {"cut.gz", "is damaged after line"});
  packed[packed.size() / 2] ^= 0x55;
  refused(ErrorKind::data, folder.write("bad.gz", packed), {"bad.gz", "is damaged after line"});
}

TEST(Jsonl, ValuesByKey) {
  const Folder folder;
  const fs::path path =
      folder.write("t.jsonl", "{\"label\": 1, \"text\": \"a\\nb \\u597d\"}\n\n{\"text\": \"c\", \"label\": true}\n");
  std::vector<Lines> rows;
  std::vector<int64_t> lines;
  read_jsonl(path, {"text", "label"}, [&](const Lines& values, int64_t line) {
    rows.push_back(values);
    lines.push_back(line);
  });
  EXPECT_EQ(rows, (std::vector<Lines>{{"a\nb 好", "1"}, {"c", "true"}}));
  EXPECT_EQ(lines, (std::vector<int64_t>{1, 3}));
}

TEST(Jsonl, RefusesWithTheLine) {
  const Folder folder;
  const auto refused = [&](const std::string& text, const Lines& parts) {
    const fs::path path = folder.write("t.jsonl", text);
    expect_error(ErrorKind::data, parts, [&] { read_jsonl(path, {"text"}, [](const Lines&, int64_t) {}); });
  };
  refused("{\"text\": \"a\"}\n{\"text\": \n", {"t.jsonl:2: is no JSON"});
  refused("[1]\n", {"t.jsonl:1: holds array, expected an object"});
  refused("{\"test\": \"a\"}\n", {"t.jsonl:1: has no 'text' (did you mean 'test'?)"});
  refused("{\"zebra\": 1, \"lion\": 2}\n", {"t.jsonl:1: has no 'text'; it has lion, zebra"});
  refused("{\"text\": [1]}\n", {"'text' is array"});
  refused("{\"text\": null}\n", {"'text' is null"});
  refused(std::string(100'000, '['), {"t.jsonl:1: is no JSON"});
}

}  // namespace
}  // namespace tandem::data
