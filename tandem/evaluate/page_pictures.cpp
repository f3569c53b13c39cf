#include <tandem/base/error.h>
#include <tandem/data/formats/image.h>
#include <tandem/data/formats/resize.h>
#include <tandem/evaluate/page_pictures.h>

#include <algorithm>
#include <map>
#include <tuple>

namespace tandem::evaluate {
namespace {

constexpr int64_t per_wrong_cell = 12, per_right_cell = 6;
constexpr int64_t tile_limit = 64;  // pixels a side
constexpr int64_t sheet_columns = 32;

/// A whole sheet as (rows * height, columns * width, channels).
Tensor lay_out(const data::Dataset& images, std::span<const ShownExample> shown, const PictureSheet& sheet) {
  const int64_t channels = images.pixels().size(3);
  const int64_t rows = (sheet.count + sheet.columns - 1) / sheet.columns;
  const int64_t line = sheet.columns * sheet.tile_width * channels, tile_line = sheet.tile_width * channels;
  Tensor out = Tensor::zeros({rows * sheet.tile_height, sheet.columns * sheet.tile_width, channels}, DType::u8);
  const auto pixels = out.data<uint8_t>();
  for (int64_t i = 0; i < sheet.count; ++i) {
    const int64_t example = shown[static_cast<size_t>(i)].example;
    Tensor image =
        images.pixels().rows(example, example + 1).view({images.pixels().size(1), images.pixels().size(2), channels});
    if (image.size(0) != sheet.tile_height || image.size(1) != sheet.tile_width)
      image = data::resize(image, sheet.tile_height, sheet.tile_width);
    const auto from = image.data<const uint8_t>();
    const int64_t corner = i / sheet.columns * sheet.tile_height * line + i % sheet.columns * tile_line;
    for (int64_t y = 0; y < sheet.tile_height; ++y)
      std::copy_n(from.begin() + y * tile_line, tile_line, pixels.begin() + corner + y * line);
  }
  return out;
}

}  // namespace

std::vector<ShownExample> choose_examples(const Predictions& predictions, int64_t worst, int64_t limit) {
  std::map<std::pair<int32_t, int32_t>, std::vector<ShownExample>> cells;
  std::vector<std::pair<float, int64_t>> mistakes;  // (-probability, example): the surest come first when sorted
  for (int64_t i = 0; i < predictions.size(); ++i) {
    const int32_t truth = predictions.labels[static_cast<size_t>(i)], guess = predictions.predicted(i);
    const auto row = predictions.row(i);
    const ShownExample shown{i, truth, guess, row[static_cast<size_t>(guess)], row[static_cast<size_t>(truth)]};
    cells[{truth, guess}].push_back(shown);
    if (truth != guess) mistakes.emplace_back(-shown.guess_probability, i);
  }
  std::sort(mistakes.begin(), mistakes.end());
  const auto among_worst = [&, last = std::min(worst, static_cast<int64_t>(mistakes.size()))](const ShownExample& e) {
    return last > 0 && std::pair(-e.guess_probability, e.example) <= mistakes[static_cast<size_t>(last - 1)];
  };

  struct Candidate {
    std::tuple<int, int64_t, int64_t, int64_t> turn;  // group, rank in the cell, emptiness of the cell, example
    ShownExample shown;
  };
  std::vector<Candidate> candidates;
  for (auto& [cell, members] : cells) {
    const bool wrong = cell.first != cell.second;
    std::sort(members.begin(), members.end(), [wrong](const ShownExample& a, const ShownExample& b) {
      if (a.guess_probability == b.guess_probability) return a.example < b.example;
      return wrong ? a.guess_probability > b.guess_probability : a.guess_probability < b.guess_probability;
    });
    const auto count = static_cast<int64_t>(members.size());
    for (int64_t rank = 0; rank < count; ++rank) {
      const ShownExample& shown = members[static_cast<size_t>(rank)];
      const bool top = wrong && among_worst(shown);
      if (!top && rank >= (wrong ? per_wrong_cell : per_right_cell)) break;  // the worst of a cell come first in it
      candidates.push_back({{top ? 0 : wrong ? 1 : 2, rank, -count, shown.example}, shown});
    }
  }
  std::sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) { return a.turn < b.turn; });
  if (static_cast<int64_t>(candidates.size()) > limit) candidates.resize(static_cast<size_t>(limit));
  std::vector<ShownExample> out;
  for (const Candidate& candidate : candidates) out.push_back(candidate.shown);
  return out;
}

PictureSheet picture_sheet(const data::Dataset& images, std::span<const ShownExample> shown, size_t byte_limit) {
  const Tensor& pixels = images.pixels();
  if (pixels.rank() != 4 || pixels.dtype() != DType::u8 || (pixels.size(3) != 1 && pixels.size(3) != 3))
    fail("picture_sheet", "takes uint8 images (n, height, width, 1 or 3), got {} {}", name_of(pixels.dtype()),
         pixels.shape());
  const int64_t height = pixels.size(1), width = pixels.size(2), longest = std::max({height, width, int64_t{1}});
  PictureSheet sheet;
  if (height == 0 || width == 0) return sheet;
  const auto fitted = [&](int64_t side) {
    return longest <= tile_limit ? side : std::max<int64_t>(1, (side * tile_limit + longest / 2) / longest);
  };
  sheet.tile_height = fitted(height);
  sheet.tile_width = fitted(width);
  sheet.count = static_cast<int64_t>(shown.size());
  while (sheet.count > 0) {
    sheet.columns = std::min(sheet.count, sheet_columns);
    sheet.png = data::encode_png(lay_out(images, shown, sheet));
    if (sheet.png.size() <= byte_limit) return sheet;
    const double fits = static_cast<double>(byte_limit) / static_cast<double>(sheet.png.size());
    sheet.count = std::min(sheet.count - 1, static_cast<int64_t>(static_cast<double>(sheet.count) * fits * 0.95));
  }
  return {};
}

std::string base64(std::span<const uint8_t> bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = std::min<size_t>(3, bytes.size() - i);
    const uint32_t word = uint32_t{bytes[i]} << 16 | (left > 1 ? uint32_t{bytes[i + 1]} << 8 : 0u) |
                          (left > 2 ? uint32_t{bytes[i + 2]} : 0u);
    for (size_t d = 0; d < 4; ++d) out += d <= left ? digits[word >> (18 - 6 * d) & 63] : '=';
  }
  return out;
}

}  // namespace tandem::evaluate
