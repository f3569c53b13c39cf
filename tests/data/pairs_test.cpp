#include <tandem/data/formats/gzip.h>
#include <tandem/data/pairs.h>

#include <algorithm>
#include <cstdlib>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

using data::find_pairs;
using data::PairOptions;
using data::PairParts;

PairOptions de_en(double validation = 0, double test = 0) {
  return {.from = "de", .to = "en", .validation = validation, .test_share = test};
}

/// Lines that name their number, so that a pair can be told from a wrong one.
std::string lines(const std::string& word, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += word + std::to_string(i) + "\n";
  return out;
}

void expect_pairs(const data::Pairs& pairs, int64_t count) {
  ASSERT_EQ(pairs.size(), count);
  for (size_t i = 0; i < pairs.source.size(); ++i)
    EXPECT_EQ(pairs.source[i].substr(4), pairs.target[i].substr(4)) << "one is the other's translation";
}

TEST(Pairs, OfAFolderWithItsParts) {
  const Folder home;
  home.write("train.de", lines("Wort", 12)), home.write("train.en", lines("word", 12));
  home.write("val.de", "Tag\r\nNacht\n"), home.write("val.en", "day\nnight");
  const PairParts parts = find_pairs(home.path().string(), de_en(0.25, 0.25));
  EXPECT_EQ(parts.validation.source, (std::vector<std::string>{"Tag", "Nacht"}));
  EXPECT_EQ(parts.validation.target, (std::vector<std::string>{"day", "night"}));
  expect_pairs(parts.test, 3);  // it has none of its own
  expect_pairs(parts.train, 9);
  PairOptions back = de_en();
  std::swap(back.from, back.to);
  EXPECT_EQ(find_pairs(home.path().string(), back).train.source[3], "word3");
}

TEST(Pairs, OfTwoFilesByWhatTheirNamesHaveInCommon) {
  const Folder home;
  home.write("news.de", lines("Wort", 5)), home.write("news.en", lines("word", 5));
  expect_pairs(find_pairs((home / "news").string(), de_en()).train, 5);
}

TEST(Pairs, OfTablesByTheNamesOfTheirColumns) {
  const Folder home;
  home.write("a.csv", "id,en,de\n1,\"a day,\nlong\",\"ein Tag,\nlang\"\n2,night,Nacht\n");
  home.write("a.tsv", "de\ten\nTag\tday\n");
  home.write("a.jsonl", "{\"en\": \"day\", \"de\": \"Tag\"}\n\n{\"de\": \"Nacht\", \"en\": \"night\"}\n");
  const data::Pairs csv = find_pairs((home / "a.csv").string(), de_en()).train;
  EXPECT_EQ(csv.source, (std::vector<std::string>{"ein Tag,\nlang", "Nacht"}));
  EXPECT_EQ(csv.target, (std::vector<std::string>{"a day,\nlong", "night"}));
  EXPECT_EQ(find_pairs((home / "a.tsv").string(), de_en()).train.source[0], "Tag");
  EXPECT_EQ(find_pairs((home / "a.jsonl").string(), de_en()).train.target[1], "night");
}

TEST(Pairs, OfPackedFilesAndOtherEndings) {
  const Folder home;
  const auto packed = [](const std::string& text) {
    return data::gzip(std::vector<uint8_t>(text.begin(), text.end()));
  };
  const std::string row = "{\"en\": \"day\", \"de\": \"Tag\"}\n";
  home.write("news.de.gz", packed(lines("Wort", 5))), home.write("news.en", lines("word", 5));
  expect_pairs(find_pairs((home / "news").string(), de_en()).train, 5);
  home.write("a.csv.gz", packed("de,en\nTag,day\n")), home.write("a.jsonl.gz", packed(row)),
      home.write("a.ndjson", row);
  for (const char* name : {"a.csv.gz", "a.jsonl.gz", "a.ndjson"}) {
    const data::Pairs pairs = find_pairs((home / name).string(), de_en()).train;
    EXPECT_EQ(pairs.source, std::vector<std::string>{"Tag"}) << name;
    EXPECT_EQ(pairs.target, std::vector<std::string>{"day"}) << name;
  }
}

TEST(Pairs, NamedOnesAreLookedForWhereTheDataLies) {
  const Folder home;
  const char* set = std::getenv("TANDEM_DATA");
  const std::string before = set ? set : "";
  setenv("TANDEM_DATA", home.path().c_str(), 1);
  expect_error(ErrorKind::file, {"multi30k", "is not in " + home.path().string()},
               [] { (void)find_pairs("multi30k", de_en()); });
  unsetenv("TANDEM_DATA");
  if (set) setenv("TANDEM_DATA", before.c_str(), 1);
}

TEST(Pairs, AreDividedBySeed) {
  const Folder home;
  home.write("news.de", lines("Wort", 40)), home.write("news.en", lines("word", 40));
  PairOptions options = de_en(0.1, 0.2);
  const auto divided = [&] { return find_pairs((home / "news").string(), options); };
  const PairParts first = divided(), same = divided();
  options.seed = 2;
  const PairParts other = divided();
  expect_pairs(first.train, 28), expect_pairs(first.validation, 4), expect_pairs(first.test, 8);
  EXPECT_EQ(first.test.source, same.test.source);
  EXPECT_NE(first.test.source, other.test.source);
  std::vector<std::string> all = first.train.source;
  for (const auto* part : {&first.validation, &first.test})
    all.insert(all.end(), part->source.begin(), part->source.end());
  std::ranges::sort(all);
  EXPECT_EQ(std::ranges::adjacent_find(all), all.end()) << "no pair is in two parts";
  EXPECT_EQ(all.size(), 40U);
  expect_pairs(at_most(first.train, 10, 1), 10);
  EXPECT_EQ(at_most(first.train, 0, 1).size(), 28);
  EXPECT_EQ(at_most(first.train, 99, 1).size(), 28);
}

