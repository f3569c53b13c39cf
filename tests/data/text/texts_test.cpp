// Texts with labels, from files and by name.
#include <tandem/data/catalog.h>
#include <tandem/data/formats/gzip.h>
#include <tandem/data/text/named.h>
#include <tandem/data/text/texts.h>

#include <cstdlib>
#include <set>

#include "tests/testing.h"

namespace tandem::data {
namespace {

using tandem::testing::expect_error;
using tandem::testing::Folder;
using Strings = std::vector<std::string>;

std::vector<uint8_t> packed(const std::string& text) { return gzip(std::vector<uint8_t>(text.begin(), text.end())); }

TEST(Texts, CsvByNamesAndByLength) {
  const Folder folder;
  const Splits named = load_texts(folder.write("a.csv", "id,label,text\n1,pos,\"good, really\nvery\"\n2,neg,bad\n"));
  EXPECT_EQ(named.train.texts(), (Texts{"good, really\nvery", "bad"}));
  EXPECT_EQ(named.train.classes, (Strings{"neg", "pos"}));
  EXPECT_EQ(named.train.labels, (std::vector<int32_t>{1, 0}));
  EXPECT_EQ(named.test.size(), 0);

  const Splits guessed = load_texts(folder.write("b.tsv", "score\treview\n10\t很好\n9\tnot good at all\n"));
  EXPECT_EQ(guessed.train.texts(), (Texts{"很好", "not good at all"}));
  EXPECT_EQ(guessed.train.classes, (Strings{"9", "10"})) << "numbers in their order";

  const TextSource source{.column = "b", .label = "a"};
  EXPECT_EQ(load_texts(folder.write("c.csv", "a,b,c\nx,t1,1\ny,t2,2\n"), source).train.texts(), (Texts{"t1", "t2"}));
  EXPECT_EQ(load_texts(folder.write("w.csv", "text,label\ncaf\xe9,x\n\x93quoted\x94,y\n"), {.encoding = "windows-1252"})
                .train.texts(),
            (Texts{"café", "“quoted”"}));
}

TEST(Texts, JsonLinesPartsAndFoldersOfClasses) {
  const Folder folder;
  folder.write("data/train.jsonl", "{\"text\": \"a b\", \"label\": \"x\"}\n{\"text\": \"c\", \"label\": \"y\"}\n");
  folder.write("data/dev.csv", "text,label\nd e,y\nf g,x\n");
  folder.write("data/test.csv", "text,label\nh,x\ni,y\n");
  const Splits parts = load_texts(folder / "data");
  EXPECT_EQ(parts.train.texts(), (Texts{"a b", "c"}));
  EXPECT_EQ(parts.validation.texts(), (Texts{"d e", "f g"}));
  EXPECT_EQ(parts.validation.labels, (std::vector<int32_t>{1, 0}));
  EXPECT_EQ(parts.test.texts(), (Texts{"h", "i"}));

  folder.write("flat/good.txt", "one\n\ntwo\n");
  folder.write("flat/bad.txt", "three\r\n");
  const Splits flat = load_texts(folder / "flat");
  EXPECT_EQ(flat.train.classes, (Strings{"bad", "good"}));
  EXPECT_EQ(flat.train.texts(), (Texts{"three", "one", "two"}));

  folder.write("deep/train/good/1.txt", "one\n");
  folder.write("deep/train/good/2.txt", "two\n");
  folder.write("deep/train/bad/1.txt", "three\n");
  folder.write("deep/test/bad.txt", "four\n");
  const Splits deep = load_texts(folder / "deep");
  EXPECT_EQ(deep.train.texts(), (Texts{"three", "one", "two"}));
  EXPECT_EQ(deep.test.texts(), (Texts{"four"}));
}

TEST(Texts, OfTwoColumnsOneNameIsEnough) {
  const Folder folder;
  const auto texts = [&](const std::string& csv, const TextSource& source = {}) {
    return load_texts(folder.write("a.csv", csv), source).train.texts();
  };
  const Texts expected{"a longer one", "yes"};
  EXPECT_EQ(texts("label,review\na longer name than a text,a longer one\ny,yes\n"), expected);
  EXPECT_EQ(texts("text,score\na longer one,1\nyes,2\n"), expected);
  EXPECT_EQ(texts("score,review\n1,a longer one\n2,yes\n", {.label = "score"}), expected);
  EXPECT_EQ(texts("score,review\n1,a longer one\n2,yes\n", {.column = "review"}), expected);
  EXPECT_EQ(texts("review,score\na longer one,1\nyes,2\n"), expected) << "the longer column";
  const Splits named =
      load_texts(folder.write("a.jsonl", "{\"review\": \"good\", \"text\": \"no\", \"score\": 9, \"label\": 3}\n"),
                 {.column = "review", .label = "score"});
  EXPECT_EQ(named.train.texts(), Texts{"good"});
  EXPECT_EQ(named.train.classes, Strings{"9"});
}

TEST(Texts, PackedFilesAndOtherEndings) {
  const Folder folder;
  const std::string csv = "text,label\ngood,x\nbad,y\n", row = "{\"text\": \"good\", \"label\": \"x\"}\n";
  EXPECT_EQ(load_texts(folder.write("a.csv.gz", packed(csv))).train.texts(), (Texts{"good", "bad"}));
  EXPECT_EQ(load_texts(folder.write("a.ndjson", row)).train.texts(), Texts{"good"});
  EXPECT_EQ(load_texts(folder.write("a.JSONL.gz", packed(row))).train.texts(), Texts{"good"});
  EXPECT_EQ(load_texts(folder.write("w.csv.gz", packed("text,label\ncaf\xe9,x\n")), {.encoding = "windows-1252"})
                .train.texts(),
            Texts{"café"});
}

TEST(Texts, OtherFilesOfAFolderHoldNone) {
  const Folder folder;
  for (const char* name : {".bad.txt.swp", ".hidden.txt", "README.md", ".git/a.txt", "good/notes.md"})
    folder.write(name, "none of this\n");
  folder.write("good/1.txt", "one\n");
  folder.write("bad.txt", "two\n");
  const Splits read = load_texts(folder.path());
  EXPECT_EQ(read.train.classes, (Strings{"bad", "good"}));
  EXPECT_EQ(read.train.texts(), (Texts{"two", "one"}));
}

TEST(Texts, RefusesWithFileAndLine) {
  const Folder folder;
  const auto refused = [&](const std::string& name, const std::string& text, const Strings& parts,
                           ErrorKind kind = ErrorKind::data) {
    const fs::path path = folder.write(name, text);
    expect_error(kind, parts, [&] { (void)load_texts(path); });
  };
  refused("e.csv", "text,label\ngood,x\n\"  \",y\n", {"e.csv:3: the text is empty"});
  refused("l.csv", "text,label\ngood,x\nbad,\n", {"l.csv:3: the label is empty"});
  refused("b.csv",
          "text,label\ngood,x\nb\xe4"
          "d,y\n",
          {"b.csv", "line 3", "0xe4"});
  refused("n.csv", "a,b,c\n1,2,3\n4,5,6\n", {"has the columns a, b, c", "data.text.column"});
  refused("m.csv", "a,text,c\n1,2,3\n4,5,6\n", {"has the columns a, text, c", "data.text.label"});
  expect_error(ErrorKind::data, {"n.csv", "has the columns a, b, c"},
               [&] { (void)load_texts(folder / "n.csv", {.column = "b", .label = "b"}); });
  refused("t.txt", "hello\n", {"t.txt", "is of no format with labels"});
  std::string ids = "text,label\n";
  for (int i = 0; i < 200; ++i) ids += fmt::format("text {},id{}\n", i, i);
  refused("i.csv", ids, {"200 labels for 200 texts"});
  folder.write("p/train.csv", "text,label\na,x\nb,y\n");
  folder.write("p/test.csv", "text,label\nc,x\nd,z\n");
  expect_error(ErrorKind::data, {"test.csv:3: the label 'z' is never seen in training, which has x, y"},
               [&] { (void)load_texts(folder / "p"); });
  std::string many = "text,label\n";
  for (int i = 0; i < 21; ++i) many += fmt::format("some words,class {}\n", i);
  folder.write("q/train.csv", many);
  folder.write("q/test.csv", "text,label\nc,z\n");
  expect_error(ErrorKind::data, {"test.csv:2: the label 'z' is never seen in training, which has 21 others"},
               [&] { (void)load_texts(folder / "q"); });
  fs::create_directory(folder / "none");
  expect_error(ErrorKind::data, {"holds no texts", "train.csv"}, [&] { (void)load_texts(folder / "none"); });
}

TEST(Texts, OnlyTheTexts) {
  const Folder folder;
  EXPECT_EQ(read_texts(folder.write("a.csv", "text\ngood\nbad\n")), (Strings{"good", "bad"}));
  EXPECT_EQ(read_texts(folder.write("b.csv", "id,text\n1,good\n2,bad\n")), (Strings{"good", "bad"}));
  EXPECT_EQ(read_texts(folder.write("c.jsonl", "{\"text\": \"good\"}\n")), (Strings{"good"}));
  EXPECT_EQ(read_texts(folder.write("d.txt", "good\nbad\n")), (Strings{"good", "bad"}));
  EXPECT_EQ(read_texts(folder.write("e.csv", "id,review\n1,good\n2,bad\n")), (Strings{"good", "bad"}));
  EXPECT_EQ(read_texts(folder.write("f.csv", "review,text\ngood,1\nbad,2\n"), {.column = "review"}),
            (Strings{"good", "bad"}));
  EXPECT_EQ(read_texts(folder.write("g.csv", "review\ngood\nbad\n")), (Strings{"good", "bad"})) << "the only column";
  EXPECT_EQ(read_texts(folder.write("h.jsonl", "{\"review\": \"good\"}\n"), {.column = "review"}), Strings{"good"});
}

TEST(Texts, NamedSetsHaveWhatTheirReadmeSays) {
  const char* home = std::getenv("TANDEM_DATA");
  if (!home || !*home) GTEST_SKIP() << "TANDEM_DATA is not set";
  const LoadOptions options{.data_folder = home, .text = TextSource{}};
  const auto check = [&](const char* name, int64_t train, int64_t validation, int64_t test, size_t classes) {
    if (!fs::exists(fs::path(home) / name)) return Splits{};
    Splits out = load(name, options);
    EXPECT_EQ(out.train.size(), train) << name;
    EXPECT_EQ(out.validation.size(), validation) << name;
    EXPECT_EQ(out.test.size(), test) << name;
    EXPECT_EQ(out.train.classes.size(), classes) << name;
    return out;
  };
  const Splits mr = check("mr_polarity", 10'662, 0, 0, 2);
  check("banking77", 10'003, 0, 3'080, 77);
  const Splits clinc = check("clinc150", 15'100, 3'100, 5'500, 151);
  const Splits hotels = check("chnsenticorp", 6'213, 776, 776, 2);
  if (clinc.test.size() > 0) {
    EXPECT_EQ(std::ranges::count(clinc.test.labels, 150), 1000) << "out of scope";
  }
  if (hotels.train.size() > 0) {
    LoadOptions other = options;
    other.seed = 2;
    EXPECT_EQ(load("chnsenticorp", options).test.texts(), hotels.test.texts());
    EXPECT_NE(load("chnsenticorp", other).test.texts(), hotels.test.texts());
  }
  const fs::path shakespeare = fs::path(home) / "tinyshakespeare";
  if (fs::exists(shakespeare)) {
    const Corpus corpus = load_corpus("tinyshakespeare", shakespeare);
    EXPECT_EQ(corpus.train.end, 1'003'854U);
    EXPECT_EQ(corpus.validation.end - corpus.validation.begin, 111'540U);
    expect_error(ErrorKind::usage, {"text without classes"}, [&] { (void)load("tinyshakespeare", options); });
  }
}

TEST(Texts, ACorpusIsDividedBetweenCharacters) {
  const Folder folder;
  const fs::path path = folder.write("c.txt", "好好好好好好好好好好");  // 30 bytes: 90 % lie inside the last but one
  const Corpus corpus = corpus_of(path, 0.05);
  std::string train, validation;
  LineReader first = corpus.train.lines(), second = corpus.validation.lines();
  EXPECT_TRUE(first.next(train));
  (void)second.next(validation);
  EXPECT_EQ(train + validation, "好好好好好好好好好好");
  const Corpus half = corpus_of(path, 0.45);
  LineReader one = half.train.lines(), two = half.validation.lines();
  EXPECT_TRUE(one.next(train) && two.next(validation));
  EXPECT_EQ(train, "好好好好好好");
  EXPECT_EQ(validation, "好好好好");
}

}  // namespace
}  // namespace tandem::data
