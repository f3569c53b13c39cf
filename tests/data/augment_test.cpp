#include <tandem/data/augment.h>

#include <cmath>
#include <numeric>
#include <set>
#include <thread>

#include "tests/data/testing.h"

namespace tandem::data {
namespace {

using testing::expect_error;
using testing::pattern;

std::vector<float> run(const Augment& augment, const Tensor& image, uint64_t seed) {
  std::vector<float> out(static_cast<size_t>(image.numel()), -1.0F);
  augment_into(augment, image.data<uint8_t>(), image.size(0), image.size(1), image.size(2), Rng(seed, "test"), out);
  return out;
}

std::vector<float> plain(const Tensor& image) {
  std::vector<float> out;
  for (const uint8_t value : image.data<uint8_t>()) out.push_back(static_cast<float>(value) / 255.0F);
  return out;
}

const Augment everything{.shift = 2,
                         .rotate = 15,
                         .scale = 0.1,
                         .shear = 10,
                         .elastic = 1,
                         .noise = 0.05,
                         .crop = 2,
                         .flip = true,
                         .erase = 5,
                         .brightness = 0.3,
                         .contrast = 0.3,
                         .saturation = 0.5,
                         .hue = 20,
                         .rand_augment = {.operations = 3, .magnitude = 12}};

TEST(Augment, NothingAskedCopies) {
  for (const int64_t c : {1, 3}) EXPECT_EQ(run({}, pattern(7, 9, c), 1), plain(pattern(7, 9, c)));
  EXPECT_FALSE(Augment{}.any());
  EXPECT_TRUE(everything.any());
}

TEST(Augment, DependsOnTheStreamAlone) {
  for (const int64_t c : {1, 3}) {
    const Tensor image = pattern(28, 20, c);
    const auto here = run(everything, image, 1);
    run(everything, pattern(60, 60, 3), 9);  // leaves other numbers in the scratch memory
    EXPECT_EQ(run(everything, image, 1), here);
    EXPECT_NE(run(everything, image, 2), here);
    std::vector<float> there;
    std::thread([&] { there = run(everything, image, 1); }).join();
    EXPECT_EQ(there, here);
    for (const float value : here) EXPECT_TRUE(value >= 0 && value <= 1) << value;
  }
}

TEST(Augment, CropAndFlipMatchTheDefinition) {
  const auto mirror = [](int64_t i, int64_t n) { return i < 0 ? -i : i >= n ? 2 * n - 2 - i : i; };
  for (const int64_t c : {1, 3}) {
    const int64_t h = 6;
    const int64_t w = 10;
    const int64_t reach = 4;
    const Tensor image = pattern(h, w, c);
    const auto source = plain(image);
    std::vector<std::vector<float>> expected;  // of every offset and side
    for (int64_t dy = -reach; dy <= reach; ++dy)
      for (int64_t dx = -reach; dx <= reach; ++dx)
        for (const bool flip : {false, true}) {
          std::vector<float> out;
          for (int64_t y = 0; y < h; ++y)
            for (int64_t x = 0; x < w; ++x)
              for (int64_t k = 0; k < c; ++k)
                out.push_back(source[static_cast<size_t>(
                    (mirror(y + dy, h) * w + mirror((flip ? w - 1 - x : x) + dx, w)) * c + k)]);
          expected.push_back(out);
        }
    std::set<size_t> seen;
    for (uint64_t seed = 0; seed < 2000; ++seed) {
      const auto found = std::ranges::find(expected, run({.crop = reach, .flip = true}, image, seed));
      ASSERT_NE(found, expected.end()) << seed;
      seen.insert(static_cast<size_t>(found - expected.begin()));
    }
    EXPECT_EQ(seen.size(), 2 * 9 * 9U);
  }
}

// A blob's centre of mass shows where the picture went.
Tensor blob(int64_t side, double cx, double cy) {
  Tensor image = Tensor::empty({side, side, 1}, DType::u8);
  for (int64_t y = 0; y < side; ++y)
    for (int64_t x = 0; x < side; ++x) {
      const double d = std::hypot(static_cast<double>(x) - cx, static_cast<double>(y) - cy);
      image.data<uint8_t>()[static_cast<size_t>(y * side + x)] = static_cast<uint8_t>(250 * std::exp(-d * d / 8));
    }
  return image;
}

std::pair<double, double> centre(const std::vector<float>& values, int64_t side) {
  double sum = 0;
  double x = 0;
  double y = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    sum += values[i];
    x += values[i] * static_cast<double>(static_cast<int64_t>(i) % side);
    y += values[i] * static_cast<double>(static_cast<int64_t>(i) / side);
  }
  return {x / sum, y / sum};
}

TEST(Augment, ShiftStaysWithinItsRange) {
  double reach = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const auto [x, y] = centre(run({.shift = 3}, blob(41, 20, 20), seed), 41);
    EXPECT_LE(std::abs(x - 20), 3.05);
    EXPECT_LE(std::abs(y - 20), 3.05);
    reach = std::max(reach, std::abs(x - 20));
  }
  EXPECT_GT(reach, 2.8);
}

