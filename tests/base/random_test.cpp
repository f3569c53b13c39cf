#include <tandem/base/random.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

// Worked out from the formula in random.h by a separate program.
TEST(Random, GivesTheKnownNumbers) {
  EXPECT_EQ(random_bits(0, 1), 0x48218226ff3cd4bfU);
  EXPECT_EQ(random_bits(1, 0), 0xd9bf17d113f38956U);
  EXPECT_EQ(random_bits(0x123456789abcdefU, 42), 0x1aa6de62a7041035U);
  EXPECT_EQ(random_bits(~uint64_t{0}, ~uint64_t{0}), 0xe8ba9f99ca933538U);
  Rng weights(7, "weights");
  EXPECT_EQ(weights.key, 0xdb2ebe3d47975c8fU);
  EXPECT_EQ(weights.bits(), 0x33ffdbbe8940b6f5U);
  EXPECT_EQ(weights.bits(), 0x7c90cb9a90b5fc0cU);
  EXPECT_EQ(weights.counter, 2U);
  EXPECT_EQ(weights.split(3).key, 0xd6c8212bbfa71b19U) << "a split depends on the key, not on the position";
  EXPECT_EQ(weights.split(3).bits(), 0x294ec95e3e3b8000U);
  EXPECT_EQ(Rng(5, "order").permutation(8), (std::vector<int64_t>{5, 2, 1, 0, 4, 3, 7, 6}));
  EXPECT_DOUBLE_EQ(Rng(5, "order").uniform(), 0.7527533219871706);
  EXPECT_NEAR(Rng(5, "order").normal(), 1.6428448315109545, 1e-14);
}

double chi_square(const std::vector<int64_t>& counts) {
  const double expected = static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0})) /
                          static_cast<double>(counts.size());
  double sum = 0;
  for (const int64_t count : counts)
    sum += (static_cast<double>(count) - expected) * (static_cast<double>(count) - expected) / expected;
  return sum;
}

// 255 degrees of freedom: mean 255, standard deviation 22.6. The bounds lie six deviations away, on both sides: numbers
// that are too even are no better than numbers that are not.
void expect_uniform(const std::vector<int64_t>& counts, const std::string& what) {
  EXPECT_GT(chi_square(counts), 120) << what;
  EXPECT_LT(chi_square(counts), 390) << what;
}

TEST(Random, IsUniformInEveryByte) {
  for (int shift = 0; shift < 64; shift += 8) {
    std::vector<int64_t> counts(256);
    Rng rng(11, "bytes");
    for (int i = 0; i < 100'000; ++i) ++counts[rng.bits() >> shift & 255];
    expect_uniform(counts, "byte at bit " + std::to_string(shift));
  }
}

TEST(Random, FirstNumbersOfSplitsAreUniform) {
  std::vector<int64_t> low(256), high(256);
  const Rng parent(1, "augment");
  for (uint64_t i = 0; i < 100'000; ++i) {
    Rng child = parent.split(i);
    const uint64_t bits = child.bits();
    ++low[bits & 255], ++high[bits >> 56];
  }
  expect_uniform(low, "low byte");
  expect_uniform(high, "high byte");
}

double correlation(Rng a, Rng b, int n) {
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += (a.uniform() - 0.5) * (b.uniform() - 0.5);
  return sum / n * 12;  // the variance of a uniform number is 1/12
}

// The correlation of n independent pairs has deviation 1/sqrt(n) = 0.007; five of them are allowed.
TEST(Random, StreamsAreIndependent) {
  constexpr int n = 20'000;
  const Rng a(1, "shuffle");
  EXPECT_LT(std::abs(correlation(a, Rng(1, "augment"), n)), 0.036) << "names";
  EXPECT_LT(std::abs(correlation(a, Rng(2, "shuffle"), n)), 0.036) << "seeds";
  EXPECT_LT(std::abs(correlation(a, a.split(0), n)), 0.036) << "parent and child";
  EXPECT_LT(std::abs(correlation(a.split(0), a.split(1), n)), 0.036) << "neighbours";
  EXPECT_LT(std::abs(correlation(a.split(0).split(1), a.split(1).split(0), n)), 0.036) << "order of splits";
  Rng later = a;
  later.counter = 1;
  EXPECT_LT(std::abs(correlation(a, later, n)), 0.036) << "one after the other";
  std::set<uint64_t> keys;
  for (uint64_t seed = 0; seed < 20; ++seed)
    for (uint64_t i = 0; i < 500; ++i) keys.insert(Rng(seed, "x").split(i).key);
  EXPECT_EQ(keys.size(), 10'000U);
}

TEST(Random, AnyPartOfAStreamCanBeDrawn) {
  Rng whole(3, "s");
  std::vector<uint64_t> numbers(100);
  for (auto& x : numbers) x = whole.bits();
  Rng late(3, "s");
  late.counter = 57;
  EXPECT_EQ(late.bits(), numbers[57]);
}

TEST(Random, NormalHasTheRightMoments) {
  constexpr int n = 100'000;
  Rng rng(4, "normal");
  double sum = 0, squares = 0, fourth = 0;
  for (int i = 0; i < n; ++i) {
    const double x = rng.normal();
    sum += x, squares += x * x, fourth += x * x * x * x;
  }
  EXPECT_EQ(rng.counter, 2U * n) << "two draws a number";
  EXPECT_NEAR(sum / n, 0, 5 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1, 5 * std::sqrt(2.0 / n));
  EXPECT_NEAR(fourth / n, 3, 5 * std::sqrt(96.0 / n));
}

TEST(Random, BelowIsUniformAndInRange) {
  std::vector<int64_t> counts(256);
  Rng rng(5, "below");
  for (int i = 0; i < 100'000; ++i) ++counts.at(static_cast<size_t>(rng.below(256)));
  expect_uniform(counts, "below");
  for (const int64_t n : {int64_t{1}, int64_t{3}, int64_t{1} << 62})
    for (int i = 0; i < 100; ++i) {
      const int64_t x = rng.below(n);
      ASSERT_TRUE(x >= 0 && x < n) << x << " of " << n;
    }
}

TEST(Random, PermutationsAreAllEquallyLikely) {
  std::vector<int64_t> counts(24);
  for (uint64_t i = 0; i < 24'000; ++i) {
    const auto p = Rng(6, "p").split(i).permutation(4);
    auto sorted = p;
    std::ranges::sort(sorted);
    ASSERT_EQ(sorted, (std::vector<int64_t>{0, 1, 2, 3}));
    int64_t rank = 0;
    for (size_t a = 0; a < 4; ++a)
      rank = rank * static_cast<int64_t>(4 - a) +
             std::count_if(p.begin() + static_cast<std::ptrdiff_t>(a), p.end(), [&](int64_t x) { return x < p[a]; });
    ++counts[static_cast<size_t>(rank)];
  }
  EXPECT_LT(chi_square(counts), 23 + 6 * 6.8);  // 23 degrees of freedom
  EXPECT_TRUE(Rng(6, "p").permutation(0).empty());
  EXPECT_EQ(Rng(6, "p").permutation(1), std::vector<int64_t>{0});
}

}  // namespace
}  // namespace tandem::testing
