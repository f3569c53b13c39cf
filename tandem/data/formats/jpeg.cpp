#include <cstdio>  // jpeglib.h needs FILE

#include <jerror.h>
#include <jpeglib.h>
#include <tandem/data/formats/jpeg.h>

#include <csetjmp>

namespace tandem::data::jpeg {
namespace {

// libjpeg's own default is exit(). Here errors come back by longjmp, which runs no destructors: every function with a
// setjmp holds plain values only and says by `false` that `message` is set.
struct Reader {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf back{};
  char message[JMSG_LENGTH_MAX] = "";

  Reader() {
    jpeg.err = jpeg_std_error(&errors);
    errors.error_exit = on_error;
    errors.emit_message = on_message;
    jpeg.client_data = this;
  }
  ~Reader() { jpeg_destroy_decompress(&jpeg); }  // does nothing before jpeg_create_decompress
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  static void on_error(j_common_ptr jpeg) {
    auto* self = static_cast<Reader*>(jpeg->client_data);
    jpeg->err->format_message(jpeg, self->message);
    std::longjmp(self->back, 1);
  }
  // Warnings after which the pixels are made up are errors here; stray bytes between segments are not.
  static void on_message(j_common_ptr jpeg, int level) {
    if (level >= 0) return;
    switch (jpeg->err->msg_code) {
      case JWRN_HIT_MARKER:
      case JWRN_HUFF_BAD_CODE:
      case JWRN_JPEG_EOF:
      case JWRN_MUST_RESYNC: on_error(jpeg);
    }
  }
  // A progressive file of a few kilobytes can ask for thousands of passes over all its pixels.
  static void on_progress(j_common_ptr jpeg) {
    constexpr int most_scans = 200;
    const auto* self = reinterpret_cast<j_decompress_ptr>(jpeg);
    if (self->input_scan_number > most_scans) {
      jpeg->err->msg_code = JERR_BAD_PROGRESSION;
      on_error(jpeg);
    }
  }
};

bool read_header(Reader& reader, std::span<const uint8_t> bytes) {
  if (setjmp(reader.back)) return false;
  jpeg_create_decompress(&reader.jpeg);
  reader.progress.progress_monitor = Reader::on_progress;
  reader.jpeg.progress = &reader.progress;
  jpeg_mem_src(&reader.jpeg, bytes.data(), static_cast<unsigned long>(bytes.size()));
  jpeg_read_header(&reader.jpeg, TRUE);
  return true;
}

bool start(Reader& reader, J_COLOR_SPACE colours) {
  if (setjmp(reader.back)) return false;
  reader.jpeg.out_color_space = colours;
  jpeg_start_decompress(&reader.jpeg);
  return true;
}

bool read_rows(Reader& reader, uint8_t* pixels, size_t stride) {
  if (setjmp(reader.back)) return false;
  while (reader.jpeg.output_scanline < reader.jpeg.output_height) {
    JSAMPROW row = pixels + reader.jpeg.output_scanline * stride;
    jpeg_read_scanlines(&reader.jpeg, &row, 1);
  }
  jpeg_finish_decompress(&reader.jpeg);
  return true;
}

[[noreturn]] void damaged(const Reader& reader, size_t size, std::string_view where) {
  const size_t left = reader.jpeg.src ? reader.jpeg.src->bytes_in_buffer : size;
  fail(ErrorKind::data, where, "is a damaged JPEG near byte {} of {}: {}; get the file again or remove it",
       left <= size ? size - left : size, size, reader.message);
}

ImageInfo header(Reader& reader, std::span<const uint8_t> bytes, std::string_view where) {
  if (!read_header(reader, bytes)) damaged(reader, bytes.size(), where);
  const auto colours = reader.jpeg.jpeg_color_space;
  if (colours != JCS_GRAYSCALE && colours != JCS_YCbCr && colours != JCS_RGB)
    fail(ErrorKind::data, where, "is a JPEG of {} colour components (CMYK?); grey and RGB are read: convert it",
         reader.jpeg.num_components);
  const ImageInfo out{.height = reader.jpeg.image_height,
                      .width = reader.jpeg.image_width,
                      .channels = colours == JCS_GRAYSCALE ? 1 : 3};
  if (out.height * out.width > max_image_pixels)
    fail(ErrorKind::data, where, "has {} x {} pixels, at most {} in all are read: make it smaller", out.height,
         out.width, max_image_pixels);
  return out;
}

}  // namespace

bool is_jpeg(std::span<const uint8_t> bytes) noexcept {
  return bytes.size() >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

ImageInfo info(std::span<const uint8_t> bytes, std::string_view where) {
  Reader reader;
  return header(reader, bytes, where);
}

Tensor decode(std::span<const uint8_t> bytes, int64_t channels, std::string_view where) {
  Reader reader;
  const ImageInfo image = header(reader, bytes, where);
  if (channels == 0) channels = image.channels;
  if (!start(reader, channels == 1 ? JCS_GRAYSCALE : JCS_RGB)) damaged(reader, bytes.size(), where);
  Tensor out = Tensor::empty({image.height, image.width, channels}, DType::u8);
  if (!read_rows(reader, out.data<uint8_t>().data(), static_cast<size_t>(image.width * channels)))
    damaged(reader, bytes.size(), where);
  return out;
}

}  // namespace tandem::data::jpeg