TEST(Augment, RotationKeepsTheDistanceFromTheCentre) {
  double reach = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const auto [x, y] = centre(run({.rotate = 30}, blob(41, 30, 20), seed), 41);
    EXPECT_NEAR(std::hypot(x - 20, y - 20), 10, 0.05);
    const double angle = std::atan2(y - 20, x - 20) * 180 / M_PI;
    EXPECT_LE(std::abs(angle), 30.3);
    reach = std::max(reach, angle);
  }
  EXPECT_GT(reach, 28);
}

TEST(Augment, ScaleAndShearMoveAlongTheirAxes) {
  double least = 99;
  double most = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const auto [x, y] = centre(run({.scale = 0.2}, blob(61, 40, 30), seed), 61);
    EXPECT_NEAR(y, 30, 0.05);
    least = std::min(least, x - 30);
    most = std::max(most, x - 30);
    const auto [sx, sy] = centre(run({.shear = 20}, blob(61, 30, 40), seed), 61);
    EXPECT_NEAR(sy, 40, 0.05);
    EXPECT_LE(std::abs(sx - 30), 10 * std::tan(20 * M_PI / 180) + 0.05);
  }
  EXPECT_NEAR(least, 8, 0.2);
  EXPECT_NEAR(most, 12, 0.2);
}

TEST(Augment, RotationAndShearTogetherKeepTheArea) {
  const auto mass = [](const std::vector<float>& values) { return std::accumulate(values.begin(), values.end(), 0.0); };
  const Tensor image = blob(61, 33, 28);
  for (uint64_t seed = 0; seed < 100; ++seed)
    EXPECT_NEAR(mass(run({.rotate = 40, .shear = 30}, image, seed)) / mass(plain(image)), 1, 0.01);
}

// A ramp tells each pixel's displacement: value = x / 255 becomes (x + dx) / 255.
TEST(Augment, ElasticHasTheDeviationAskedForAndIsSmooth) {
  const int64_t side = 96;
  Tensor ramp = Tensor::empty({side, side, 1}, DType::u8);
  for (int64_t i = 0; i < side * side; ++i)
    ramp.data<uint8_t>()[static_cast<size_t>(i)] = static_cast<uint8_t>(i % side * 2 + 20);
  double squares = 0;
  double steps = 0;
  int64_t count = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const auto out = run({.elastic = 1.5, .elastic_smooth = 4}, ramp, seed);
    const auto moved = [&](int64_t y, int64_t x) {
      return (out[static_cast<size_t>(y * side + x)] * 255 - 20) / 2 - static_cast<double>(x);
    };
    for (int64_t y = 10; y < side - 10; ++y)
      for (int64_t x = 10; x < side - 10; ++x) {
        squares += moved(y, x) * moved(y, x);
        steps += std::pow(moved(y, x) - moved(y, x - 1), 2);
        ++count;
      }
  }
  const double deviation = std::sqrt(squares / static_cast<double>(count));
  EXPECT_NEAR(deviation, 1.5, 0.08);  // 40 fields of some 120 independent values: 3 % is two standard errors
  // A field blurred by a Gaussian of s has slope deviation / (sqrt(2) s).
  EXPECT_NEAR(std::sqrt(steps / static_cast<double>(count)), 1.5 / (std::sqrt(2.0) * 4), 0.05);
}

TEST(Augment, OutsideIsBlackInGreyAndTheEdgeInColour) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const auto grey = run({.shift = 8}, Tensor::full({20, 20, 1}, 255, DType::u8), seed);
    const auto colour = run({.shift = 8}, Tensor::full({20, 20, 3}, 255, DType::u8), seed);
    EXPECT_LT(*std::ranges::min_element(grey), 0.9F);
    EXPECT_GT(*std::ranges::min_element(colour), 0.999F);
  }
}

