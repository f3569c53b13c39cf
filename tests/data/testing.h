// What the tests of data/ share beyond tests/testing.h: files made on the spot.
#pragma once
#include <archive.h>
#include <archive_entry.h>
#include <tandem/data/dataset.h>

#include <cstdio>
#include <cstdlib>

#include <jpeglib.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/testing.h"

namespace tandem::data::testing {

using Bytes = std::vector<uint8_t>;

using tandem::testing::expect_error;
using TemporaryFolder = tandem::testing::Folder;

/// uint8 (h, w, c) with a soft pattern that depends on `seed`.
inline Tensor pattern(int64_t h, int64_t w, int64_t c, int64_t seed = 0) {
  Tensor image = Tensor::empty({h, w, c}, DType::u8);
  int64_t i = 0;
  for (uint8_t& value : image.data<uint8_t>()) {
    const int64_t x = i / c % w;
    const int64_t y = i / (c * w);
    value = static_cast<uint8_t>((x * 5 + y * 9 + (i % c) * 40 + seed * 31) % 200 + 20);
    ++i;
  }
  return image;
}

/// `change`, if any, sets what else the compressor can do.
inline Bytes make_jpeg(const Tensor& image, int quality = 95, void (*change)(jpeg_compress_struct&) = nullptr) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &memory, &size);
  jpeg.image_height = static_cast<JDIMENSION>(image.size(0));
  jpeg.image_width = static_cast<JDIMENSION>(image.size(1));
  jpeg.input_components = static_cast<int>(image.size(2));
  jpeg.in_color_space = image.size(2) == 1   ? JCS_GRAYSCALE
                        : image.size(2) == 3 ? JCS_RGB
                        : image.size(2) == 4 ? JCS_CMYK
                                             : JCS_UNKNOWN;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, quality, TRUE);
  if (change) change(jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) {
    JSAMPROW row = image.data<uint8_t>().data() + jpeg.next_scanline * image.size(1) * image.size(2);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  Bytes bytes(memory, memory + size);
  jpeg_destroy_compress(&jpeg);
  std::free(memory);
  return bytes;
}

using Members = std::vector<std::pair<std::string, Bytes>>;

/// A tar (plain or .gz) or zip by the ending of the name.
inline void make_archive(const fs::path& path, const Members& members) {
  archive* out = archive_write_new();
  if (path.extension() == ".zip") {
    archive_write_set_format_zip(out);
  } else {
    archive_write_set_format_ustar(out);
    if (path.extension() == ".gz") archive_write_add_filter_gzip(out);
  }
  if (archive_write_open_filename(out, path.c_str()) != ARCHIVE_OK) throw std::runtime_error(path.string());
  for (const auto& [name, bytes] : members) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());  // as bytes: the C locale has no other way
    archive_entry_set_size(entry, static_cast<la_int64_t>(bytes.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_write_header(out, entry);
    if (!bytes.empty()) archive_write_data(out, bytes.data(), bytes.size());
    archive_entry_free(entry);
  }
  archive_write_close(out);
  archive_write_free(out);
}

/// A set of n images of 4 x 3 pixels whose bytes are their index; labels go round the classes.
inline Dataset numbered(int64_t n, const std::vector<std::string>& classes) {
  Dataset set{.inputs = Tensor::empty({n, 4, 3, 1}, DType::u8), .labels = {}, .classes = classes, .source = "numbered"};
  for (int64_t i = 0; i < n; ++i) {
    set.labels.push_back(static_cast<int32_t>(i % static_cast<int64_t>(classes.size())));
    for (uint8_t& value : set.pixels().rows(i, i + 1).data<uint8_t>()) value = static_cast<uint8_t>(i);
  }
  return set;
}

}  // namespace tandem::data::testing
