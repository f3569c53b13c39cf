// Large texts as tokens, and the windows in which they are read.
#include <tandem/base/random.h>
#include <tandem/data/text/stream.h>

#include <numeric>
#include <set>

#include "tests/testing.h"

namespace tandem::data {
namespace {

using tandem::testing::expect_error;
using tandem::testing::Folder;
using tandem::testing::PeakMemory;

TEST(TokenStream, HoldsTheWholeTextInOrder) {
  const Folder folder;
  const std::string text = "to be\nor not\n\nto be";
  const fs::path path = folder.write("t.txt", text);
  const Tokenizer letters = Tokenizer::fit({.type = "character"}, std::vector<std::string>{text});
  LineReader lines(path);
  const TokenStream stream = TokenStream::encode(lines, letters);
  ASSERT_EQ(stream.size(), std::ssize(text));
  std::vector<int32_t> all(text.size()), part(3);
  stream.read(0, all);
  EXPECT_EQ(letters.decode(all), text);
  stream.read(3, part);
  EXPECT_EQ(letters.decode(part), "be\n");
  expect_error(ErrorKind::usage, {"out of range for a text of 19"}, [&] { stream.read(17, part); });

  const Tokenizer words = Tokenizer::fit({.type = "blank"}, std::vector<std::string>{"to be or"});
  LineReader again(path);
  const TokenStream other = TokenStream::encode(again, words);
  EXPECT_EQ(other.size(), 9);  // six words, three line ends
  EXPECT_EQ(other.unknown(), 1);
  std::vector<int32_t> ids(9);
  other.read(0, ids);
  EXPECT_EQ(ids[2], words.special().end);

  LineReader more(path);
  const Tokenizer ngrams = Tokenizer::fit({.ngrams = {.words = 2, .min_count = 1}}, std::vector<std::string>{"to be"});
  expect_error(ErrorKind::usage, {"n-grams"}, [&] { (void)TokenStream::encode(more, ngrams); });
  LineReader empty(folder.write("e.txt", ""));
  expect_error(ErrorKind::data, {"no token"}, [&] { (void)TokenStream::encode(empty, letters); });
}

TEST(TokenStream, ALargeTextTakesNoMoreMemoryThanASmallOne) {
  const Folder folder;
  const fs::path path = folder / "large.txt";
  std::ofstream file(path);
  Rng rng(1, "large");
  for (int line = 0; line < 400'000; ++line) {  // 24 MB, 4.4 million tokens
    std::string text;
    for (int word = 0; word < 10; ++word) text += fmt::format("w{:04d} ", rng.below(2000));
    file << text << '\n';
  }
  file.close();
  std::vector<std::string> known;
  for (int word = 0; word < 2000; ++word) known.push_back(fmt::format("w{:04d}", word));
  const Tokenizer words = Tokenizer::fit({.type = "blank"}, known);
  const PeakMemory peak;
  LineReader lines(path);
  const TokenStream stream = TokenStream::encode(lines, words);
  EXPECT_EQ(stream.size(), 4'400'000);
  std::vector<int32_t> some(1000);
  for (int64_t at = 0; at + 1000 < stream.size(); at += 100'000) stream.read(at, some);
  if (PeakMemory::counts) {
    EXPECT_LT(peak.grown(), 4 << 20);
  }
}

TEST(TokenStream, WindowsCoverTheTextOnceInAnOrderOfTheirOwn) {
  for (const int64_t tokens : {11, 25, 101, 1000}) {
    for (int64_t epoch = 0; epoch < 20; ++epoch) {
      const auto starts = windows(tokens, 10, 7, epoch);
      EXPECT_GE(std::ssize(starts), std::max<int64_t>((tokens - 1) / 10 - 1, 1));
      std::set<int64_t> sorted(starts.begin(), starts.end());
      ASSERT_EQ(sorted.size(), starts.size());
      EXPECT_GE(*sorted.begin(), 0);
      EXPECT_LE(*sorted.rbegin() + 11, tokens);
      for (auto at = sorted.begin(); std::next(at) != sorted.end(); ++at) EXPECT_EQ(*std::next(at) - *at, 10);
    }
  }
  EXPECT_EQ(windows(1000, 10, 7, 3), windows(1000, 10, 7, 3));
  EXPECT_NE(windows(1000, 10, 7, 3), windows(1000, 10, 7, 4));
  EXPECT_NE(windows(1000, 10, 7, 3), windows(1000, 10, 8, 3));
  EXPECT_EQ(windows(11, 10, 1, 0), std::vector<int64_t>{0});
  expect_error(ErrorKind::data, {"has 10 tokens, a window takes 10"}, [] { (void)windows(10, 10, 1, 0); });
}

}  // namespace
}  // namespace tandem::data
