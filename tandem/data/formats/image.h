// Pictures: compressed bytes to pixels and back.
#pragma once
#include <tandem/tensor/tensor.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tandem::data {

/// What a picture's header says. `channels` is 1 for grey, 3 for colour (alpha not counted).
struct ImageInfo {
  int64_t height = 0, width = 0, channels = 0;
};

/// Pictures with more pixels are refused before any memory is taken.
inline constexpr int64_t max_image_pixels = int64_t{1} << 26;

/// Reads the header of a PNG or JPEG, told apart by content. Throws a data error that names `where` (the path).
[[nodiscard]] ImageInfo image_info(std::span<const uint8_t> bytes, std::string_view where);

/// Decodes a PNG or JPEG into uint8 (H, W, C). `channels` is 1 (grey: luma of Rec. 601), 3 (RGB) or 0 (as in the file).
/// Alpha is laid over white, 16 bits a sample become 8, colour profiles and gamma are ignored. Throws a data error that
/// names `where` when the picture is neither, is damaged, cut short or too large.
[[nodiscard]] Tensor decode_image(std::span<const uint8_t> bytes, int64_t channels, std::string_view where);

/// uint8 (H, W), (H, W, 1) or (H, W, 3) as a PNG.
[[nodiscard]] std::vector<uint8_t> encode_png(const Tensor& image);

/// uint8 (H, W, C) with 1 or 3 channels to `channels` (1 or 3): luma of Rec. 601, or grey three times.
[[nodiscard]] Tensor with_channels(const Tensor& image, int64_t channels);

}  // namespace tandem::data