TEST(Augment, NoiseAndErase) {
  const Tensor image = Tensor::full({50, 50, 1}, 128, DType::u8);
  const auto noisy = run({.noise = 0.1}, image, 1);
  double sum = 0;
  double squares = 0;
  for (const float value : noisy) {
    const double d = value - 128 / 255.0;
    sum += d;
    squares += d * d;
  }
  EXPECT_NEAR(sum / 2500, 0, 0.006);                   // three standard errors: 3 * 0.1 / 50
  EXPECT_NEAR(std::sqrt(squares / 2500), 0.1, 0.005);  // 3.5 standard errors
  int64_t most = 0;
  for (uint64_t seed = 0; seed < 100; ++seed)
    most = std::max<int64_t>(most, std::ranges::count(run({.erase = 6}, image, seed), 0.0F));
  EXPECT_EQ(most, 36);
  Tensor two = Tensor::full({10, 10, 3}, 0, DType::u8);
  for (size_t i = 0; i < 300; i += 3) two.data<uint8_t>()[i] = i < 150 ? 255 : 0;  // red above, black below
  const auto erased = run({.erase = 10}, two, 3);
  EXPECT_GT(std::ranges::count(erased, 0.5F), 0);
  EXPECT_EQ(erased[1], 0);  // no other colour appears
}

TEST(Augment, OneChangeLeavesTheDrawsOfTheOthers) {
  const Tensor image = pattern(20, 20, 1);
  const auto without = run({.shift = 3}, image, 5);
  const auto with = run({.shift = 3, .erase = 4}, image, 5);
  int64_t differing = 0;
  for (size_t i = 0; i < with.size(); ++i) differing += with[i] != without[i];
  EXPECT_LE(differing, 16);
}

TEST(Augment, ColoursStayWithinTheirRange) {
  Tensor image = Tensor::full({4, 4, 3}, 0, DType::u8);
  for (size_t i = 0; i < 48; i += 3) image.data<uint8_t>()[i] = 100, image.data<uint8_t>()[i + 1] = 50;
  double least = 1, most = 0, farthest = 0;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const auto brighter = run({.brightness = 0.4}, image, seed);
    EXPECT_NEAR(brighter[1] / brighter[0], 0.5, 1e-5) << "all channels alike";
    least = std::min<double>(least, brighter[0] / (100 / 255.0F));
    most = std::max<double>(most, brighter[0] / (100 / 255.0F));
    const auto turned = run({.hue = 30}, image, seed);  // the hue is 30 degrees: orange
    EXPECT_NEAR(*std::ranges::max_element(turned), 100 / 255.0F, 1e-6);
    EXPECT_GE(turned[1], -1e-6F);
    EXPECT_LE(turned[1], 100 / 255.0F + 1e-6F);
    EXPECT_NEAR(turned[2], 0, 1e-6) << "no further than red and yellow";
    farthest = std::max(farthest, std::abs(turned[1] / (100 / 255.0) - 0.5));
  }
  EXPECT_NEAR(least, 0.6, 0.01);
  EXPECT_NEAR(most, 1.4, 0.01);
  EXPECT_NEAR(farthest, 0.5, 0.02);
}

TEST(Augment, RandAugmentDrawsItsOperationsAlike) {
  const Tensor image = pattern(12, 10, 3);
  const auto source = plain(image);
  const auto unchanged = [&](double magnitude) {
    const auto near = [](float a, float b) { return std::abs(a - b) < 1e-6F; };  // a factor of 1 rounds
    int64_t count = 0;
    for (uint64_t seed = 0; seed < 2800; ++seed)
      count += std::ranges::equal(run({.rand_augment = {.operations = 1, .magnitude = magnitude}}, image, seed), source,
                                  near);
    return static_cast<double>(count) / 2800;
  };
  // At 0 only autocontrast and equalize do something, at 10 all but the one that is nothing: binomial, 4 deviations.
  EXPECT_NEAR(unchanged(0), 12.0 / 14, 0.027);
  EXPECT_NEAR(unchanged(10), 1.0 / 14, 0.02);
  std::set<std::vector<float>> seen;
  for (uint64_t seed = 0; seed < 400; ++seed)
    seen.insert(run({.rand_augment = {.operations = 1, .magnitude = 7}}, image, seed));
  // None, autocontrast, equalize, solarize, posterize once each; nine others towards either side.
  EXPECT_EQ(seen.size(), 5 + 2 * 9U);
  EXPECT_EQ(seen.count(source), 1U);
}

