#include <tandem/data/catalog.h>
#include <tandem/data/shapes.h>

#include <algorithm>
#include <array>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

using Picture = std::array<uint8_t, 784>;

template <class Draw>
Picture drawn(Draw draw, int64_t index, uint64_t seed) {
  Rng rng(seed, "shapes");
  Picture out;
  out.fill(77);  // leftovers must not show through
  draw(index, rng, out);
  return out;
}

TEST(Shapes, AreDrawnAsDigitsAre) {
  for (int64_t index = 0; index < std::ssize(data::shape_names()); ++index) {
    const Picture a = drawn(data::draw_shape, index, 1);
    EXPECT_EQ(a, drawn(data::draw_shape, index, 1)) << data::shape_names()[static_cast<size_t>(index)];
    EXPECT_NE(a, drawn(data::draw_shape, index, 2));
    const auto ink = std::ranges::count_if(a, [](uint8_t v) { return v > 128; });
    EXPECT_GT(ink, 20) << "something is drawn";
    EXPECT_LT(ink, 392) << "on paper that stays visible";
    for (size_t i = 0; i < 28; ++i) EXPECT_EQ(a[i], 0) << "the frame is free, as in MNIST";
  }
  Rng rng(1, "x");
  Picture picture;
  expect_error(ErrorKind::usage, {"no shape 99"}, [&] { data::draw_shape(99, rng, picture); });
  expect_error(ErrorKind::usage, {"no noise -1"}, [&] { data::draw_noise(-1, rng, picture); });
}

TEST(Noise, HasKindsThatDiffer) {
  const auto bright = [](const Picture& p) { return std::ranges::count_if(p, [](uint8_t v) { return v > 25; }); };
  const auto jump = [](const Picture& p) {  // mean change from pixel to pixel
    double sum = 0;
    for (size_t i = 1; i < p.size(); ++i) sum += std::abs(static_cast<double>(p[i]) - static_cast<double>(p[i - 1]));
    return sum / 783;
  };
  const Picture pixels = drawn(data::draw_noise, 0, 3), specks = drawn(data::draw_noise, 1, 3),
                clouds = drawn(data::draw_noise, 2, 3);
  EXPECT_GT(bright(pixels), 600);
  EXPECT_LT(bright(specks), 160);
  EXPECT_GT(jump(pixels), 50);
  EXPECT_LT(jump(clouds), 30);
}

TEST(Shapes, AreDataSets) {
  const auto shapes = data::load("shapes", {.train_examples = 36, .test_examples = 20});
  EXPECT_EQ(shapes.train.size(), 36);
  EXPECT_EQ(shapes.train.classes, data::shape_names());
  EXPECT_EQ(shapes.train.source, "shapes");
  const auto two = data::load("noise", {.train_examples = 10, .test_examples = 4, .classes = {"clouds", "specks"}});
  EXPECT_EQ(two.train.classes, (std::vector<std::string>{"clouds", "specks"}));
  EXPECT_EQ(two.train.labels[3], 1);
}

}  // namespace
}  // namespace tandem::testing
