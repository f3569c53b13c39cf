// Word vectors of other programs.
#include <tandem/data/formats/gzip.h>
#include <tandem/data/text/vectors.h>

#include <cmath>

#include "tests/testing.h"

namespace tandem::data {
namespace {

using tandem::testing::expect_error;
using tandem::testing::Folder;

const Tokenizer& tokenizer() {
  static const Tokenizer t = Tokenizer::fit({.type = "blank"}, std::vector<std::string>{"good bad bad film film film"});
  return t;
}

std::vector<float> row(const WordVectors& vectors, const std::string& word) {
  const int64_t id = tokenizer().find(word).value();
  const auto values = vectors.values.rows(id, id + 1).data<const float>();
  return {values.begin(), values.end()};
}

TEST(WordVectors, Word2vecAndGlove) {
  const Folder folder;
  const std::string rows = "film 1 -2 0.5\nzebra 9 9 9\nNew York 1 1 1\ngood 3 4e-1 5\n";
  const std::string glove = rows, word2vec = "4 3\n" + rows;
  const std::vector<uint8_t> bytes(glove.begin(), glove.end());
  for (const fs::path& path :
       {folder.write("g.txt", glove), folder.write("w.txt", word2vec), folder.write("g.gz", gzip(bytes))}) {
    const WordVectors v = read_word_vectors(path, tokenizer(), 3, Rng(1, "v"));
    EXPECT_EQ(v.values.shape(), Shape({tokenizer().size(), 3}));
    EXPECT_EQ(v.found, 2);
    EXPECT_EQ(row(v, "film"), (std::vector<float>{1, -2, 0.5}));
    EXPECT_EQ(row(v, "good"), (std::vector<float>{3, 0.4F, 5}));
    const auto other = row(v, "bad");  // not there: random, of the spread of the others (2.4)
    for (const float x : other) EXPECT_TRUE(x != 0 && std::abs(x) < 12) << x;
    EXPECT_EQ(row(read_word_vectors(path, tokenizer(), 3, Rng(1, "v")), "bad"), other);
    EXPECT_NE(row(read_word_vectors(path, tokenizer(), 3, Rng(2, "v")), "bad"), other);
  }
}

TEST(WordVectors, LinesInOtherForms) {
  const Folder folder;
  const auto read = [&](const std::string& text, int64_t width) {
    return read_word_vectors(folder.write("v.txt", text), tokenizer(), width, Rng(1, "v"));
  };
  const WordVectors twice = read("film 1 2 \n\nfilm 3 4\t \n\ngood 5\t6\n", 2);
  EXPECT_EQ(twice.found, 2);
  EXPECT_EQ(row(twice, "film"), (std::vector<float>{1, 2})) << "the first of a word counts";
  EXPECT_EQ(row(twice, "good"), (std::vector<float>{5, 6}));
  // Of one number a word, the first line is no head unless both of its fields are whole.
  EXPECT_EQ(row(read("film 7\ngood 1\n", 1), "film"), std::vector<float>{7});
  EXPECT_EQ(row(read("7 0.5\ngood 1\n", 1), "good"), std::vector<float>{1});
  EXPECT_EQ(row(read("1 1\ngood 3\n", 1), "good"), std::vector<float>{3});
}

TEST(WordVectors, RefusesWithTheLine) {
  const Folder folder;
  const auto refused = [&](const std::string& text, const std::vector<std::string>& parts) {
    const fs::path path = folder.write("v.txt", text);
    expect_error(ErrorKind::data, parts, [&] { (void)read_word_vectors(path, tokenizer(), 2, Rng(1, "v")); });
  };
  refused("film 1 2\ngood 1\n", {"v.txt:2: has 2 fields, expected a word and 2 numbers"});
  refused("film 1 2\ngood 1 x\n", {"v.txt:2: 'x' is no number", "'good'"});
  refused("film 1 2\ngood 1 2x\n", {"v.txt:2: '2x' is no number", "'good'"});
  refused("film 1 nan\n", {"v.txt:1: 'nan' is no number"});
  refused("film\n", {"v.txt:1: has 1 fields"});
  refused("film 1 2 3\n", {"v.txt:1: has 3 numbers a word", "embedding 2", "set embedding: 3"});
  refused("9 3\nfilm 1 2 3\n", {"v.txt:1: has 3 numbers a word", "embedding 2", "set embedding: 3"});
  refused("9 99999999999999999999\nfilm 1 2\n", {"v.txt:1: has impossibly many numbers a word", "embedding 2"});
  refused("9 2000000000\nfilm 1 2\n", {"v.txt:1: has impossibly many numbers a word", "embedding 2"});
  refused("3 2\nfilm 1 2\n", {"says that it has 3 words and has 1"});
  refused("zebra 1 2\n", {"has none of the 6 tokens"});
  refused("", {"has none of the 6 tokens"});
  refused("7 0\nfilm 1 2\n", {"v.txt:1: has 0 numbers a word, the network's embedding 2"});
  refused("film 1 2\n\xff 1 2\n", {"v.txt:2:1: byte 0xff"});
}

}  // namespace
}  // namespace tandem::data
