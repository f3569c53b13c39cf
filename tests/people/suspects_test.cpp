#include <tandem/people/suspects.h>

#include <set>

#include "tests/people/opinions.h"
#include "tests/train/small.h"

namespace tandem::people {
namespace {

using tandem::testing::bands;
using tandem::testing::expect_error;

// By hand. Mean probability of its own label: class 0 has (0.9 + 0.8 + 0.1) / 3 = 0.6, class 1 has (0.7 + 0.3) / 2 =
// 0.5.
TEST(Suspects, AreThoseCertainToBeOfAnotherClass) {
  const std::vector<int32_t> labels{0, 0, 0, 1, 1};
  const std::vector<float> p{0.9F, 0.1F, 0.8F, 0.2F, 0.1F, 0.9F, 0.3F, 0.7F, 0.7F, 0.3F};
  const auto found = suspects(p, 2, labels);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].index, 2);  // 0.9 against 0.1
  EXPECT_EQ(found[0].given, 0);
  EXPECT_EQ(found[0].likely, 1);
  EXPECT_FLOAT_EQ(static_cast<float>(found[0].likely_probability), 0.9F);
  EXPECT_FLOAT_EQ(static_cast<float>(found[0].given_probability), 0.1F);
  EXPECT_EQ(found[1].index, 4);  // 0.7 against 0.3, above the 0.6 of class 0
}

// 0.55 for the other class is more than its own 0.45, and less than what is usual for that class: no suspect.
TEST(Suspects, DoubtIsNotCertainty) {
  const std::vector<int32_t> labels{0, 0, 1, 1};
  const std::vector<float> p{0.9F, 0.1F, 0.45F, 0.55F, 0.1F, 0.9F, 0.2F, 0.8F};
  EXPECT_TRUE(suspects(p, 2, labels).empty());
}

TEST(Suspects, AClassThatNobodyIsLabelledWithIsNeverCertain) {
  const std::vector<int32_t> labels{0, 0};
  const std::vector<float> p{0.1F, 0.9F, 0.9F, 0.1F};
  EXPECT_TRUE(suspects(p, 2, labels).empty());
}

TEST(Suspects, FindsFlippedLabelsByNetworksThatDidNotSeeThem) {
  const train::Recipe recipe = tandem::testing::small_recipe("optimizer: {lr: 0.01}\ntrain: {epochs: 4, batch: 32}");
  data::Dataset set = bands(600, 1);
  const std::vector<int32_t> right = set.labels;
  const auto flipped = flip_labels(set, 0.05, 3);
  ASSERT_EQ(flipped.size(), 30U);
  for (const int64_t i : flipped) EXPECT_NE(set.labels[static_cast<size_t>(i)], right[static_cast<size_t>(i)]);
  const auto p = cross_validated(recipe, set, 3);
  ASSERT_EQ(p.size(), 1800U);
  int64_t found = 0;
  const auto all = suspects(p, 3, set.labels);
  const std::set<int64_t> changed(flipped.begin(), flipped.end());
  for (const Suspect& s : all) {
    found += changed.contains(s.index) ? 1 : 0;
    if (changed.contains(s.index)) {
      EXPECT_EQ(s.likely, right[static_cast<size_t>(s.index)]);
    }
  }
  EXPECT_GE(found, 27);
  EXPECT_LE(std::ssize(all), 33);
  train::Hooks stop;
  stop.stop = [] { return true; };
  EXPECT_TRUE(cross_validated(recipe, set, 3, stop).empty());
}

TEST(Suspects, OfTexts) {
  const train::Recipe recipe = tandem::testing::text_recipe(tandem::testing::text_networks()[0].second, false);
  data::Dataset set = tandem::testing::opinions(600, 1);
  const auto flipped = flip_labels(set, 0.05, 3);
  const auto all = suspects(cross_validated(recipe, set, 3), 2, set.labels);
  const std::set<int64_t> changed(flipped.begin(), flipped.end());
  const auto found = std::ranges::count_if(all, [&](const Suspect& s) { return changed.contains(s.index); });
  EXPECT_GE(found, 27) << "of 30";
  EXPECT_LE(std::ssize(all), 36);
}

TEST(Suspects, RefusesWhatDoesNotFit) {
  const std::vector<float> p(4, 0.5F);
  const std::vector<int32_t> two{0, 1}, high{0, 7};
  expect_error(ErrorKind::usage, {"4 probabilities", "2 rows of 3"}, [&] { (void)suspects(p, 3, two); });
  expect_error(ErrorKind::usage, {"example 1 has label 7"}, [&] { (void)suspects(p, 2, high); });
  data::Dataset set = bands(9, 1);
  expect_error(ErrorKind::usage, {"1.5"}, [&] { (void)flip_labels(set, 1.5, 1); });
  const train::Recipe recipe = tandem::testing::small_recipe();
  expect_error(ErrorKind::data, {"'top' has 3 examples", "5 folds"}, [&] { (void)cross_validated(recipe, set, 5); });
}

}  // namespace
}  // namespace tandem::people
