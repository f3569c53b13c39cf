// No shape that networks use may fall back to oneDNN's reference implementation: it is 10 to 1000 times slower.
#include <gtest/gtest.h>
#include <tandem/kernels/conv.h>
#include <tandem/kernels/isa.h>
#include <tandem/kernels/onednn.h>

#include "tests/kernels/testing.h"

namespace tandem::testing {
namespace {

using namespace kernels;

std::vector<std::string> fallbacks() {
  std::vector<std::string> found;
  for (const std::string& name : onednn::implementations())
    if (name.find("ref") != std::string::npos) found.push_back(name);
  return found;
}

struct Conv {
  const char* name;
  ConvShape shape;
};
void PrintTo(const Conv& conv, std::ostream* out) { *out << conv.name; }

class KernelConv : public ::testing::TestWithParam<Conv> {};

TEST_P(KernelConv, UsesAFastImplementation) {
  const ConvShape& s = GetParam().shape;
  const int64_t outputs = s.n * s.oh() * s.ow() * s.o;
  const std::vector<float> x = random(s.n * s.h * s.w * s.c, "x"), w = random(s.weights(), "w"), b = random(s.o, "b");
  const std::vector<float> g = random(outputs, "g");
  std::vector<float> y(static_cast<size_t>(outputs)), gx(x.size()), gw(w.size());
  const size_t before = fallbacks().size();
  conv2d(s, x, w, b, y);
  EXPECT_EQ(fallbacks().size(), before) << "forward";
  conv2d_grad_weight(s, x, g, gw);
  EXPECT_EQ(fallbacks().size(), before) << "gradient of the weight";
  conv2d_grad_input(s, g, w, gx);
  EXPECT_EQ(fallbacks().size(), before) << "gradient of the input";
}

TEST_P(KernelConv, UsesAFastImplementationForBFloat16) {
  const ConvShape& s = GetParam().shape;
  const int64_t outputs = s.n * s.oh() * s.ow() * s.o;
  const std::vector<float> w = random(s.weights(), "w"), b = random(s.o, "b");
  const std::vector<BFloat16> x = testing::narrow(random(s.n * s.h * s.w * s.c, "x")),
                              g = testing::narrow(random(outputs, "g"));
  std::vector<BFloat16> y(static_cast<size_t>(outputs)), gx(x.size());
  std::vector<float> gw(w.size());
  const size_t before = fallbacks().size();
  conv2d(s, x, w, b, y);
  EXPECT_EQ(fallbacks().size(), before) << "forward";
  conv2d_grad_weight(s, x, g, gw);
  EXPECT_EQ(fallbacks().size(), before) << "gradient of the weight";
  conv2d_grad_input(s, g, w, gx);
  EXPECT_EQ(fallbacks().size(), before) << "gradient of the input";
}

//                          n   h   w   c   o  kh kw  stride pad dilation groups
INSTANTIATE_TEST_SUITE_P(
    All, KernelConv,
    ::testing::Values(Conv{"lenet_first", {64, 28, 28, 1, 6, 5, 5, 1, 1, 2, 2, 1, 1, 1}},
                      Conv{"lenet_second", {64, 14, 14, 6, 16, 5, 5, 1, 1, 0, 0, 1, 1, 1}},
                      Conv{"grey_3x3", {64, 28, 28, 1, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1}},
                      Conv{"colour_3x3", {16, 32, 32, 3, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1}},
                      Conv{"colour_7x7_stride", {2, 64, 64, 3, 64, 7, 7, 2, 2, 3, 3, 1, 1, 1}},
                      Conv{"block_3x3", {16, 16, 16, 32, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1}},
                      Conv{"block_3x3_stride", {16, 16, 16, 32, 64, 3, 3, 2, 2, 1, 1, 1, 1, 1}},
                      Conv{"projection_1x1_stride", {16, 16, 16, 32, 64, 1, 1, 2, 2, 0, 0, 1, 1, 1}},
                      Conv{"few_channels_1x1_stride", {16, 16, 16, 3, 16, 1, 1, 2, 2, 0, 0, 1, 1, 1}},
                      Conv{"projection_1x1", {16, 16, 16, 64, 32, 1, 1, 1, 1, 0, 0, 1, 1, 1}},
                      Conv{"odd_channels", {5, 9, 9, 17, 5, 3, 3, 1, 1, 1, 1, 1, 1, 1}},
                      Conv{"dilated", {4, 16, 16, 16, 16, 3, 3, 1, 1, 2, 2, 2, 2, 1}},
                      Conv{"depthwise", {8, 16, 16, 32, 32, 3, 3, 1, 1, 1, 1, 1, 1, 32}},
                      Conv{"depthwise_stride", {8, 16, 16, 32, 32, 3, 3, 2, 2, 1, 1, 1, 1, 32}},
                      Conv{"grouped", {4, 16, 16, 32, 32, 3, 3, 1, 1, 1, 1, 1, 1, 4}},
                      Conv{"along_time", {8, 1, 100, 16, 32, 1, 5, 1, 1, 0, 2, 1, 1, 1}}),
    [](const auto& conv) { return std::string(conv.param.name); });

}  // namespace
}  // namespace tandem::testing
