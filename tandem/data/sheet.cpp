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

}  // namespace

Tensor contact_sheet(const Dataset& set, const SheetOptions& options) {
  if (set.size() == 0 || set.pixels().rank() != 4) fail("contact_sheet", "the set has no images");
  if (options.columns < 1 || options.rows < 0 || options.gap < 0 || options.min_side < 1)
    fail("contact_sheet", "columns {}, rows {}, gap {}, min_side {}: give at least 1, 0, 0 and 1", options.columns,
         options.rows, options.gap, options.min_side);
  const Shape& shape = set.pixels().shape();
  const int64_t h = shape[1];
  const int64_t w = shape[2];
  const int64_t c = shape[3];
  const auto classes = static_cast<int64_t>(set.classes.size());
  const int64_t rows = options.rows > 0 ? std::min(options.rows, classes) : classes;
  const int64_t side = std::max(h, w);
  const int64_t zoom = std::max<int64_t>(1, (options.min_side + side - 1) / side);

  const auto along = [&](int64_t cells, int64_t size) {
    return checked_add(checked_mul(cells, checked_add(size * zoom, options.gap, "contact_sheet"), "contact_sheet"),
                       options.gap, "contact_sheet");
  };
  const int64_t height = along(rows, h);
  const int64_t width = along(options.columns, w);
  if (checked_mul(height, width, "contact_sheet") > max_image_pixels)
    fail("contact_sheet", "a sheet of {} x {} pixels is larger than {}: ask for fewer rows or columns", height, width,
         max_image_pixels);
  Tensor sheet = Tensor::full({height, width, c}, 255, DType::u8);

  std::vector<std::vector<int64_t>> members(set.classes.size());
  for (int64_t i = 0; i < set.size(); ++i)
    members.at(static_cast<size_t>(set.labels[static_cast<size_t>(i)])).push_back(i);
  const uint8_t* pixels = set.pixels().data<uint8_t>().data();
  uint8_t* into = sheet.data<uint8_t>().data();
  for (int64_t row = 0; row < rows; ++row) {
    const auto& list = members[static_cast<size_t>(row)];
    const auto count = static_cast<int64_t>(list.size());
    auto order = Rng(options.seed, "sheet").split(static_cast<uint64_t>(row)).permutation(count);
    if (!options.shuffle) std::ranges::sort(order);
    for (int64_t column = 0; column < std::min(options.columns, count); ++column) {
      const int64_t image = list[static_cast<size_t>(order[static_cast<size_t>(column)])];
      const int64_t y = options.gap + row * (h * zoom + options.gap);
      const int64_t x = options.gap + column * (w * zoom + options.gap);
      draw(pixels + image * h * w * c, h, w, c, zoom, into + (y * width + x) * c, width * c);
    }
  }
  return sheet;
}

}  // namespace tandem::data
