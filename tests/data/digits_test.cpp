#include <gtest/gtest.h>
#include <tandem/base/error.h>
#include <tandem/data/digits.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace tandem::data {
namespace {

using Picture = std::array<uint8_t, 784>;

Picture draw(int digit, uint64_t seed, uint64_t index) {
  Rng rng = Rng(seed, "digits").split(index);
  Picture picture;
  picture.fill(77);  // leftovers must not show through
  draw_digit(digit, rng, picture);
  return picture;
}

double distance(const Picture& a, const Picture& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::pow((a[i] - b[i]) / 255.0, 2);
  return std::sqrt(sum);
}

TEST(Digits, SameSeedSameBytesInAnyOrder) {
  for (int digit = 0; digit < 10; ++digit) {
    const Picture first = draw(digit, 7, 3);
    (void)draw(digit, 7, 4);
    EXPECT_EQ(first, draw(digit, 7, 3)) << "digit " << digit;
  }
}

TEST(Digits, OtherSeedsAndIndicesDiffer) {
  for (int digit = 0; digit < 10; ++digit) {
    EXPECT_NE(draw(digit, 7, 3), draw(digit, 8, 3)) << "digit " << digit;
    EXPECT_NE(draw(digit, 7, 3), draw(digit, 7, 4)) << "digit " << digit;
  }
}

TEST(Digits, LiesInTheBoxWithItsMassInTheMiddle) {
  for (int digit = 0; digit < 10; ++digit)
    for (uint64_t index = 0; index < 300; ++index) {
      const Picture picture = draw(digit, 1, index);
      double mass = 0, mass_x = 0, mass_y = 0;
      int left = 28, right = -1, top = 28, bottom = -1, darkest = 0;
      for (int row = 0; row < 28; ++row)
        for (int col = 0; col < 28; ++col) {
          const int ink = picture[static_cast<size_t>(row * 28 + col)];
          if (ink == 0) continue;
          mass += ink, mass_x += ink * (col + 0.5), mass_y += ink * (row + 0.5);
          left = std::min(left, col), right = std::max(right, col);
          top = std::min(top, row), bottom = std::max(bottom, row);
          darkest = std::max(darkest, ink);
        }
      const std::string which = "digit " + std::to_string(digit) + " index " + std::to_string(index);
      ASSERT_GT(mass, 255 * 15) << which;
      ASSERT_LT(mass, 255 * 330) << which;
      EXPECT_GT(darkest, 200) << which;
      EXPECT_NEAR(mass_x / mass, 14, 1.5) << which;
      EXPECT_NEAR(mass_y / mass, 14, 1.5) << which;
      // 20 pixels, and up to one more on either side for the soft edge of the pen.
      EXPECT_LE(std::max(right - left, bottom - top) + 1, 22) << which;
      EXPECT_GE(std::max(right - left, bottom - top) + 1, 19) << which;
    }
}

TEST(Digits, ExamplesOfAClassVary) {
  // Measured over 30,000 neighbours: the closest two, ones, are 1.15 apart; the class means go from 6.6 (1) to 9.7 (0).
  for (int digit = 0; digit < 10; ++digit) {
    double sum = 0;
    for (uint64_t index = 0; index < 50; ++index) {
      const double apart = distance(draw(digit, 1, index), draw(digit, 1, index + 1));
      EXPECT_GT(apart, 0.5) << "digit " << digit << " index " << index;
      sum += apart;
    }
    EXPECT_GT(sum / 50, 4) << "digit " << digit;
  }
}

TEST(Digits, ClassesCanBeToldApart) {
  std::array<std::array<double, 784>, 10> centroid{};
  for (size_t digit = 0; digit < 10; ++digit)
    for (uint64_t index = 0; index < 100; ++index) {
      const Picture picture = draw(static_cast<int>(digit), 1, index);
      for (size_t i = 0; i < 784; ++i) centroid[digit][i] += picture[i] / 100.0;
    }
  int right = 0;
  for (size_t digit = 0; digit < 10; ++digit)
    for (uint64_t index = 0; index < 100; ++index) {
      const Picture picture = draw(static_cast<int>(digit), 2, index);
      double best = std::numeric_limits<double>::max();
      size_t guess = 0;
      for (size_t c = 0; c < 10; ++c) {
        double sum = 0;
        for (size_t i = 0; i < 784; ++i) sum += std::pow(picture[i] - centroid[c][i], 2);
        if (sum < best) best = sum, guess = c;
      }
      right += guess == digit;
    }
  // 660 … 699 over 20 draws: the nearest mean is a weak judge of digits that slant and stretch this freely.
  EXPECT_GT(right, 600);
}

TEST(Digits, RefusesWhatIsNoDigit) {
  for (const int digit : {-1, 10}) {
    try {
      draw(digit, 1, 0);
      FAIL() << "no error for " << digit;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_EQ(std::string(error.what()), "draw_digit: digit " + std::to_string(digit) + " is not one of 0 … 9");
    }
  }
}

}  // namespace
}  // namespace tandem::data
