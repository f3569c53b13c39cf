// Pictures: PNG and JPEG. Large ones only up to their header, since the time goes into filling memory.
#include <tandem/data/formats/image.h>

#include "tests/fuzz/fuzz.h"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Bytes bytes(data, size);
  const int64_t channels = int64_t{fuzz::choice(bytes)} % 3;
  return fuzz::attempt([&] {
    const data::ImageInfo info = data::image_info(bytes, "fuzz");
    fuzz::demand(info.height > 0 && info.width > 0 && info.height * info.width <= data::max_image_pixels);
    if (info.height * info.width > 1 << 16) return;
    const Tensor image = data::decode_image(bytes, channels == 2 ? 3 : channels, "fuzz");
    fuzz::demand(image.size(0) == info.height && image.size(1) == info.width);
  });
}