TEST(Augment, RandAugmentDoesWhatItsMagnitudeSays) {
  // A blob right of the centre tells a rotation, a shear and a shift apart.
  double farthest = 0, steepest = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const auto out = run({.rand_augment = {.operations = 1, .magnitude = 5}}, blob(61, 40, 30), seed);
    if (std::ranges::max_element(out) - out.begin() == 30 * 61 + 40) continue;  // a colour, or a shear that keeps it
    const auto [x, y] = centre(out, 61);
    if (std::abs(y - 30) < 0.1)
      farthest = std::max(farthest, std::abs(x - 40));
    else if (std::abs(std::hypot(x - 30, y - 30) - 10) < 0.05)
      steepest = std::max(steepest, std::abs(std::atan2(y - 30, x - 30)) * 180 / M_PI);
  }
  EXPECT_NEAR(farthest, 61 * 150.0 / 331 / 2, 0.3) << "half of 150 pixels in 331";
  EXPECT_NEAR(steepest, 15, 0.5) << "half of 30 degrees";
}

TEST(Augment, BadInput) {
  struct Case {
    Augment augment;
    std::string message;
  };
  const Case cases[] = {
      {{.shift = -1}, "shift is -1"},
      {{.shift = std::nan("")}, "shift is nan"},
      {{.rotate = 181}, "rotate is 181"},
      {{.scale = 1}, "scale is 1: give 0 to 0.9"},
      {{.shear = 90}, "shear is 90"},
      {{.elastic = HUGE_VAL}, "elastic is inf"},
      {{.elastic = 1, .elastic_smooth = 0}, "elastic_smooth is 0"},
      {{.noise = 2}, "noise is 2"},
      {{.crop = 8}, "crop is 8: give 0 to 7"},
      {{.crop = -1}, "crop is -1"},
      {{.erase = -2}, "erase is -2"},
      {{.brightness = 1.5}, "brightness is 1.5: give 0 to 1"},
      {{.contrast = -1}, "contrast is -1"},
      {{.saturation = std::nan("")}, "saturation is nan"},
      {{.hue = 181}, "hue is 181: give 0 to 180"},
      {{.rand_augment = {.operations = 15}}, "rand_augment.operations is 15: give 0 to 14"},
      {{.rand_augment = {.operations = 1, .magnitude = 31}}, "rand_augment.magnitude is 31: give 0 to 30"},
  };
  for (const auto& c : cases) {
    expect_error(ErrorKind::usage, {c.message}, [&] { check(c.augment, 8, 9); });
    expect_error(ErrorKind::usage, {c.message}, [&] { run(c.augment, pattern(8, 9, 1), 1); });
  }
  std::vector<float> out(12);
  const std::vector<uint8_t> in(12);
  expect_error(ErrorKind::usage, {"3 x 2 x 2"}, [&] { augment_into({}, in, 3, 2, 2, Rng(), out); });
  expect_error(ErrorKind::usage, {"4 x 4 x 1 is 16", "12 bytes"}, [&] { augment_into({}, in, 4, 4, 1, Rng(), out); });
  expect_error(ErrorKind::usage, {"0 x 4"}, [&] { augment_into({}, {}, 0, 4, 1, Rng(), {}); });
}

TEST(Augment, SmallAndLongImages) {
  for (const auto& [h, w] : {std::pair<int64_t, int64_t>{1, 1}, {1, 40}, {40, 1}, {2, 3}})
    for (const int64_t c : {1, 3})
      for (uint64_t seed = 0; seed < 20; ++seed)
        for (const float value : run({.shift = 1,
                                 .rotate = 180,
                                 .scale = 0.9,
                                 .shear = 80,
                                 .elastic = 1,
                                 .elastic_smooth = 0.5,
                                 .flip = true,
                                 .erase = 1,
                                 .contrast = 1,
                                 .hue = 180,
                                 .rand_augment = {.operations = 14, .magnitude = 30}},
                                     pattern(h, w, c), seed))
          EXPECT_TRUE(value >= -1e-6F && value <= 1 + 1e-6F) << value;
}

}  // namespace
}  // namespace tandem::data
