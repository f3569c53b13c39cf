#include <tandem/data/dataset.h>

#include <set>

#include "tests/data/testing.h"

namespace tandem::data {
namespace {

using testing::expect_error;
using testing::numbered;

TEST(Dataset, SubsetKeepsPixelsWithTheirLabels) {
  const Dataset set = numbered(10, {"a", "b", "c"});
  const Dataset part = subset(set, std::vector<int64_t>{7, 2, 7});
  ASSERT_EQ(part.pixels().shape(), Shape({3, 4, 3, 1}));
  EXPECT_EQ(part.labels, (std::vector<int32_t>{1, 2, 1}));
  EXPECT_EQ(part.pixels().at(0), 7);
  EXPECT_EQ(part.pixels().at(12), 2);
  EXPECT_EQ(part.classes, set.classes);
  EXPECT_EQ(subset(set, {}).size(), 0);
  expect_error(ErrorKind::usage, {"example 10", "set of 10"}, [&] { (void)subset(set, std::vector<int64_t>{10}); });
  expect_error(ErrorKind::usage, {"example -1"}, [&] { (void)subset(set, std::vector<int64_t>{-1}); });
}

TEST(Dataset, SplitIsStratifiedDisjointAndSeeded) {
  const Dataset set = numbered(200, {"a", "b"});
  const auto [rest, part] = split(set, 0.1, 3);
  EXPECT_EQ(part.size(), 20);
  EXPECT_EQ(rest.size(), 180);
  EXPECT_EQ(std::ranges::count(part.labels, 0), 10);
  std::set<double> seen;
  for (const Dataset* s : {&rest, &part})
    for (int64_t i = 0; i < s->size(); ++i) {
      const double index = s->pixels().at(i * 12);
      EXPECT_TRUE(seen.insert(index).second);
      EXPECT_EQ(s->labels[static_cast<size_t>(i)], static_cast<int32_t>(index) % 2);
    }
  EXPECT_EQ(seen.size(), 200U);
  const auto pixel = [](const Dataset& s) {
    return std::vector<uint8_t>(s.pixels().data<uint8_t>().begin(), s.pixels().data<uint8_t>().end());
  };
  EXPECT_EQ(pixel(part), pixel(split(set, 0.1, 3).second));
  EXPECT_NE(pixel(part), pixel(split(set, 0.1, 4).second));
}

TEST(Dataset, SplitOfSmallClasses) {
  EXPECT_EQ(split(numbered(4, {"a", "b"}), 0.01, 1).second.size(), 2);  // one of each two
  EXPECT_EQ(split(numbered(2, {"a", "b"}), 0.9, 1).second.size(), 0);   // a single example stays
  EXPECT_EQ(split(numbered(4, {"a", "b"}), 0.0, 1).second.size(), 0);
  expect_error(ErrorKind::usage, {"fraction is 1"}, [] { (void)split(numbered(4, {"a"}), 1.0, 1); });
  expect_error(ErrorKind::usage, {"fraction is nan"}, [] { (void)split(numbered(4, {"a"}), std::nan(""), 1); });
  expect_error(ErrorKind::data, {"'c' has no examples"}, [] { (void)split(numbered(2, {"a", "b", "c"}), 0.5, 1); });
  Dataset wrong = numbered(3, {"a"});
  wrong.labels[1] = 5;
  expect_error(ErrorKind::data, {"label 5 of example 1", "1 classes"}, [&] { (void)split(wrong, 0.5, 1); });
}

TEST(Dataset, OnlyClassesRelabelsInTheOrderGiven) {
  const Dataset set = numbered(9, {"cat", "dog", "frog"});
  const Dataset two = only_classes(set, {"frog", "cat"});
  EXPECT_EQ(two.classes, (std::vector<std::string>{"frog", "cat"}));
  EXPECT_EQ(two.labels, (std::vector<int32_t>{1, 0, 1, 0, 1, 0}));
  EXPECT_EQ(two.pixels().at(12), 2);
  expect_error(ErrorKind::usage, {"'frok' is not a class", "did you mean 'frog'", "cat, dog, frog"},
               [&] { (void)only_classes(set, {"frok"}); });
  expect_error(ErrorKind::usage, {"'cat' is named twice"}, [&] { (void)only_classes(set, {"cat", "cat"}); });
  expect_error(ErrorKind::usage, {"empty"}, [&] { (void)only_classes(set, {}); });
}

}  // namespace
}  // namespace tandem::data
