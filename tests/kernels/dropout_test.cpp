// The vectors of random numbers are those of random_bits, one by one: runs that were begun before go on as they were.
#include <gtest/gtest.h>
#include <tandem/base/random.h>
#include <tandem/kernels/dropout.h>

#include "tests/kernels/testing.h"

namespace tandem::testing {
namespace {

template <class S>
void expect_drawn(uint64_t key, double probability, int64_t n) {
  std::vector<S> x, y(static_cast<size_t>(n));
  for (const float v : random(n, "x")) x.push_back(static_cast<S>(v));
  kernels::dropout(key, probability, std::span<const S>(x), std::span(y));
  const auto scale = static_cast<Wide<S>>(1 / (1 - probability));
  for (size_t i = 0; i < x.size(); ++i) {
    const double uniform = static_cast<double>(random_bits(key, i) >> 11) * 0x1.0p-53;
    const auto want =
        static_cast<Wide<S>>(uniform < probability ? S{} : static_cast<S>(static_cast<Wide<S>>(x[i]) * scale));
    ASSERT_EQ(static_cast<Wide<S>>(y[i]), want) << i << " of " << n;
  }
}

TEST(KernelDropout, DrawsTheNumbersOfTheStream) {
  for (const uint64_t key : {uint64_t{0}, uint64_t{1}, 0x123456789abcdef0U, ~uint64_t{0}})
    for (const double probability : {0.1, 0.5, 0.999})
      for (const int64_t n : {1, 7, 8, 9, 31, 1000, 70'001}) {
        expect_drawn<float>(key, probability, n);
        expect_drawn<double>(key, probability, n);
        expect_drawn<BFloat16>(key, probability, n);
      }
}

}  // namespace
}  // namespace tandem::testing
