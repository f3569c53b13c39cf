// The colours of augmentation against their definitions, in double and by another way where there is one.
#include <tandem/base/random.h>
#include <tandem/data/colour.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/data/testing.h"

namespace tandem::data {
namespace {

using Values = std::vector<float>;

Values random_picture(int64_t h, int64_t w, int64_t c, uint64_t seed) {
  Values out(static_cast<size_t>(h * w * c));
  Rng rng(seed, "picture");
  for (float& value : out) value = static_cast<float>(rng.below(256)) / 255.0F;
  return out;
}

template <class Fn>
Values done(Values picture, int64_t h, int64_t w, int64_t c, Fn&& fn) {
  fn(Pixels{picture, h, w, c});
  return picture;
}

double grey_of(const Values& p, size_t pixel, int64_t c) {
  return c == 1 ? p[pixel] : 0.299 * p[3 * pixel] + 0.587 * p[3 * pixel + 1] + 0.114 * p[3 * pixel + 2];
}

TEST(Colour, BrightnessContrastAndSaturationMoveAwayFromTheirMiddle) {
  for (const int64_t c : {1, 3}) {
    const Values x = random_picture(5, 7, c, 1);
    double mean = 0;
    for (size_t i = 0; i < 35; ++i) mean += grey_of(x, i, c) / 35;
    for (const float factor : {0.0F, 0.4F, 1.0F, 1.7F}) {
      const Values brighter = done(x, 5, 7, c, [&](const Pixels& p) { brightness(p, factor); });
      const Values stronger = done(x, 5, 7, c, [&](const Pixels& p) { contrast(p, factor); });
      const Values richer = done(x, 5, 7, c, [&](const Pixels& p) { saturation(p, factor); });
      for (size_t i = 0; i < x.size(); ++i) {
        const double f = factor, grey = grey_of(x, i / static_cast<size_t>(c), c);
        EXPECT_NEAR(brighter[i], std::clamp(f * x[i], 0.0, 1.0), 1e-6);
        EXPECT_NEAR(stronger[i], std::clamp(mean + f * (x[i] - mean), 0.0, 1.0), 1e-6);
        EXPECT_NEAR(richer[i], c == 1 ? x[i] : std::clamp(grey + f * (x[i] - grey), 0.0, 1.0), 1e-6);
      }
    }
  }
}

// The channel n of HSV as Wikipedia's formula for all three has it (HSL and HSV, "HSV to RGB alternative").
Values turned(const Values& x, double degrees) {
  Values out;
  for (size_t i = 0; i < x.size(); i += 3) {
    const double r = x[i], g = x[i + 1], b = x[i + 2], v = std::max({r, g, b}), chroma = v - std::min({r, g, b});
    double hue = 0;
    if (chroma > 0)
      hue = v == r ? 60 * (g - b) / chroma : v == g ? 120 + 60 * (b - r) / chroma : 240 + 60 * (r - g) / chroma;
    for (const double n : {5.0, 3.0, 1.0}) {
      const double k = std::fmod(n + (hue + degrees + 720) / 60, 6.0);
      out.push_back(static_cast<float>(v - chroma * std::max(0.0, std::min({k, 4 - k, 1.0}))));
    }
  }
  return out;
}

TEST(Colour, HueTurnsInTheCircleOfHSV) {
  const Values x = random_picture(20, 20, 3, 2);
  for (const double degrees : {-180.0, -37.0, 0.0, 12.5, 120.0, 180.0}) {
    const Values got = done(x, 20, 20, 3, [&](const Pixels& p) { hue(p, static_cast<float>(degrees)); });
    const Values wanted = turned(x, degrees);
    for (size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 5e-6) << degrees << " at " << i;
  }
  const Values red = done({1, 0, 0}, 1, 1, 3, [](const Pixels& p) { hue(p, 120); });
  EXPECT_NEAR(red[1], 1, 1e-6) << "red becomes green";
  EXPECT_NEAR(red[0], 0, 1e-6);
  const Values grey = random_picture(4, 4, 1, 3);
  EXPECT_EQ(done(grey, 4, 4, 1, [](const Pixels& p) { hue(p, 90); }), grey);
}

TEST(Colour, SharpnessMovesAwayFromTheSmoothedPicture) {
  for (const int64_t c : {1, 3}) {
    const int64_t h = 6, w = 5;
    const Values x = random_picture(h, w, c, 4);
    const Values got = done(x, h, w, c, [](const Pixels& p) { sharpness(p, 1.6F); });
    const auto at = [&](int64_t row, int64_t column, int64_t k) {
      return static_cast<double>(x[static_cast<size_t>((row * w + column) * c + k)]);
    };
    for (int64_t row = 0; row < h; ++row)
      for (int64_t column = 0; column < w; ++column)
        for (int64_t k = 0; k < c; ++k) {
          double wanted = at(row, column, k);
          if (row > 0 && row < h - 1 && column > 0 && column < w - 1) {
            double smooth = 4 * wanted;
            for (int64_t dy = -1; dy <= 1; ++dy)
              for (int64_t dx = -1; dx <= 1; ++dx) smooth += at(row + dy, column + dx, k);
            wanted = smooth / 13 + 1.6 * (wanted - smooth / 13);
          }
          EXPECT_NEAR(got[static_cast<size_t>((row * w + column) * c + k)], std::clamp(wanted, 0.0, 1.0), 1e-6);
        }
  }
  const Values thin = random_picture(2, 9, 1, 5);
  EXPECT_EQ(done(thin, 2, 9, 1, [](const Pixels& p) { sharpness(p, 0); }), thin);
}

TEST(Colour, AutocontrastAndEqualizeUseTheWholeRange) {
  Values x;  // two channels with values in a part of the range, and one that is constant
  for (const float value : {40.0F, 60.0F, 60.0F, 80.0F}) x.insert(x.end(), {value / 255, (value + 100) / 255, 0.5F});
  const Values stretched = done(x, 2, 2, 3, [](const Pixels& p) { autocontrast(p); });
  const Values equal = done(x, 2, 2, 3, [](const Pixels& p) { equalize(p); });
  const std::vector<double> wanted{0, 0.5, 0.5, 1};
  for (size_t i = 0; i < 4; ++i)
    for (size_t k = 0; k < 2; ++k) EXPECT_NEAR(stretched[3 * i + k], wanted[i], 1e-6);
  // Darker than each level: 0, 1, 1 and 3 of the 3 pixels that are not of the brightest.
  const std::vector<double> shares{0, 1.0 / 3, 1.0 / 3, 1};
  for (size_t i = 0; i < 4; ++i)
    for (size_t k = 0; k < 2; ++k) EXPECT_NEAR(equal[3 * i + k], shares[i], 1e-6);
  for (size_t i = 2; i < 12; i += 3) {
    EXPECT_EQ(stretched[i], 0.5F) << "a channel of one value stays";
    EXPECT_EQ(equal[i], 0.5F);
  }
}

TEST(Colour, PosterizeAndSolarize) {
  Values x;
  for (int value = 0; value < 256; ++value) x.push_back(static_cast<float>(value) / 255.0F);
  for (const int bits : {1, 4, 8}) {
    const Values got = done(x, 16, 16, 1, [&](const Pixels& p) { posterize(p, bits); });
    for (int value = 0; value < 256; ++value)
      EXPECT_EQ(std::lround(got[static_cast<size_t>(value)] * 255), value >> (8 - bits) << (8 - bits)) << bits;
  }
  const Values got = done(x, 16, 16, 1, [](const Pixels& p) { solarize(p, 0.5F); });
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(got[i], x[i] < 0.5F ? x[i] : 1 - x[i], 1e-6);
}

}  // namespace
}  // namespace tandem::data
