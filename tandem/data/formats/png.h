// PNG through libpng. formats/image.h is the door to it.
#pragma once
#include <tandem/data/formats/image.h>

namespace tandem::data::png {

[[nodiscard]] bool is_png(std::span<const uint8_t> bytes) noexcept;
[[nodiscard]] ImageInfo info(std::span<const uint8_t> bytes, std::string_view where);
/// As many channels as the file has without alpha: 1 or 3.
[[nodiscard]] Tensor decode(std::span<const uint8_t> bytes, std::string_view where);
[[nodiscard]] std::vector<uint8_t> encode(std::span<const uint8_t> pixels, const ImageInfo& info);

}  // namespace tandem::data::png
