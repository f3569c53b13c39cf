// Winograd's convolution: close to the plain sum in every geometry, the same bytes whatever the threads and the batch.
#include <gtest/gtest.h>
#include <tandem/base/threads.h>
#include <tandem/kernels/winograd.h>

#include <algorithm>
#include <cmath>

#include "tests/kernels/testing.h"

namespace tandem::testing {
namespace {

using namespace kernels;

std::vector<double> wide(const std::vector<float>& v) { return {v.begin(), v.end()}; }

struct All {
  std::vector<float> x, w, b, g, y, gx, gw;
  explicit All(const ConvShape& s)
      : x(random(s.n * s.h * s.w * s.c, "x")),
        w(random(s.weights(), "w")),
        b(random(s.o, "b")),
        g(random(s.n * s.oh() * s.ow() * s.o, "g")),
        y(g.size()),
        gx(x.size()),
        gw(w.size()) {
    winograd_conv2d(s, x, w, b, y);
    winograd_grad_input(s, g, w, gx);
    winograd_grad_weight(s, x, g, gw);
  }
};

ConvShape shape(int64_t n, int64_t h, int64_t w, int64_t c, int64_t o, int64_t pad) {
  return {n, h, w, c, o, 3, 3, 1, 1, pad, pad, 1, 1, 1};
}

void expect_plain_sum(const ConvShape& s, double most) {
  ASSERT_TRUE(winograd_fits(s));
  const All got(s);
  std::vector<double> y(got.y.size()), gx(got.gx.size()), gw(got.gw.size());
  conv2d(s, wide(got.x), wide(got.w), wide(got.b), y);
  conv2d_grad_input(s, wide(got.g), wide(got.w), gx);
  conv2d_grad_weight(s, wide(got.x), wide(got.g), gw);
  // Some hundred products and three transforms, of a result whose largest element is of their root's size.
  EXPECT_LE(worst_error(got.y, y), most) << s.h << "x" << s.w << "x" << s.c;
  EXPECT_LE(worst_error(got.gx, gx), most) << s.h << "x" << s.w << "x" << s.c;
  EXPECT_LE(worst_error(got.gw, gw), most) << s.h << "x" << s.w << "x" << s.c;
}

TEST(KernelWinograd, AgreesWithThePlainSum) {
  for (const ConvShape& s :
       {shape(1, 1, 1, 16, 16, 1), shape(1, 3, 3, 16, 32, 0), shape(2, 4, 7, 32, 16, 1), shape(3, 5, 5, 48, 80, 2),
        shape(2, 33, 17, 16, 16, 1), shape(1, 2, 40, 96, 16, 1), shape(2, 6, 6, 64, 64, 1)})
    expect_plain_sum(s, 1.5e-6);
  // Many channels and room for tiles of 4x4.
  for (const ConvShape& s : {shape(5, 8, 8, 64, 64, 1), shape(3, 7, 7, 32, 48, 1), shape(2, 15, 19, 48, 32, 1),
                             shape(1, 16, 31, 32, 32, 0), shape(2, 11, 12, 32, 80, 2), shape(40, 4, 4, 256, 128, 1)})
    expect_plain_sum(s, 6e-6);
}

TEST(KernelWinograd, APreparedWeightSaysTheSame) {
  const ConvShape s = shape(2, 9, 7, 32, 48, 1);
  const All fresh(s);
  std::vector<float> y(fresh.y.size());
  winograd_conv2d(s, fresh.x, winograd_weight(s, fresh.w), fresh.b, {}, false, y);
  EXPECT_LE(worst_error(y, wide(fresh.y)), 6e-6);
}

TEST(KernelWinograd, SaysWhatItTakes) {
  EXPECT_FALSE(winograd_fits(shape(1, 8, 8, 3, 16, 1))) << "channels";
  EXPECT_FALSE(winograd_fits(shape(1, 8, 8, 16, 16, 3))) << "padding";
  ConvShape s = shape(1, 8, 8, 16, 16, 1);
  s.stride_h = s.stride_w = 2;
  EXPECT_FALSE(winograd_fits(s)) << "stride";
}

TEST(KernelWinograd, SameBytesForAnyNumberOfThreads) {
  for (const ConvShape& s : {shape(9, 15, 15, 16, 16, 1), shape(33, 8, 8, 32, 64, 1), shape(41, 7, 7, 16, 48, 1)}) {
    set_threads(1);
    const All one(s);
    for (const int count : {2, 3, 8}) {
      set_threads(count);
      const All more(s);
      EXPECT_EQ(one.y, more.y);
      EXPECT_EQ(one.gx, more.gx);
      EXPECT_EQ(one.gw, more.gw);
    }
    set_threads(0);
  }
}

TEST(KernelWinograd, APictureDoesNotDependOnItsBatch) {
  for (const int64_t channels : {16, 48}) {  // small tiles and large ones
    const ConvShape many = shape(7, 7, 7, channels, 32, 1), one = shape(1, 7, 7, channels, 32, 1);
    const All all(many);
    const auto pixels = static_cast<size_t>(7 * 7 * channels), outputs = static_cast<size_t>(7 * 7 * 32);
    for (size_t i = 0; i < 7; ++i) {
      std::vector<float> y(outputs);
      winograd_conv2d(one, std::span(all.x).subspan(i * pixels, pixels), all.w, all.b, y);
      EXPECT_TRUE(std::ranges::equal(y, std::span(all.y).subspan(i * outputs, outputs))) << i << " " << channels;
    }
  }
}

}  // namespace
}  // namespace tandem::testing