TEST(Pairs, OfMulti30k) {
  const char* home = std::getenv("TANDEM_DATA");
  if (home == nullptr || !fs::exists(fs::path(home) / "multi30k")) GTEST_SKIP() << "TANDEM_DATA has no multi30k";
  PairOptions options = de_en(0.1, 0.1);
  options.data_folder = home;
  const PairParts parts = find_pairs("multi30k", options);
  EXPECT_EQ(parts.train.size(), 29'000);
  EXPECT_EQ(parts.validation.size(), 1014);
  EXPECT_EQ(parts.test.size(), 1000);
  EXPECT_EQ(parts.validation.target[0], "A group of men are loading cotton onto a truck");
  EXPECT_EQ(find_pairs((fs::path(home) / "multi30k/test_2017_mscoco").string(), de_en()).train.size(), 461);
}

TEST(Pairs, WrongOnesAreRefusedWithTheirPlace) {
  const Folder home;
  const auto folder = [&](const char* name, const std::string& de, const std::string& en) {
    home.write(std::string(name) + "/train.de", de), home.write(std::string(name) + "/train.en", en);
    return (home / name).string();
  };
  const auto refused = [&](ErrorKind kind, const std::vector<std::string>& parts, const std::string& source,
                           const PairOptions& options = de_en()) {
    expect_error(kind, parts, [&] { (void)find_pairs(source, options); });
  };
  refused(ErrorKind::data, {"train.de:3", "has no partner", "train.en ends before it"},
          folder("longer", "a\nb\nc\nd\n", "a\nb\n"));
  refused(ErrorKind::data, {"train.en:2", "has no partner", "train.de ends before it"},
          folder("shorter", "a\n", "a\nb\n"));
  refused(ErrorKind::data, {"train.en:2", "the text is empty", "together with its translation"},
          folder("empty", "a\nb\n", "a\n \t\n"));
  refused(ErrorKind::data, {"train.de:2:1", "no UTF-8"}, folder("bytes", "a\n\xff\n", "a\nb\n"));
  refused(ErrorKind::file, {"has no pairs in train.de and train.en", "valid"}, folder("nothing", "", ""));
  home.write("alone/train.de", "a\n");
  refused(ErrorKind::file, {"train.de", "stands alone", "train.en is not there"}, (home / "alone").string());
  home.write("other.en", "a\n");
  refused(ErrorKind::file, {"other.en", "stands alone", "other.de is not there"}, (home / "other").string());
  home.write("none.de", ""), home.write("none.en", "");
  refused(ErrorKind::data, {"none", "holds no pair"}, (home / "none").string());
  home.write("t.csv", "de,en\nTag,day\nNacht,\n");
  refused(ErrorKind::data, {"t.csv:3", "the text is empty"}, (home / "t.csv").string());
  home.write("other.csv", "deu,en\nTag,day\n");
  refused(ErrorKind::data, {"other.csv", "'de'", "deu"}, (home / "other.csv").string());
  home.write("j.jsonl", "{\"de\": \"Tag\", \"en\": \"day\"}\n{\"de\": \"Nacht\"}\n");
  refused(ErrorKind::data, {"j.jsonl:2", "en"}, (home / "j.jsonl").string());
  home.write("x.txt", "a\n");
  refused(ErrorKind::data, {"x.txt", "no format with pairs", ".csv"}, (home / "x.txt").string());
  refused(ErrorKind::usage, {"'multi30'", "did you mean 'multi30k'"}, "multi30");
  refused(ErrorKind::usage, {"'zebra' is neither multi30k nor a path, nor are there zebra.de and zebra.en"}, "zebra");
  refused(ErrorKind::usage, {"data.from is missing", "from: de"}, "multi30k", {.from = "", .to = "en"});
  refused(ErrorKind::usage, {"data.to is missing"}, "multi30k", {.from = "en", .to = ""});
  refused(ErrorKind::usage, {"both 'en'"}, "multi30k", {.from = "en", .to = "en"});
  refused(ErrorKind::usage, {"multi30k has de and en, not 'fr'"}, "multi30k", {.from = "fr", .to = "en"});
  refused(ErrorKind::file, {"multi30k", "train.en.gz", "TANDEM_DATA"}, "multi30k",
          {.data_folder = home.path(), .from = "de", .to = "en"});
  refused(ErrorKind::usage, {"leave nothing"}, "multi30k", de_en(0.5, 0.5));
  refused(ErrorKind::usage, {"validation 0.1 and test_share -0.1"}, "multi30k", de_en(0.1, -0.1));
  refused(ErrorKind::usage, {"validation -0.1 and test_share 0"}, "multi30k", de_en(-0.1, 0));
  refused(ErrorKind::data, {"has 1 pairs, too few for a validation part of 1"}, folder("one", "a\n", "b\n"),
          de_en(0.1));
}

}  // namespace
}  // namespace tandem::testing
