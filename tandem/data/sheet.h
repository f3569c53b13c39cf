// A contact sheet: many images on one picture.
#pragma once
#include <tandem/data/dataset.h>

#include <span>

namespace tandem::data {

struct SheetOptions {
  int64_t columns = 12;   // images of a class beside each other
  int64_t rows = 0;       // classes shown; 0: all
  int64_t gap = 2;        // pixels between images
  int64_t min_side = 56;  // smaller images are shown larger, by a whole factor
  uint64_t seed = 1;      // which images of a class are taken
  bool shuffle = true;    // false: the first of each class
};

/// One row a class, in the order of set.classes: uint8 (H, W, C), to be written with encode_png. Cells of a class with
/// fewer images stay empty. Throws a usage error for an empty set.
[[nodiscard]] Tensor contact_sheet(const Dataset& set, const SheetOptions& options = {});

/// Images of `images` (n, h, w, c bytes) on a grid, row after row with `columns` in each; a cell of -1 stays empty. The
/// same form, from the gap and min_side of `options`.
[[nodiscard]] Tensor image_grid(const Tensor& images, std::span<const int64_t> cells, const SheetOptions& options);

}  // namespace tandem::data
