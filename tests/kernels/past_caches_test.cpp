// Results that are written past the caches are those of smaller pieces, which are not; also where nothing is aligned.
#include <gtest/gtest.h>
#include <tandem/kernels/batch_norm.h>
#include <tandem/kernels/dropout.h>
#include <tandem/kernels/elementwise.h>
#include <tandem/kernels/group_norm.h>
#include <tandem/kernels/softmax.h>
#include <tandem/kernels/stream.h>

#include <algorithm>
#include <functional>

#include "tests/kernels/testing.h"

namespace tandem::testing {
namespace {

constexpr int64_t columns = 100, rows = kernels::beyond_caches / 4 / columns + 7, pieces = 3, off = 3;

using Op = std::function<void(int64_t n, std::span<const float> x, std::span<float> y)>;

void expect_same(const char* name, const Op& op) {
  const auto numbers = static_cast<size_t>(rows * columns);
  static const std::vector<float> x = random(rows * columns + off, "x");
  std::vector<float> whole(numbers + off), parts(numbers + off);
  const auto part = [&](auto& v, int64_t begin, int64_t end) {
    return std::span(v).subspan(static_cast<size_t>(off + begin * columns),
                                static_cast<size_t>((end - begin) * columns));
  };
  op(rows, part(x, 0, rows), part(whole, 0, rows));
  for (int64_t i = 0; i < pieces; ++i) {
    const int64_t begin = rows * i / pieces, end = rows * (i + 1) / pieces;
    op(end - begin, part(x, begin, end), part(parts, begin, end));
  }
  EXPECT_TRUE(whole == parts) << name;
}

TEST(KernelPastCaches, GivesTheSameNumbers) {
  expect_same("tanh", [](int64_t, auto x, auto y) { kernels::unary(kernels::Unary::tanh, 0, x, y); });
  expect_same("add", [](int64_t, auto x, auto y) { kernels::binary(kernels::Binary::add, x, x, y); });
  expect_same("softmax", [](int64_t n, auto x, auto y) { kernels::softmax(n, columns, false, x, y); });
  const std::vector<float> gamma = random(columns, "gamma"), beta = random(columns, "beta");
  expect_same("layer norm", [&](int64_t n, auto x, auto y) {
    std::vector<float> mean(static_cast<size_t>(n)), inv_std(mean.size());
    kernels::group_norm<float>({n, 1, columns, 1}, 1e-5, x, gamma, beta, y, mean, inv_std);
  });
  expect_same("batch norm", [&](int64_t n, auto x, auto y) {
    kernels::column_affine<float>(n, columns, x, gamma, beta, x, true, y);
  });
}

// In place nothing goes past the caches.
TEST(KernelPastCaches, DropoutGivesTheSameNumbers) {
  const auto numbers = static_cast<size_t>(rows * columns);
  const std::vector<float> x = random(rows * columns, "x");
  std::vector<float> here = x, past(numbers + off);
  kernels::dropout(7, 0.3, here, here);
  kernels::dropout(7, 0.3, x, std::span(past).subspan(off));
  EXPECT_TRUE(std::ranges::equal(here, std::span(past).subspan(off)));
}

}  // namespace
}  // namespace tandem::testing
