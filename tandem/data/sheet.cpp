#include <tandem/base/checked.h>
#include <tandem/base/random.h>
#include <tandem/data/formats/image.h>
#include <tandem/data/sheet.h>

#include <algorithm>

namespace tandem::data {
namespace {

/// Writes image `from` (h x w x c) at `into`, each pixel `zoom` x `zoom` large; `stride` bytes from row to row.
void draw(const uint8_t* from, int64_t h, int64_t w, int64_t c, int64_t zoom, uint8_t* into, int64_t stride) {
  for (int64_t y = 0; y < h * zoom; ++y)
    for (int64_t x = 0; x < w * zoom; ++x)
      std::copy_n(from + ((y / zoom) * w + x / zoom) * c, c, into + y * stride + x * c);
}

struct Grid {
  int64_t zoom, height, width;
};

/// Throws before anything is made when the sheet would be too large.
Grid grid_of(const Shape& images, int64_t rows, const SheetOptions& options) {
  if (options.columns < 1 || options.rows < 0 || options.gap < 0 || options.min_side < 1)
    fail("contact_sheet", "columns {}, rows {}, gap {}, min_side {}: give at least 1, 0, 0 and 1", options.columns,
         options.rows, options.gap, options.min_side);
  const int64_t side = std::max(images[1], images[2]);
  Grid grid{.zoom = std::max<int64_t>(1, (options.min_side + side - 1) / side), .height = 0, .width = 0};
  const auto along = [&](int64_t count, int64_t size) {
    const int64_t cell = checked_add(size * grid.zoom, options.gap, "contact_sheet");
    return checked_add(checked_mul(count, cell, "contact_sheet"), options.gap, "contact_sheet");
  };
  grid.height = along(rows, images[1]);
  grid.width = along(options.columns, images[2]);
  if (checked_mul(grid.height, grid.width, "contact_sheet") > max_image_pixels)
    fail("contact_sheet", "a sheet of {} x {} pixels is larger than {}: ask for fewer rows or columns", grid.height,
         grid.width, max_image_pixels);
  return grid;
}

}  // namespace

Tensor contact_sheet(const Dataset& set, const SheetOptions& options) {
  if (set.size() == 0 || set.pixels().rank() != 4) fail("contact_sheet", "the set has no images");
  std::vector<std::vector<int64_t>> members(set.classes.size());
  for (int64_t i = 0; i < set.size(); ++i)
    members.at(static_cast<size_t>(set.labels[static_cast<size_t>(i)])).push_back(i);
  if (options.rows > 0) members.resize(std::min(members.size(), static_cast<size_t>(options.rows)));
  (void)grid_of(set.pixels().shape(), std::ssize(members), options);
  std::vector<int64_t> shown(static_cast<size_t>(options.columns) * members.size(), -1);
  for (size_t row = 0; row < members.size(); ++row) {
    const auto count = std::ssize(members[row]);
    auto order = Rng(options.seed, "sheet").split(row).permutation(count);
    if (!options.shuffle) std::ranges::sort(order);
    for (int64_t column = 0; column < std::min(options.columns, count); ++column)
      shown[row * static_cast<size_t>(options.columns) + static_cast<size_t>(column)] =
          members[row][static_cast<size_t>(order[static_cast<size_t>(column)])];
  }
  return image_grid(set.pixels(), shown, options);
}

Tensor image_grid(const Tensor& images, std::span<const int64_t> cells, const SheetOptions& options) {
  if (images.rank() != 4 || cells.empty())
    fail("contact_sheet", "takes images (n, h, w, c), got {} for {} cells", images.shape(), cells.size());
  const int64_t across = std::max<int64_t>(1, options.columns), rows = (std::ssize(cells) + across - 1) / across;
  const auto [zoom, height, width] = grid_of(images.shape(), rows, options);
  const int64_t h = images.size(1), w = images.size(2), c = images.size(3);
  Tensor sheet = Tensor::full({height, width, c}, 255, DType::u8);
  const uint8_t* pixels = images.data<uint8_t>().data();
  uint8_t* into = sheet.data<uint8_t>().data();
  for (int64_t i = 0; i < std::ssize(cells); ++i) {
    const int64_t image = cells[static_cast<size_t>(i)];
    if (image < 0) continue;
    const int64_t y = options.gap + i / options.columns * (h * zoom + options.gap);
    const int64_t x = options.gap + i % options.columns * (w * zoom + options.gap);
    draw(pixels + image * h * w * c, h, w, c, zoom, into + (y * width + x) * c, width * c);
  }
  return sheet;
}

}  // namespace tandem::data
