#include <png.h>
#include <tandem/data/formats/png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>

namespace tandem::data::png {
namespace {

// libpng reports errors by longjmp, which runs no destructors. So every function with a setjmp holds plain values only
// and says by `false` that `message` is set; memory is taken, and exceptions thrown, outside of them.
struct Reader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const uint8_t> bytes;
  size_t at = 0;
  char message[128] = "";

  explicit Reader(std::span<const uint8_t> source) : bytes(source) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    if (png) info = png_create_info_struct(png);
    if (!info) {
      png_destroy_read_struct(&png, nullptr, nullptr);
      throw std::bad_alloc();
    }
    png_set_read_fn(png, this, on_read);
    png_set_user_limits(png, 1U << 26, 1U << 26);  // the product is checked by header()
    png_set_chunk_malloc_max(png, 1U << 24);
  }
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  static void on_error(png_structp png, png_const_charp text) {
    auto* self = static_cast<Reader*>(png_get_error_ptr(png));
    std::strncpy(self->message, text, sizeof self->message - 1);
    png_longjmp(png, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}
  static void on_read(png_structp png, png_bytep into, size_t count) {
    auto* self = static_cast<Reader*>(png_get_io_ptr(png));
    if (count > self->bytes.size() - self->at) png_error(png, "the file is cut short");
    std::memcpy(into, self->bytes.data() + self->at, count);
    self->at += count;
  }
};

bool read_header(Reader& reader) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_read_info(reader.png, reader.info);
  return true;
}

// Sets the transformations to 8-bit grey, grey + alpha, RGB or RGBA; gives the channels and the passes of interlacing.
bool prepare(Reader& reader, int& channels, int& passes) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_set_expand(reader.png);  // palettes to RGB, 1, 2 and 4 bits to 8, a transparent colour to alpha
  png_set_scale_16(reader.png);
  passes = png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  channels = png_get_channels(reader.png, reader.info);
  return true;
}

bool read_rows(Reader& reader, uint8_t* pixels, size_t stride, int64_t rows, int passes) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  for (int pass = 0; pass < passes; ++pass)
    for (int64_t y = 0; y < rows; ++y) png_read_row(reader.png, pixels + static_cast<size_t>(y) * stride, nullptr);
  png_read_end(reader.png, nullptr);
  return true;
}

[[noreturn]] void damaged(const Reader& reader, std::string_view where) {
  fail(ErrorKind::data, where, "is a damaged PNG at byte {} of {}: {}; get the file again or remove it", reader.at,
       reader.bytes.size(), reader.message);
}

ImageInfo header(Reader& reader, std::string_view where) {
  if (!read_header(reader)) damaged(reader, where);
  ImageInfo out;
  out.height = png_get_image_height(reader.png, reader.info);
  out.width = png_get_image_width(reader.png, reader.info);
  out.channels = (png_get_color_type(reader.png, reader.info) & PNG_COLOR_MASK_COLOR) != 0 ? 3 : 1;
  if (out.height * out.width > max_image_pixels)
    fail(ErrorKind::data, where, "has {} x {} pixels, at most {} in all are read: make it smaller", out.height,
         out.width, max_image_pixels);
  return out;
}

}  // namespace

bool is_png(std::span<const uint8_t> bytes) noexcept {
  constexpr uint8_t signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  return bytes.size() >= 8 && std::equal(std::begin(signature), std::end(signature), bytes.begin());
}

ImageInfo info(std::span<const uint8_t> bytes, std::string_view where) {
  Reader reader(bytes);
  return header(reader, where);
}

Tensor decode(std::span<const uint8_t> bytes, std::string_view where) {
  Reader reader(bytes);
  const ImageInfo image = header(reader, where);
  int channels = 0;
  int passes = 0;
  if (!prepare(reader, channels, passes)) damaged(reader, where);
  const bool alpha = channels == 2 || channels == 4;
  if (channels - (alpha ? 1 : 0) != image.channels)
    fail(ErrorKind::internal, where, "PNG of {} channels gave {}", image.channels, channels);
  Tensor raw = Tensor::empty({image.height, image.width, channels}, DType::u8);
  auto* pixels = raw.data<uint8_t>().data();
  if (!read_rows(reader, pixels, static_cast<size_t>(image.width * channels), image.height, passes))
    damaged(reader, where);
  if (!alpha) return raw;
  Tensor out = Tensor::empty({image.height, image.width, image.channels}, DType::u8);
  auto* into = out.data<uint8_t>().data();
  for (int64_t i = 0; i < image.height * image.width; ++i) {
    const int opacity = pixels[image.channels];
    for (int64_t c = 0; c < image.channels; ++c)  // over white, rounded
      *into++ = static_cast<uint8_t>((*pixels++ * opacity + 255 * (255 - opacity) + 127) / 255);
    ++pixels;
  }
  return out;
}

std::vector<uint8_t> encode(std::span<const uint8_t> pixels, const ImageInfo& image) {
  png_image writer{};
  writer.version = PNG_IMAGE_VERSION;
  writer.width = static_cast<png_uint_32>(image.width);
  writer.height = static_cast<png_uint_32>(image.height);
  writer.format = image.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  std::vector<uint8_t> bytes(PNG_IMAGE_PNG_SIZE_MAX(writer));
  size_t size = bytes.size();
  if (!png_image_write_to_memory(&writer, bytes.data(), &size, 0, pixels.data(), 0, nullptr))
    fail(ErrorKind::internal, "encode_png", "libpng refused {} x {} pixels: {}", image.height, image.width,
         writer.message);
  bytes.resize(size);
  return bytes;
}

}  // namespace tandem::data::png
