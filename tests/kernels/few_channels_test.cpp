// The convolution of few channels: close to the plain sum in every geometry, the same bytes whatever the threads and
// the batch.
#include <gtest/gtest.h>
#include <tandem/base/threads.h>
#include <tandem/kernels/few_channels.h>

#include "tests/kernels/testing.h"

namespace tandem::testing {
namespace {

using namespace kernels;

std::vector<double> wide(const std::vector<float>& v) { return {v.begin(), v.end()}; }

struct Numbers {
  std::vector<float> x, w, b, y;
  explicit Numbers(const ConvShape& s)
      : x(random(s.n * s.h * s.w * s.c, "x")),
        w(random(s.weights(), "w")),
        b(random(s.o, "b")),
        y(static_cast<size_t>(s.n * s.oh() * s.ow() * s.o)) {
    few_channels_conv2d(s, x, w, b, y);
  }
};

TEST(KernelFewChannels, AgreesWithThePlainSum) {
  for (const ConvShape& s : {ConvShape{1, 1, 1, 1, 16}, ConvShape{2, 28, 28, 1, 32, 3, 3, 1, 1, 1, 1},
                             ConvShape{3, 9, 14, 3, 16, 3, 3, 1, 1, 1, 1}, ConvShape{2, 7, 8, 4, 32, 4, 4, 2, 2},
                             ConvShape{1, 5, 40, 2, 32, 5, 3, 2, 3, 2, 0}, ConvShape{1, 6, 6, 7, 16, 3, 3, 1, 1, 4, 4},
                             ConvShape{2, 33, 17, 64, 16}}) {
    ASSERT_TRUE(few_channels_fits(s));
    const Numbers got(s);
    std::vector<double> y(got.y.size());
    conv2d(s, wide(got.x), wide(got.w), wide(got.b), y);
    EXPECT_LE(worst_error(got.y, y), 1e-6) << s.h << "x" << s.w << "x" << s.c;  // at most 64 products
    std::vector<float> cut(got.y.size());
    few_channels_conv2d(s, got.x, few_channels_weight(s, got.w), got.b, true, cut);
    for (size_t i = 0; i < cut.size(); ++i) ASSERT_EQ(cut[i], std::max(got.y[i], 0.0F));
  }
}

TEST(KernelFewChannels, SaysWhatItTakes) {
  EXPECT_FALSE(few_channels_fits({1, 8, 8, 8, 16, 3, 3})) << "window";
  EXPECT_FALSE(few_channels_fits({1, 8, 8, 1, 24, 3, 3})) << "outputs";
  EXPECT_FALSE(few_channels_fits({1, 8, 8, 1, 64, 3, 3})) << "many outputs";
  EXPECT_FALSE(few_channels_fits({1, 8, 8, 2, 16, 3, 3, 1, 1, 0, 0, 1, 1, 2})) << "groups";
  EXPECT_FALSE(few_channels_fits({1, 8, 8, 1, 16, 3, 3, 1, 1, 0, 0, 2, 2})) << "dilation";
}

TEST(KernelFewChannels, SameBytesWhateverTheThreadsAndTheBatch) {
  const ConvShape many{9, 28, 28, 1, 32, 3, 3, 1, 1, 1, 1};
  ConvShape one = many;
  one.n = 1;
  set_threads(1);
  const Numbers alone(many);
  set_threads(2);
  const Numbers two(many);
  EXPECT_EQ(alone.y, two.y);
  for (int64_t i = 0; i < many.n; ++i) {
    const std::vector<float> x(alone.x.begin() + i * 784, alone.x.begin() + (i + 1) * 784);
    std::vector<float> y(alone.y.size() / 9);
    few_channels_conv2d(one, x, alone.w, alone.b, y);
    EXPECT_TRUE(std::equal(y.begin(), y.end(), alone.y.begin() + i * static_cast<int64_t>(y.size()))) << i;
  }
  set_threads(0);
}

}  // namespace
}  // namespace tandem::testing
