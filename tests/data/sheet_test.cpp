#include <tandem/data/formats/image.h>
#include <tandem/data/sheet.h>

#include "tests/data/testing.h"

namespace tandem::data {
namespace {

using testing::expect_error;
using testing::numbered;

TEST(Sheet, OneRowAClassScaledByAWholeFactor) {
  const Dataset set = numbered(5, {"a", "b"});  // a: 0 2 4, b: 1 3; images of 4 x 3
  const Tensor sheet = contact_sheet(set, {.columns = 3, .gap = 1, .min_side = 8});
  ASSERT_EQ(sheet.shape(), Shape({1 + 2 * 9, 1 + 3 * 7, 1}));
  const auto pixel = [&](int64_t y, int64_t x) { return sheet.at(y * 22 + x); };
  EXPECT_EQ(pixel(0, 0), 255);
  EXPECT_EQ(pixel(9, 5), 255);    // gap between rows
  EXPECT_EQ(pixel(12, 17), 255);  // b has no third image
  std::vector<double> first;
  for (int64_t column = 0; column < 3; ++column) {
    first.push_back(pixel(1, 1 + column * 7));
    EXPECT_EQ(pixel(8, 6 + column * 7), first.back());  // the whole cell
  }
  std::ranges::sort(first);
  EXPECT_EQ(first, (std::vector<double>{0, 2, 4}));
  EXPECT_FALSE(encode_png(sheet).empty());
  EXPECT_EQ(contact_sheet(set, {.columns = 1, .rows = 1, .gap = 0, .min_side = 1}).shape(), Shape({4, 3, 1}));
}

TEST(Sheet, AGridOfGivenPictures) {
  const Tensor images = numbered(4, {"a"}).pixels();
  const std::vector<int64_t> cells{3, -1, 1, 1, 2};
  const Tensor grid = image_grid(images, cells, {.columns = 2, .gap = 0, .min_side = 1});
  ASSERT_EQ(grid.shape(), Shape({12, 6, 1}));
  const std::vector<double> wanted{3, 255, 1, 1, 2, 255};
  for (int64_t i = 0; i < 6; ++i)
    EXPECT_EQ(grid.at((i / 2 * 4 + 1) * 6 + i % 2 * 3 + 1), wanted[static_cast<size_t>(i)]);
}

TEST(Sheet, BadInput) {
  expect_error(ErrorKind::usage, {"no images"}, [] { (void)contact_sheet({}); });
  const Dataset set = numbered(2, {"a"});
  expect_error(ErrorKind::usage, {"columns 0"}, [&] { (void)contact_sheet(set, {.columns = 0}); });
  expect_error(ErrorKind::usage, {"larger than"}, [&] { (void)contact_sheet(set, {.columns = 1 << 26}); });
  expect_error(ErrorKind::usage, {"0 cells"}, [&] { (void)image_grid(set.pixels(), {}, {}); });
  expect_error(ErrorKind::data, {"too large"}, [&] { (void)contact_sheet(set, {.gap = INT64_MAX}); });
}

}  // namespace
}  // namespace tandem::data
