// Products of 8-bit integers are those of integers, on every path of every processor: with the largest numbers there
// are, whatever the threads and the batch.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <tandem/base/threads.h>
#include <tandem/kernels/int8.h>
#include <tandem/kernels/onednn.h>

#include <algorithm>
#include <limits>

#include "tests/kernels/testing.h"

namespace tandem::testing {
namespace {

using namespace kernels;

/// Inputs beyond both ends of the range too, and weights of which half are as large as there are.
struct Case {
  std::vector<float> x, scale, bias;
  std::vector<int8_t> w;
  float input_scale = 0.03F;
  int32_t input_zero = 0;

  Case(int64_t inputs, int64_t outputs, int64_t weights, int32_t zero, uint64_t seed) : input_zero(zero) {
    Rng rng(seed, "int8");
    for (int64_t i = 0; i < inputs; ++i)
      x.push_back(rng.chance(0.5) ? 9 : static_cast<float>(rng.uniform(-4, 4)));  // 9: above 127 steps
    for (int64_t o = 0; o < outputs; ++o) {
      scale.push_back(static_cast<float>(rng.uniform(0.001, 0.02)));
      bias.push_back(static_cast<float>(rng.uniform(-1, 1)));
    }
    for (int64_t i = 0; i < weights; ++i)
      w.push_back(static_cast<int8_t>(rng.chance(0.5) ? 127 : rng.below(255) - 127));
  }
  [[nodiscard]] Int8Scales scales() const { return {input_scale, input_zero, scale, bias}; }
  [[nodiscard]] int64_t integer(size_t i) const {
    const float near = std::fma(x[i], 1 / input_scale, static_cast<float>(input_zero));
    return static_cast<int64_t>(std::nearbyint(std::clamp(near, 0.0F, 127.0F)));
  }
  /// The output for a sum of integers, each less the zero.
  [[nodiscard]] float output(int64_t sum, size_t o, float added, bool relu) const {
    const float y = std::fma(static_cast<float>(sum), input_scale * scale[o], bias[o]) + added;
    return relu ? std::max(y, 0.0F) : y;
  }
};

struct LinearShape {
  int64_t m, n, k;
};

TEST(KernelInt8, LinearIsTheSumOfIntegers) {
  for (const LinearShape s :
       {LinearShape{1, 1, 1}, LinearShape{3, 10, 7}, LinearShape{70, 33, 301}, LinearShape{1, 200, 1500},
        LinearShape{65, 50, 784}, LinearShape{2, 3, 20'000}, LinearShape{2, 3, 0}, LinearShape{0, 3, 4}})
    for (const int32_t zero : {0, 60})
      for (const bool relu : {false, true}) {
        SCOPED_TRACE(fmt::format("{} x {} x {}, zero {}", s.m, s.n, s.k, zero));
        const Case c(s.m * s.k, s.n, s.n * s.k, zero, 1);
        std::vector<float> y(static_cast<size_t>(s.m * s.n));
        int8_linear(s.m, s.n, s.k, c.x, int8_weight(c.w, c.scales()), relu, y);
        for (int64_t i = 0; i < s.m; ++i)
          for (int64_t o = 0; o < s.n; ++o) {
            int64_t sum = 0;
            for (int64_t k = 0; k < s.k; ++k)
              sum += (c.integer(static_cast<size_t>(i * s.k + k)) - zero) * c.w[static_cast<size_t>(o * s.k + k)];
            ASSERT_EQ(y[static_cast<size_t>(i * s.n + o)], c.output(sum, static_cast<size_t>(o), 0, relu)) << i << o;
          }
      }
}

std::vector<float> plain_conv(const ConvShape& s, const Case& c, const std::vector<float>& added, bool relu) {
  std::vector<float> out;
  for (int64_t n = 0; n < s.n; ++n)
    for (int64_t y = 0; y < s.oh(); ++y)
      for (int64_t x = 0; x < s.ow(); ++x)
        for (int64_t o = 0; o < s.o; ++o) {
          int64_t sum = 0;
          for (int64_t ky = 0; ky < s.kh; ++ky)
            for (int64_t kx = 0; kx < s.kw; ++kx) {
              const int64_t iy = y * s.stride_h - s.pad_h + ky * s.dilation_h;
              const int64_t ix = x * s.stride_w - s.pad_w + kx * s.dilation_w;
              if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w) continue;
              for (int64_t ch = 0; ch < s.c; ++ch)
                sum += (c.integer(static_cast<size_t>(((n * s.h + iy) * s.w + ix) * s.c + ch)) - c.input_zero) *
                       c.w[static_cast<size_t>(((o * s.c + ch) * s.kh + ky) * s.kw + kx)];
            }
          out.push_back(c.output(sum, static_cast<size_t>(o), added.empty() ? 0 : added[out.size()], relu));
        }
  return out;
}

TEST(KernelInt8, ConvolutionIsTheSumOfIntegers) {
  const std::vector<std::string> before = onednn::implementations();
  //                            n  h   w   c  o  kh kw strides pads dilations
  for (const ConvShape& s :
       {ConvShape{1, 1, 1, 1, 1}, ConvShape{2, 9, 9, 1, 32, 3, 3, 1, 1, 1, 1},
        ConvShape{3, 8, 12, 3, 16, 3, 3, 1, 1, 1, 1}, ConvShape{2, 16, 16, 16, 16, 3, 3, 1, 1, 1, 1},
        ConvShape{2, 8, 8, 64, 64, 3, 3, 1, 1, 1, 1}, ConvShape{2, 15, 14, 32, 24, 3, 3, 2, 2, 1, 1},
        ConvShape{2, 12, 12, 16, 32, 1, 1, 2, 2}, ConvShape{1, 8, 8, 17, 5, 3, 3, 1, 1, 1, 1},
        ConvShape{1, 14, 14, 6, 16, 5, 5}, ConvShape{2, 10, 10, 8, 8, 3, 3, 1, 1, 2, 2, 2, 2},
        ConvShape{1, 7, 7, 48, 10, 3, 3, 3, 3, 0, 0}})
    for (const int32_t zero : {0, 60}) {
      SCOPED_TRACE(fmt::format("{} x {} x {} to {}, kernel {}, zero {}", s.h, s.w, s.c, s.o, s.kh, zero));
      const Case c(s.n * s.h * s.w * s.c, s.o, s.weights(), zero, 2);
      const std::vector<float> added = random(s.n * s.oh() * s.ow() * s.o, "added");
      const Int8Weight weight = int8_weight(s, c.w, c.scales());
      std::vector<float> y(added.size());
      int8_conv2d(s, c.x, weight, {}, false, y);
      ASSERT_EQ(y, plain_conv(s, c, {}, false));
      int8_conv2d(s, c.x, weight, added, true, y);
      ASSERT_EQ(y, plain_conv(s, c, added, true));
    }
  // Of what is new: other tests ask for shapes that nobody has a quick implementation for.
  for (const std::string& name : onednn::implementations())
    EXPECT_TRUE(name.find("ref") == std::string::npos || std::ranges::count(before, name) > 0) << name;
}

TEST(KernelInt8, SameBytesWhateverTheThreadsAndTheBatch) {
  const ConvShape s{9, 12, 12, 16, 24, 3, 3, 1, 1, 1, 1};
  ConvShape one = s;
  one.n = 1;
  const Case c(s.n * s.h * s.w * s.c, s.o, s.weights(), 40, 3);
  const Int8Weight weight = int8_weight(s, c.w, c.scales());
  const size_t a_picture = c.x.size() / 9, an_answer = static_cast<size_t>(s.oh() * s.ow() * s.o);
  const int64_t k = s.h * s.w * s.c, n = 96;
  const Case l(9 * k, n, n * k, 40, 4);
  const Int8Weight rows = int8_weight(l.w, l.scales());
  std::vector<std::vector<float>> ys[2];
  for (const int threads : {1, 2}) {
    set_threads(threads);
    std::vector<float> y(9 * an_answer), z(static_cast<size_t>(9 * n));
    int8_conv2d(s, c.x, weight, {}, true, y);
    int8_linear(9, n, k, l.x, rows, true, z);
    for (size_t i = 0; i < 9; ++i) {
      std::vector<float> alone(an_answer), row(static_cast<size_t>(n));
      int8_conv2d(one, std::span(c.x).subspan(i * a_picture, a_picture), weight, {}, true, alone);
      EXPECT_TRUE(std::ranges::equal(alone, std::span(y).subspan(i * an_answer, an_answer))) << i;
      int8_linear(1, n, k, std::span(l.x).subspan(i * static_cast<size_t>(k), static_cast<size_t>(k)), rows, true, row);
      EXPECT_TRUE(std::ranges::equal(row, std::span(z).subspan(i * static_cast<size_t>(n), static_cast<size_t>(n))));
    }
    ys[threads - 1] = {y, z};
  }
  set_threads(0);
  EXPECT_EQ(ys[0], ys[1]);
}

TEST(KernelInt8, WhatIsOutOfRangeIsCutAndNaNIsZero) {
  constexpr float infinite = std::numeric_limits<float>::infinity();
  const std::vector<float> x{0,      0.24F,    0.26F,     0.75F,         1.25F, -0.26F, 1e30F,
                             -1e30F, infinite, -infinite, std::nanf(""), 63.5F, -100,   100};
  std::vector<uint8_t> q(x.size());
  quantise(x, 2, 10, q);  // steps of a half; of two nearest the even
  EXPECT_EQ(q, (std::vector<uint8_t>{10, 10, 11, 12, 12, 9, 127, 0, 127, 0, 0, 127, 0, 127}));
}

}  // namespace
}  // namespace tandem::testing
