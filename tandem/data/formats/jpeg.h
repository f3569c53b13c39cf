// JPEG through libjpeg-turbo. formats/image.h is the door to it.
#pragma once
#include <tandem/data/formats/image.h>

namespace tandem::data::jpeg {

[[nodiscard]] bool is_jpeg(std::span<const uint8_t> bytes) noexcept;
[[nodiscard]] ImageInfo info(std::span<const uint8_t> bytes, std::string_view where);
/// 1 or 3 channels as asked, or as the file has with 0.
[[nodiscard]] Tensor decode(std::span<const uint8_t> bytes, int64_t channels, std::string_view where);

}  // namespace tandem::data::jpeg
