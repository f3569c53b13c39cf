// Convolutions of images in bfloat16: close to the plain sum in every geometry, the same bytes whatever the threads and
// the batch, on the instruction for it and without.
#include <gtest/gtest.h>
#include <tandem/base/threads.h>
#include <tandem/kernels/bfloat16.h>
#include <tandem/kernels/conv.h>
#include <tandem/kernels/isa.h>

#include <algorithm>
#include <cstring>

#include "tests/kernels/testing.h"

namespace tandem::testing {
namespace {

using namespace kernels;

std::vector<double> wide(const std::vector<float>& v) { return {v.begin(), v.end()}; }

struct All {
  std::vector<float> w, b, gw;
  std::vector<BFloat16> x, g, y, gx;
  explicit All(const ConvShape& s)
      : w(random(s.weights(), "w")),
        b(random(s.o, "b")),
        gw(w.size()),
        x(testing::narrow(random(s.n * s.h * s.w * s.c, "x"))),
        g(testing::narrow(random(s.n * s.oh() * s.ow() * s.o, "g"))),
        y(g.size()),
        gx(x.size()) {
    conv2d(s, x, w, b, y);
    conv2d_grad_input(s, g, w, gx);
    conv2d_grad_weight(s, x, g, gw);
  }
};

ConvShape shape(int64_t n, int64_t h, int64_t w, int64_t c, int64_t o, int64_t pad, int64_t stride = 1) {
  return {n, h, w, c, o, 3, 3, stride, stride, pad, pad, 1, 1, 1};
}

// Channels in sixteens are Winograd's; the last three go to oneDNN.
const std::vector<ConvShape>& shapes() {
  static const std::vector<ConvShape> all{
      shape(1, 1, 1, 16, 16, 1), shape(1, 3, 3, 16, 32, 0),      shape(2, 4, 7, 32, 16, 1),  shape(3, 5, 5, 48, 80, 2),
      shape(5, 8, 8, 64, 64, 1), shape(2, 33, 17, 16, 16, 1),    shape(1, 2, 40, 96, 16, 1), shape(9, 6, 6, 64, 128, 1),
      shape(3, 9, 9, 3, 16, 1),  shape(4, 12, 12, 16, 32, 1, 2), shape(2, 7, 7, 5, 9, 1)};
  return all;
}

TEST(KernelBFloat16, ConvolutionsAgreeWithThePlainSum) {
  for (const ConvShape& s : shapes()) {
    const All got(s);
    std::vector<double> y(got.y.size()), gx(got.gx.size()), gw(got.gw.size());
    const std::vector<double> x = wide(testing::widen(got.x)), g = wide(testing::widen(got.g));
    conv2d(s, x, wide(got.w), wide(got.b), y);
    conv2d_grad_input(s, g, wide(got.w), gx);
    conv2d_grad_weight(s, x, g, gw);
    // Operands are rounded by up to 2^-8 of themselves, one result by as much; the errors of a sum grow as the sum
    // does.
    EXPECT_LE(worst_error(testing::widen(got.y), y), 1.2e-2) << s.h << "x" << s.w << "x" << s.c;
    EXPECT_LE(worst_error(testing::widen(got.gx), gx), 1.2e-2) << s.h << "x" << s.w << "x" << s.c;
    EXPECT_LE(worst_error(got.gw, gw), 1.2e-2) << s.h << "x" << s.w << "x" << s.c;
  }
}

template <class T>
bool same_bytes(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

TEST(KernelBFloat16, SameBytesForAnyNumberOfThreads) {
  for (const ConvShape& s : {shape(9, 15, 15, 16, 16, 1), shape(33, 8, 8, 32, 64, 1), shape(17, 9, 9, 3, 16, 1, 2)}) {
    set_threads(1);
    const All one(s);
    for (const int count : {2, 3, 8}) {
      set_threads(count);
      const All more(s);
      EXPECT_TRUE(same_bytes(one.y, more.y));
      EXPECT_TRUE(same_bytes(one.gx, more.gx));
      EXPECT_TRUE(same_bytes(one.gw, more.gw));
    }
    set_threads(0);
  }
}

TEST(KernelBFloat16, APictureDoesNotDependOnItsBatch) {
  const ConvShape many = shape(7, 9, 9, 16, 32, 1), one = shape(1, 9, 9, 16, 32, 1);
  const All all(many);
  const auto pixels = static_cast<size_t>(9 * 9 * 16), outputs = static_cast<size_t>(9 * 9 * 32);
  for (size_t i = 0; i < 7; ++i) {
    std::vector<BFloat16> y(outputs);
    conv2d(one, std::span(all.x).subspan(i * pixels, pixels), all.w, all.b, y);
    EXPECT_EQ(std::memcmp(y.data(), all.y.data() + i * outputs, outputs * sizeof(BFloat16)), 0) << i;
  }
}

TEST(KernelBFloat16, ConversionsOfArrays) {
  std::vector<float> v = random(70'001, "v"), back(v.size());
  std::vector<BFloat16> stored(v.size());
  kernels::narrow(v, stored);
  kernels::widen(stored, back);
  for (size_t i = 0; i < v.size(); ++i) ASSERT_EQ(back[i], static_cast<float>(BFloat16(v[i])));
}

}  // namespace
}  // namespace tandem::testing
