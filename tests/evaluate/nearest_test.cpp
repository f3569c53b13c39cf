#include <tandem/base/random.h>
#include <tandem/base/threads.h>
#include <tandem/evaluate/nearest.h>

#include <cmath>

#include "tests/testing.h"

namespace tandem::evaluate {
namespace {

using tandem::testing::expect_error;

TEST(Nearest, IsByCosineAndEqualsStandInTheirOrder) {
  // Of vector (1, 1): the same way, the same way at another length, at 45 degrees twice, across, against, and none.
  const Tensor known = Tensor::from(std::vector<float>{-2, -2, 1, 0, 3, 3, 0, 5, 0.5F, 0.5F, 1, -1, 0, 0}, {7, 2});
  const Nearest nearest(known);
  const auto found = nearest.to(std::vector<float>{10, 10}, 100);
  ASSERT_EQ(found.size(), 7U);
  const std::vector<std::pair<int64_t, double>> wanted{{2, 1}, {4, 1}, {1, std::sqrt(0.5)}, {3, std::sqrt(0.5)}, {5, 0},
                                                       {6, 0}, {0, -1}};
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(found[i].index, wanted[i].first) << i;
    EXPECT_NEAR(found[i].similarity, wanted[i].second, 1e-7) << i;
  }
  EXPECT_EQ(nearest.to(std::vector<float>{10, 10}, 2).size(), 2U);
  EXPECT_TRUE(nearest.to(std::vector<float>{1, 0}, 0).empty());
  for (const auto& [index, similarity] : nearest.to(std::vector<float>{0, 0}, 7)) EXPECT_EQ(similarity, 0) << index;
  EXPECT_EQ(known.at(4), 3) << "what was given stays as it was";
  expect_error(ErrorKind::usage, {"3 numbers", "have 2"}, [&] { (void)nearest.to(std::vector<float>{1, 2, 3}, 1); });
}

TEST(Nearest, HasTheSameNumbersForAnyThreads) {
  Rng rng(1, "vectors");
  std::vector<float> values(5000 * 16);
  for (float& v : values) v = static_cast<float>(rng.uniform(-1, 1));
  const Nearest nearest(Tensor::from(values, {5000, 16}));
  const auto ask = [&](int threads) {
    set_threads(threads);
    return nearest.to(std::span(values).first(16), 50);
  };
  const auto one = ask(1), four = ask(4);
  set_threads(0);
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].index, four[i].index);
    EXPECT_EQ(one[i].similarity, four[i].similarity);
    EXPECT_GE(one[i > 0 ? i - 1 : 0].similarity, one[i].similarity);
  }
  EXPECT_EQ(one[0].index, 0);
}

}  // namespace
}  // namespace tandem::evaluate
