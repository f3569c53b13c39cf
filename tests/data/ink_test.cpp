#include <gtest/gtest.h>
#include <tandem/base/error.h>
#include <tandem/data/digits.h>
#include <tandem/data/formats/resize.h>
#include <tandem/data/ink.h>

#include <algorithm>
#include <cmath>

namespace tandem::data {
namespace {

Tensor digit(int which, uint64_t seed) {
  Tensor out = Tensor::empty({28, 28, 1}, DType::u8);
  Rng rng(seed, "ink");
  draw_digit(which, rng, std::span<uint8_t, 784>(out.data<uint8_t>().data(), 784));
  return out;
}

// `picture` on a larger black sheet.
Tensor on_sheet(const Tensor& picture, int64_t height, int64_t width, int64_t top, int64_t left) {
  Tensor out = Tensor::zeros({height, width, 1}, DType::u8);
  for (int64_t y = 0; y < picture.size(0); ++y)
    for (int64_t x = 0; x < picture.size(1); ++x)
      out.data<uint8_t>()[static_cast<size_t>((top + y) * width + left + x)] =
          picture.data<const uint8_t>()[static_cast<size_t>(y * picture.size(1) + x)];
  return out;
}

double mean_difference(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (size_t i = 0; i < static_cast<size_t>(a.numel()); ++i)
    sum += std::abs(a.data<const uint8_t>()[i] - b.data<const uint8_t>()[i]);
  return sum / static_cast<double>(a.numel());
}

// The same where one of the two may lie a pixel aside: centres of mass are rounded to whole pixels.
double difference_but_for_a_pixel(const Tensor& a, const Tensor& b) {
  double least = 1e9;
  for (int64_t dy = -1; dy <= 1; ++dy)
    for (int64_t dx = -1; dx <= 1; ++dx) {
      Tensor moved = Tensor::zeros(a.shape(), DType::u8);
      for (int64_t y = 1; y < 27; ++y)
        for (int64_t x = 1; x < 27; ++x)
          moved.data<uint8_t>()[static_cast<size_t>((y + dy) * 28 + x + dx)] =
              a.data<const uint8_t>()[static_cast<size_t>(y * 28 + x)];
      least = std::min(least, mean_difference(moved, b));
    }
  return least;
}

TEST(Ink, WhereAndHowLargeADigitWasWrittenDoesNotMatter) {
  for (int which = 0; which < 10; ++which) {
    const Tensor small = digit(which, 3), other = digit((which + 1) % 10, 3);
    const Ink large = centre_ink(on_sheet(resize(small, 224, 224), 400, 300, 150, 17), 28, 28);
    const Ink little = centre_ink(on_sheet(resize(small, 140, 140), 200, 333, 3, 190), 28, 28);
    const double same = difference_but_for_a_pixel(large.pixels, little.pixels);
    EXPECT_LT(same, 5) << which;
    EXPECT_LT(same, difference_but_for_a_pixel(large.pixels, centre_ink(other, 28, 28).pixels) / 3) << which;
    EXPECT_NEAR(large.width / little.width, 224.0 / 140, 0.1) << which;
    // The frame is the square in which the digit was enlarged, give or take two of the 28 pixels.
    EXPECT_NEAR(large.left + large.width / 2, 17 + 112, 16) << which;
    EXPECT_NEAR(little.top + little.height / 2, 3 + 70, 10) << which;
  }
}

TEST(Ink, FillsTheBoxAndBalancesInTheMiddle) {
  Tensor bar = Tensor::zeros({100, 60, 1}, DType::u8);  // a triangle, heavy below: 40 high, 30 wide
  for (int64_t y = 0; y < 40; ++y)
    for (int64_t x = 0; x < 30 * (y + 1) / 40; ++x)
      bar.data<uint8_t>()[static_cast<size_t>((5 + y) * 60 + 20 + x)] = 255;
  const Ink ink = centre_ink(bar, 28, 28);
  int64_t top = 28, bottom = -1;
  double mass = 0, x_mean = 0, y_mean = 0;
  for (int64_t y = 0; y < 28; ++y)
    for (int64_t x = 0; x < 28; ++x) {
      const double v = ink.pixels.data<const uint8_t>()[static_cast<size_t>(y * 28 + x)];
      if (v > 0) top = std::min(top, y), bottom = y;
      mass += v, x_mean += v * (static_cast<double>(x) + 0.5), y_mean += v * (static_cast<double>(y) + 0.5);
    }
  EXPECT_EQ(bottom - top + 1, 20);
  EXPECT_NEAR(x_mean / mass, 14, 0.51);
  EXPECT_NEAR(y_mean / mass, 14, 0.51);
}

TEST(Ink, DarkInkOnBrightPaperIsTheSame) {
  const Tensor white = on_sheet(resize(digit(5, 1), 120, 120), 160, 160, 30, 10);
  const auto turned = [&](int paper, int ink) {
    Tensor out = Tensor::empty(white.shape(), DType::u8);
    std::ranges::transform(white.data<const uint8_t>(), out.data<uint8_t>().begin(),
                           [&](uint8_t v) { return static_cast<uint8_t>(paper - v * (paper - ink) / 255); });
    return centre_ink(out, 28, 28).pixels;
  };
  const Tensor as_white = centre_ink(white, 28, 28).pixels;
  EXPECT_EQ(mean_difference(as_white, turned(255, 0)), 0);
  EXPECT_LT(difference_but_for_a_pixel(as_white, turned(230, 30)), 8) << "no paper is quite white";
}

TEST(Ink, APictureOfTheSizeStaysAsItIs) {
  const Tensor small = digit(7, 2);
  const Ink ink = centre_ink(small, 28, 28);
  const auto brightest = std::ranges::max(small.data<const uint8_t>());
  ASSERT_EQ(brightest, 255);  // or it would be stretched
  EXPECT_EQ(mean_difference(ink.pixels, small), 0);
  EXPECT_EQ(ink.left, 0);
  EXPECT_EQ(ink.width, 28);
}

TEST(Ink, PaperAloneIsBlackAndWrongShapesAreRefused) {
  Tensor paper = Tensor::empty({50, 40, 1}, DType::u8);
  std::ranges::fill(paper.data<uint8_t>(), uint8_t{200});
  const Ink ink = centre_ink(paper, 28, 28);
  EXPECT_EQ(std::ranges::max(ink.pixels.data<const uint8_t>()), 0);
  EXPECT_THROW((void)centre_ink(Tensor::zeros({5, 5, 3}, DType::u8), 28, 28), Error);
  EXPECT_THROW((void)centre_ink(Tensor::zeros({5, 5, 1}), 28, 28), Error);
  EXPECT_THROW((void)centre_ink(paper, 0, 28), Error);
}

}  // namespace
}  // namespace tandem::data
