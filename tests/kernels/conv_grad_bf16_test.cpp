// Gradients of weights by long products against the plain loop over the same rounded numbers.
#include <gtest/gtest.h>
#include <tandem/base/threads.h>
#include <tandem/kernels/conv_grad_bf16.h>

#include "tests/kernels/testing.h"

namespace tandem::testing {
namespace {

using namespace kernels;

// Paddings of none, one and two lines, windows that are no squares, one image and many, channels that fill no
// tile; the last has pieces of three images, of which two and then one are near.
TEST(KernelLongProducts, AgreeWithThePlainLoop) {
  //                        n   h  w  c   o   kh kw stride pad dilation groups
  for (const ConvShape& s :
       {ConvShape{3, 8, 8, 64, 128, 3, 3, 1, 1, 1, 1, 1, 1, 1}, ConvShape{1, 4, 4, 80, 144, 3, 3, 1, 1, 1, 1, 1, 1, 1},
        ConvShape{7, 5, 6, 64, 128, 3, 3, 1, 1, 0, 0, 1, 1, 1}, ConvShape{2, 6, 9, 64, 128, 5, 5, 1, 1, 2, 2, 1, 1, 1},
        ConvShape{4, 3, 7, 64, 128, 1, 3, 1, 1, 0, 1, 1, 1, 1}, ConvShape{5, 4, 3, 64, 128, 3, 2, 1, 1, 2, 0, 1, 1, 1},
        ConvShape{9, 2, 2, 64, 128, 1, 1, 1, 1, 0, 0, 1, 1, 1},
        ConvShape{24, 1, 700, 64, 64, 1, 3, 1, 1, 0, 1, 1, 1, 1}}) {
    ASSERT_TRUE(long_products_fit(s));
    const std::vector<BFloat16> x = testing::narrow(random(s.n * s.h * s.w * s.c, "x")),
                                g = testing::narrow(random(s.n * s.oh() * s.ow() * s.o, "g"));
    const std::vector<float> wide_x = testing::widen(x), wide_g = testing::widen(g);
    std::vector<double> want(static_cast<size_t>(s.weights()));
    conv2d_grad_weight(s, std::vector<double>(wide_x.begin(), wide_x.end()),
                       std::vector<double>(wide_g.begin(), wide_g.end()), want);
    std::vector<float> got(want.size()), alone(want.size());
    long_products_grad_weight(s, x, g, got);
    set_threads(1);
    long_products_grad_weight(s, x, g, alone);
    set_threads(0);
    EXPECT_LE(worst_error(got, want), 2e-6) << s.n << " x " << s.h << " x " << s.w << ", " << s.kh << " x " << s.kw;
    EXPECT_EQ(got, alone);
  }
}

TEST(KernelLongProducts, LeaveOtherShapesAlone) {
  const ConvShape fits{3, 8, 8, 64, 128, 3, 3, 1, 1, 1, 1, 1, 1, 1};
  for (const auto& change : std::initializer_list<void (*)(ConvShape&)>{
           [](ConvShape& s) { s.stride_w = 2; }, [](ConvShape& s) { s.dilation_h = 2; },
           [](ConvShape& s) { s.groups = 2; }, [](ConvShape& s) { s.pad_h = 3; }, [](ConvShape& s) { s.c = 72; },
           [](ConvShape& s) { s.o = 48; }}) {
    ConvShape s = fits;
    change(s);
    EXPECT_FALSE(long_products_fit(s));
  }
}

}  // namespace
}  // namespace tandem::testing
