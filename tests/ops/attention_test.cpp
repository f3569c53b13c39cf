// What the table of operations cannot say about attention.
#include <gtest/gtest.h>
#include <tandem/autograd/tape.h>
#include <tandem/base/memory.h>
#include <tandem/base/random.h>
#include <tandem/ops/attention.h>

#include <algorithm>
#include <cmath>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

Tensor random(const Shape& shape, double size) {
  Rng rng(3, "x");
  Tensor t = Tensor::empty(shape);
  for (float& v : t.data<float>()) v = static_cast<float>(rng.uniform(-size, size));
  return t;
}

// Scores of 16384 tokens would take 1 GiB; tiles take the operands and a little more, forwards and back.
TEST(OpSpecialAttention, MemoryGrowsWithTheTokensAlone) {
  constexpr int64_t size = 8;
  for (const int64_t tokens : {int64_t{2048}, int64_t{16384}}) {
    Tensor qkv = random({tokens, 3 * size}, 1);
    require_grad(qkv);
    trim_memory_pool();
    const PeakMemory peak;
    const Tensor y = attention(qkv, {tokens}, {.heads = 1, .causal = true});
    backward(y, Tensor::full(y.shape(), 1));
    if (PeakMemory::counts) {
      EXPECT_LT(peak.grown(), 32 * tokens * size * 4 + (2 << 20));
      EXPECT_GT(peak.grown(), 3 * tokens * size * 4) << "its gradient alone takes so much: nothing was measured";
    }
  }
}

// Scores far beyond what an exponential holds: the largest is taken off first.
TEST(OpSpecialAttention, LargeScoresDoNotOverflow) {
  Tensor qkv = random({70, 12}, 200);
  require_grad(qkv);
  const Tensor y = attention(qkv, {70}, {.heads = 1});
  backward(y, Tensor::full(y.shape(), 1));
  for (const Tensor& t : {y, grad_of(qkv)})
    for (const float v : t.data<const float>()) ASSERT_TRUE(std::isfinite(v));
}

// Of equal scores each key has an equal share, so the output is the mean of the values seen so far.
TEST(OpSpecialAttention, EqualScoresGiveTheMean) {
  Tensor qkv = random({130, 6}, 1);
  for (int64_t i = 0; i < 130; ++i) std::fill_n(qkv.data<float>().data() + i * 6, 4, 0.5F);
  const Tensor y = attention(qkv, {130}, {.heads = 1, .causal = true});
  double sum = 0;
  for (int64_t i = 0; i < 130; ++i) {
    sum += qkv.at(i * 6 + 4);
    EXPECT_NEAR(y.at(i * 2), sum / static_cast<double>(i + 1), 1e-6);
  }
}

TEST(OpSpecialAttention, RotaryRefusesHeadsWhoseSizeOverflows) {
  const Tensor x = random({2, 8}, 1);
  for (const int64_t heads : {int64_t{1} << 62, int64_t{1} << 40, int64_t{3}})
    expect_error(ErrorKind::usage, {"rotary", "do not fit rows"}, [&] { (void)rotary(x, {0, 1}, heads, 4, 1e4); });
}

}  // namespace
}  // namespace tandem::testing
