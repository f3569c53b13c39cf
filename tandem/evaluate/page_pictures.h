// Which examples the page shows, and their pictures in one sheet. Used by page.cpp.
#pragma once
#include <tandem/data/dataset.h>
#include <tandem/evaluate/classification.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tandem::evaluate {

struct ShownExample {
  int64_t example = 0;
  int32_t truth = 0, guess = 0;
  float guess_probability = 0, truth_probability = 0;
};

/// At most `limit` examples, the most telling first: the `worst` surest mistakes, then of every wrong cell of the
/// confusion matrix up to 12 (surest first), then of every right cell up to 6 (least sure first); cells take turns, the
/// fuller before the emptier.
[[nodiscard]] std::vector<ShownExample> choose_examples(const Predictions& predictions, int64_t worst, int64_t limit);

/// Tiles of equal size in rows of `columns`; tile i belongs to shown[i], for i < count.
struct PictureSheet {
  std::vector<uint8_t> png;
  int64_t tile_width = 0, tile_height = 0, columns = 0, count = 0;
};

/// The pictures of `shown`, shrunk to at most 64 pixels a side; the last ones are left out until the PNG has at most
/// `byte_limit` bytes.
[[nodiscard]] PictureSheet picture_sheet(const data::Dataset& images, std::span<const ShownExample> shown,
                                         size_t byte_limit);

[[nodiscard]] std::string base64(std::span<const uint8_t> bytes);

}  // namespace tandem::evaluate
