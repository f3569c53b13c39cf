#include <tandem/data/formats/image.h>
#include <tandem/data/formats/jpeg.h>
#include <tandem/data/formats/png.h>

#include <algorithm>

namespace tandem::data {
namespace {

[[noreturn]] void unknown(std::span<const uint8_t> bytes, std::string_view where) {
  fail(ErrorKind::data, where, "is neither PNG nor JPEG: its {} bytes begin with {:02x}; convert it, or remove it",
       bytes.size(), fmt::join(bytes.first(std::min<size_t>(bytes.size(), 8)), " "));
}

}  // namespace

ImageInfo image_info(std::span<const uint8_t> bytes, std::string_view where) {
  if (png::is_png(bytes)) return png::info(bytes, where);
  if (jpeg::is_jpeg(bytes)) return jpeg::info(bytes, where);
  unknown(bytes, where);
}

Tensor decode_image(std::span<const uint8_t> bytes, int64_t channels, std::string_view where) {
  if (channels != 0 && channels != 1 && channels != 3)
    fail("decode_image", "channels is {}: give 1 (grey), 3 (RGB) or 0 (as in the file)", channels);
  if (jpeg::is_jpeg(bytes)) return jpeg::decode(bytes, channels, where);
  if (!png::is_png(bytes)) unknown(bytes, where);
  const Tensor image = png::decode(bytes, where);
  return channels == 0 ? image : with_channels(image, channels);
}

std::vector<uint8_t> encode_png(const Tensor& image) {
  const int64_t channels = image.rank() == 3 ? image.size(2) : 1;
  if (image.dtype() != DType::u8 || image.rank() < 2 || image.rank() > 3 || (channels != 1 && channels != 3) ||
      image.numel() == 0)
    fail("encode_png", "takes uint8 of shape (H, W), (H, W, 1) or (H, W, 3), got {} of shape {}",
         name_of(image.dtype()), image.shape());
  return png::encode(image.data<uint8_t>(), {image.size(0), image.size(1), channels});
}

Tensor with_channels(const Tensor& image, int64_t channels) {
  if (image.dtype() != DType::u8 || image.rank() != 3 || (image.size(2) != 1 && image.size(2) != 3) ||
      (channels != 1 && channels != 3))
    fail("with_channels", "takes uint8 (H, W, 1 or 3) and 1 or 3 channels, got {} of shape {} and {}",
         name_of(image.dtype()), image.shape(), channels);
  if (image.size(2) == channels) return image;
  Tensor out = Tensor::empty(image.shape().with(2, channels), DType::u8);
  const auto from = image.data<uint8_t>();
  const auto into = out.data<uint8_t>();
  if (channels == 3) {
    for (size_t i = 0; i < from.size(); ++i) std::fill_n(into.begin() + static_cast<std::ptrdiff_t>(3 * i), 3, from[i]);
  } else {
    for (size_t i = 0; i < into.size(); ++i) {  // 0.299 R + 0.587 G + 0.114 B in 16-bit fixed point, rounded
      const auto* p = &from[3 * i];
      into[i] = static_cast<uint8_t>((19595 * p[0] + 38470 * p[1] + 7471 * p[2] + 32768) >> 16);
    }
  }
  return out;
}

}  // namespace tandem::data
