#include <tandem/base/random.h>
#include <tandem/kernels/orthogonal.h>

#include <algorithm>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

// Five steps bring a singular value s of 0.01 to 1 (of the matrix over its norm) between 0.68 and 1.21; the Gram matrix
// on the shorter side has the squares of the singular values as its eigenvalues, so its diagonal lies between theirs
// and what is off it is at most half their spread. Operands rounded to bfloat16 move them by a few hundredths.
class Orthogonalize : public ::testing::TestWithParam<bool> {};

TEST_P(Orthogonalize, BringsSingularValuesNearOne) {
  const double more = GetParam() ? 0.05 : 0;
  for (const auto& size : {std::pair<int64_t, int64_t>{1, 1}, {1, 7}, {5, 1}, {4, 9}, {9, 4}, {16, 27}, {64, 576}}) {
    const int64_t rows = size.first, cols = size.second;
    std::vector<float> x(static_cast<size_t>(rows * cols)), y(x.size());
    Rng rng(7, "orthogonal");
    for (float& v : x) v = static_cast<float>(rng.normal());
    kernels::orthogonalize(rows, cols, x, y, GetParam());
    const int64_t n = std::min(rows, cols), k = std::max(rows, cols);
    double along = 0;
    for (size_t i = 0; i < x.size(); ++i) along += double{x[i]} * y[i];
    EXPECT_GT(along, 0) << "a step along it falls";
    const auto at = [&](int64_t i, int64_t j) {
      return double{y[static_cast<size_t>(rows <= cols ? i * cols + j : j * cols + i)]};
    };
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j <= i; ++j) {
        double dot = 0;
        for (int64_t l = 0; l < k; ++l) dot += at(i, l) * at(j, l);
        if (i == j) {
          EXPECT_GT(dot, 0.44 - more) << rows << " x " << cols;
          EXPECT_LT(dot, 1.48 + more) << rows << " x " << cols;
        } else {
          EXPECT_LT(std::abs(dot), 0.52 + more) << rows << " x " << cols;
        }
      }
  }
}

TEST_P(Orthogonalize, ZerosAndNothingStayAsTheyAre) {
  std::vector<float> x(12, 0.0F), y(12, 1.0F), none;
  kernels::orthogonalize(3, 4, x, y, GetParam());
  EXPECT_TRUE(std::all_of(y.begin(), y.end(), [](float v) { return v == 0; }));
  kernels::orthogonalize(0, 4, none, none, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Both, Orthogonalize, ::testing::Values(false, true),
                         [](const auto& p) { return p.param ? "bf16" : "fp32"; });

}  // namespace
}  // namespace tandem::testing
