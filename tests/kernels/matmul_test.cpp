// Products of every form against the plain loop.
#include <gtest/gtest.h>
#include <tandem/base/threads.h>
#include <tandem/kernels/matmul.h>
#include <tandem/kernels/onednn.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "tests/kernels/testing.h"

namespace tandem::testing {
namespace {

using namespace kernels;

// As T stores them, and as the plain loop reads them.
template <class T>
std::pair<std::vector<T>, std::vector<double>> operand(int64_t n, const char* stream) {
  std::vector<T> stored;
  std::vector<double> read;
  for (const float x : random(n, stream)) {
    stored.emplace_back(x);
    read.push_back(static_cast<double>(static_cast<float>(stored.back())));
  }
  return {stored, read};
}

// Each way to store the operands, with and without bias; the same bytes on one thread.
template <class T>
void agrees(const std::vector<std::array<int64_t, 3>>& sizes) {
  for (const auto& [m, n, k] : sizes)
    for (const bool ta : {false, true})
      for (const bool tb : {false, true})
        for (const bool with_bias : {false, true}) {
          const MatmulShape s{m, n, k, ta, tb};
          const auto [a, read_a] = operand<T>(m * k, "a");
          const auto [b, read_b] = operand<T>(k * n, "b");
          const auto [bias, read_bias] = operand<float>(with_bias ? n : 0, "bias");
          std::vector<float> c(static_cast<size_t>(m * n)), alone(c.size());
          std::vector<double> want(c.size());
          matmul(s, a, b, bias, c);
          set_threads(1);
          matmul(s, a, b, bias, alone);
          set_threads(0);
          matmul(s, read_a, read_b, read_bias, want);
          EXPECT_LE(worst_error(c, want), 2e-6) << m << "x" << k << " " << k << "x" << n << " transposed " << ta << tb;
          EXPECT_EQ(c, alone) << m << "x" << k << " " << k << "x" << n << " transposed " << ta << tb;
        }
}

// On thin, long and square shapes; the last cut each block, tile and vector short.
TEST(KernelMatmul, AgreesWithThePlainLoop) {
  agrees<float>({{1, 1, 1},
                 {1, 10, 784},
                 {10, 1, 784},
                 {64, 10, 50},
                 {64, 50, 784},
                 {17, 33, 65},
                 {129, 3, 31},
                 {3, 129, 31},
                 {33, 65, 1},
                 {512, 300, 64},
                 {64, 300, 512},
                 {2, 2, 4096},
                 {6, 16, 384},
                 {97, 130, 769},
                 {769, 65, 31},
                 {1001, 300, 390}});
}

// Products of numbers in bfloat16 are exact in float, so their sums err as those above do. 300 rows make whole pieces
// and rests of 32, 8 and 4.
TEST(KernelMatmul, BFloat16AgreesWithThePlainLoop) {
  const auto slow = [] {
    return std::ranges::count_if(onednn::implementations(),
                                 [](const auto& name) { return name.find("ref") != name.npos; });
  };
  const auto before = slow();
  agrees<BFloat16>({{1, 1, 1},
                    {1, 10, 784},
                    {64, 10, 50},
                    {17, 33, 65},
                    {3, 129, 31},
                    {33, 65, 1},
                    {300, 96, 384},
                    {96, 300, 64},
                    {1001, 65, 390},
                    {6, 16, 384},
                    {2, 2, 4096}});
  EXPECT_EQ(slow(), before) << "oneDNN's reference is 10 to 1000 times slower";
}

// Batches of texts have any number of rows, draws of words any number of columns: each size of its own would make a
// primitive that is kept for good.
TEST(KernelMatmul, BFloat16OfManySizesMakesFewPrimitives) {
  const size_t before = onednn::implementations().size();
  for (int64_t size = 200; size < 264; ++size) {
    const std::vector<BFloat16> some(static_cast<size_t>(size * 32));
    std::vector<float> c(static_cast<size_t>(size * 32)), square(32 * 32);
    matmul({size, 32, 32}, some, std::vector<BFloat16>(32 * 32), {}, c);
    matmul({32, size, 32}, std::vector<BFloat16>(32 * 32), some, {}, c);
    matmul({32, 32, size, true}, some, some, {}, square);
  }
  EXPECT_LE(onednn::implementations().size() - before, 20);
}

TEST(KernelMatmul, EmptySizes) {
  std::vector<float> c{7, 7, 7, 7, 7, 7};
  const std::vector<float> none, bias{1, 2, 3};
  matmul({2, 3, 0}, none, none, none, c);
  EXPECT_EQ(c, (std::vector<float>{0, 0, 0, 0, 0, 0}));
  matmul({2, 3, 0}, none, none, bias, c);
  EXPECT_EQ(c, (std::vector<float>{1, 2, 3, 1, 2, 3}));
  matmul({0, 3, 2}, none, std::vector<float>(6), none, std::span<float>{});
  matmul({3, 0, 2}, std::vector<float>(6), none, none, std::span<float>{});
  const std::vector<BFloat16> nothing;
  matmul({2, 3, 0}, nothing, nothing, bias, c);
  EXPECT_EQ(c, (std::vector<float>{1, 2, 3, 1, 2, 3}));
  matmul({0, 3, 2}, nothing, std::vector<BFloat16>(6), none, std::span<float>{});
}

}  // namespace
}  // namespace tandem::testing
