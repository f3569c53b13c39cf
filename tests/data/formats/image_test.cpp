// PNG, JPEG, resize.
#include <tandem/data/formats/image.h>
#include <tandem/data/formats/resize.h>
#include <zlib.h>

#include "tests/data/testing.h"

namespace tandem::data {
namespace {

using testing::Bytes;
using testing::expect_error;
using testing::make_jpeg;
using testing::pattern;

void put(Bytes& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

void chunk(Bytes& png, const std::string& type, const Bytes& content) {
  put(png, static_cast<uint32_t>(content.size()));
  Bytes body(type.begin(), type.end());
  body.insert(body.end(), content.begin(), content.end());
  png.insert(png.end(), body.begin(), body.end());
  put(png, static_cast<uint32_t>(crc32(0, body.data(), static_cast<uInt>(body.size()))));
}

/// A PNG of any kind: `rows` are scanlines, each with its filter byte; `extra` a chunk before the pixels.
Bytes make_png(uint32_t w, uint32_t h, uint8_t depth, uint8_t colour, const Bytes& rows, const std::string& extra = "",
               const Bytes& content = {}) {
  Bytes png{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  Bytes header;
  put(header, w);
  put(header, h);
  header.insert(header.end(), {depth, colour, 0, 0, 0});
  chunk(png, "IHDR", header);
  if (!extra.empty()) chunk(png, extra, content);
  uLongf size = compressBound(static_cast<uLong>(rows.size()));
  Bytes packed(size);
  compress(packed.data(), &size, rows.data(), static_cast<uLong>(rows.size()));
  packed.resize(size);
  chunk(png, "IDAT", packed);
  chunk(png, "IEND", {});
  return png;
}

Bytes values(const Tensor& image) {
  const auto span = image.data<uint8_t>();
  return {span.begin(), span.end()};
}

TEST(Png, RoundTripIsExact) {
  for (const int64_t c : {1, 3})
    for (const auto& [h, w] : {std::pair<int64_t, int64_t>{1, 1}, {5, 7}, {64, 33}}) {
      const Tensor image = pattern(h, w, c);
      const Bytes png = encode_png(image);
      const ImageInfo info = image_info(png, "x.png");
      EXPECT_EQ(info.height, h);
      EXPECT_EQ(info.width, w);
      EXPECT_EQ(info.channels, c);
      EXPECT_EQ(values(decode_image(png, 0, "x.png")), values(image));
    }
  EXPECT_EQ(decode_image(encode_png(Tensor::full({4, 5}, 9, DType::u8)), 0, "x").shape(), Shape({4, 5, 1}));
  expect_error(ErrorKind::usage, {"encode_png", "(2, 2, 4)"}, [] {
    (void)encode_png(Tensor::zeros({2, 2, 4}, DType::u8));
  });
  expect_error(ErrorKind::usage, {"float32"}, [] { (void)encode_png(Tensor::zeros({2, 2, 1})); });
  expect_error(ErrorKind::internal, {"encode_png", "1 x 1000001 pixels"},  // libpng's own limit of a side
               [] {
                 (void)encode_png(Tensor::zeros({1, 1'000'001}, DType::u8));
               });
  for (const Shape& shape : {Shape{4}, Shape{1, 2, 2, 3}})
    expect_error(ErrorKind::usage, {"encode_png", fmt::format("{}", shape)},
                 [&] { (void)encode_png(Tensor::zeros(shape, DType::u8)); });
  expect_error(ErrorKind::usage, {"(0, 2, 1)"}, [] { (void)encode_png(Tensor::zeros({0, 2, 1}, DType::u8)); });
}

TEST(Png, OtherKinds) {
  // Grey with alpha over white: 100 at alpha 0, 128, 255.
  EXPECT_EQ(values(decode_image(make_png(3, 1, 8, 4, {0, 100, 0, 100, 128, 100, 255}), 0, "x")),
            (Bytes{255, 177, 100}));
  // RGBA.
  EXPECT_EQ(values(decode_image(make_png(1, 1, 8, 6, {0, 255, 0, 10, 51}), 0, "x")), (Bytes{255, 204, 206}));
  // 16-bit grey: 0x8000 is 128 (rounded), 0xffff 255.
  EXPECT_EQ(values(decode_image(make_png(2, 1, 16, 0, {0, 0x80, 0, 0xff, 0xff}), 0, "x")), (Bytes{128, 255}));
  // One bit: white, black, white.
  EXPECT_EQ(values(decode_image(make_png(3, 1, 1, 0, {0, 0xa0}), 0, "x")), (Bytes{255, 0, 255}));
  // Two colours of a palette, the second one unused entry away.
  const Tensor palette = decode_image(make_png(2, 1, 8, 3, {0, 1, 0}, "PLTE", {1, 2, 3, 4, 5, 6}), 0, "x");
  EXPECT_EQ(values(palette), (Bytes{4, 5, 6, 1, 2, 3}));
  // A colour named transparent turns white.
  EXPECT_EQ(values(decode_image(make_png(2, 1, 8, 0, {0, 7, 8}, "tRNS", {0, 7}), 0, "x")), (Bytes{255, 8}));
}

TEST(Image, ChannelsWanted) {
  const Tensor red = with_channels(Tensor::from(std::vector<uint8_t>{255, 0, 0}, {1, 1, 3}), 1);
  EXPECT_EQ(values(red), (Bytes{76}));  // 0.299 * 255
  EXPECT_EQ(values(with_channels(Tensor::full({1, 1, 3}, 255, DType::u8), 1)), (Bytes{255}));
  EXPECT_EQ(values(with_channels(Tensor::full({1, 2, 1}, 9, DType::u8), 3)), (Bytes(6, 9)));
  EXPECT_EQ(decode_image(encode_png(pattern(3, 4, 3)), 1, "x").shape(), Shape({3, 4, 1}));
  EXPECT_EQ(decode_image(encode_png(pattern(3, 4, 1)), 3, "x").shape(), Shape({3, 4, 3}));
  EXPECT_EQ(decode_image(make_jpeg(pattern(3, 4, 3)), 1, "x").shape(), Shape({3, 4, 1}));
  EXPECT_EQ(decode_image(make_jpeg(pattern(3, 4, 1)), 3, "x").shape(), Shape({3, 4, 3}));
  expect_error(ErrorKind::usage, {"channels is 2"}, [] { (void)decode_image({}, 2, "x"); });
  for (const Shape& shape : {Shape{2, 2}, Shape{2, 2, 4}})
    expect_error(ErrorKind::usage, {"with_channels", "uint8", fmt::format("{} and 3", shape)},
                 [&] { (void)with_channels(Tensor::zeros(shape, DType::u8), 3); });
  expect_error(ErrorKind::usage, {"float32"}, [] { (void)with_channels(Tensor::zeros({2, 2, 1}), 3); });
  expect_error(ErrorKind::usage, {"(2, 2, 1) and 2"}, [] {
    (void)with_channels(Tensor::zeros({2, 2, 1}, DType::u8), 2);
  });
}

TEST(Jpeg, IsCloseToWhatWasCompressed) {
  for (const int64_t c : {1, 3}) {
    const Tensor image = with_channels(pattern(40, 30, 1), c);
    const Tensor back = decode_image(make_jpeg(image, 100), 0, "x.jpg");
    ASSERT_EQ(back.shape(), image.shape());
    double error = 0;
    for (int64_t i = 0; i < image.numel(); ++i) error += std::abs(image.at(i) - back.at(i));
    EXPECT_LT(error / static_cast<double>(image.numel()), 1.5);  // quality 100 rounds coefficients, no more
  }
}

TEST(Jpeg, StoredAsRgbIsReadAsIs) {
  const Tensor image = pattern(16, 16, 3);
  const Bytes bytes = make_jpeg(image, 100, [](auto& jpeg) { jpeg_set_colorspace(&jpeg, JCS_RGB); });
  EXPECT_EQ(image_info(bytes, "x.jpg").channels, 3);
  const Tensor back = decode_image(bytes, 0, "x.jpg");
  ASSERT_EQ(back.shape(), image.shape());
  for (int64_t i = 0; i < image.numel(); ++i) ASSERT_NEAR(back.at(i), image.at(i), 4) << i;  // rounded coefficients
}

TEST(Jpeg, PartsOutOfOrderAreDamage) {
  const Tensor image = pattern(64, 64, 1);
  Bytes bytes = make_jpeg(image, 95, [](auto& jpeg) { jpeg.restart_interval = 8; });
  EXPECT_EQ(decode_image(bytes, 0, "x.jpg").shape(), image.shape());
  const Bytes first{0xff, 0xd0};
  std::search(bytes.begin(), bytes.end(), first.begin(), first.end())[1] = 0xd5;
  expect_error(ErrorKind::data, {"x.jpg", "damaged JPEG", "found marker 0xd5 instead of RST0"},
               [&] { (void)decode_image(bytes, 0, "x.jpg"); });
}

TEST(Jpeg, PassesWithoutEndAreRefused) {
  const Tensor image = pattern(8, 8, 1);
  const Bytes good = make_jpeg(image, 95, [](auto& jpeg) { jpeg_simple_progression(&jpeg); });
  EXPECT_EQ(decode_image(good, 0, "x.jpg").shape(), image.shape());
  // The first pass over and over: from its header to the tables or the header of the next one.
  const auto marker = [&](auto from, uint8_t a, uint8_t b) {
    return std::find_if(from, good.end() - 1,
                        [&](const uint8_t& at) { return at == 0xff && (*(&at + 1) == a || *(&at + 1) == b); });
  };
  const auto begin = marker(good.begin(), 0xda, 0xda), end = marker(begin + 2, 0xc4, 0xda);
  Bytes many(good.begin(), end);
  for (int i = 0; i < 300; ++i) many.insert(many.end(), begin, end);
  many.insert(many.end(), end, good.end());
  ASSERT_LT(many.size(), 10'000U);
  expect_error(ErrorKind::data, {"x.jpg", "damaged JPEG", "progressi"}, [&] { (void)decode_image(many, 0, "x.jpg"); });
}

TEST(Image, BadInput) {
  const Bytes png = encode_png(pattern(20, 20, 3));
  const Bytes jpeg = make_jpeg(pattern(64, 64, 3));
  const auto cut = [](Bytes bytes, size_t size) {
    bytes.resize(size);
    return bytes;
  };
  Bytes crc = png;
  crc[png.size() / 2] ^= 1;
  Bytes type = png;
  type[25] = 9;  // colour type
  Bytes marker = jpeg;
  marker[3] = 0xd9;
  Bytes early_end = jpeg;  // an end marker in the middle of the pixels
  early_end[jpeg.size() - 100] = 0xff;
  early_end[jpeg.size() - 99] = 0xd9;
  Bytes huge = jpeg;
  const Bytes frame{0xff, 0xc0};
  std::fill_n(std::search(huge.begin(), huge.end(), frame.begin(), frame.end()) + 5, 4,
              uint8_t{0xf0});  // its height and width
  struct Case {
    Bytes bytes;
    std::vector<std::string> message;
  };
  const Case cases[] = {
      {huge, {"61680 x 61680 pixels", "at most 67108864"}},
      {early_end, {"damaged JPEG", "premature end of data segment"}},
      {{}, {"neither PNG nor JPEG", "0 bytes"}},
      {{'G', 'I', 'F', '8', '9', 'a'}, {"neither PNG nor JPEG", "47 49 46"}},
      {cut(png, 8), {"damaged PNG", "cut short"}},
      {cut(png, 20), {"damaged PNG", "cut short"}},
      {cut(png, png.size() / 2), {"damaged PNG at byte", "cut short"}},
      {crc, {"damaged PNG"}},
      {type, {"damaged PNG"}},
      {make_png(1U << 20, 1U << 20, 8, 0, {0}), {"1048576 x 1048576 pixels", "at most"}},
      {make_png(50, 50, 8, 0, {0, 1, 2}), {"damaged PNG"}},
      {cut(jpeg, 3), {"damaged JPEG"}},
      {cut(jpeg, jpeg.size() / 2), {"damaged JPEG near byte", "Premature end"}},
      {marker, {"damaged JPEG"}},
      {make_jpeg(pattern(8, 8, 4)), {"4 colour components"}},
      {make_jpeg(pattern(8, 8, 2)), {"2 colour components"}},
  };
  for (const auto& c : cases) {
    auto message = c.message;
    message.emplace_back("some/path");
    expect_error(ErrorKind::data, message, [&] { (void)decode_image(c.bytes, 3, "some/path"); });
  }
}

TEST(Image, EveryCutAndDamagedByteEndsInAnImageOrAnError) {
  for (const Bytes& good : {encode_png(pattern(9, 9, 3)), make_jpeg(pattern(16, 16, 3))})
    for (size_t i = 0; i < good.size(); ++i)
      for (const bool cut : {true, false}) {
        Bytes bad = good;
        if (cut)
          bad.resize(i);
        else
          bad[i] ^= 0x5a;
        try {
          EXPECT_TRUE(decode_image(bad, 3, "x").defined());
        } catch (const Error& error) {
          EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(ErrorKind::data)) << error.what();
        }
      }
}

TEST(Resize, KeepsFlatImagesAndMeans) {
  const Tensor flat = Tensor::full({13, 7, 3}, 77, DType::u8);
  for (const auto& [h, w] : {std::pair<int64_t, int64_t>{1, 1}, {5, 20}, {26, 3}, {40, 40}}) {
    const Tensor out = resize(flat, h, w);
    ASSERT_EQ(out.shape(), Shape({h, w, 3}));
    for (int64_t i = 0; i < out.numel(); ++i) ASSERT_EQ(out.at(i), 77);
  }
  // Fine stripes shrink to their mean, not to one of them.
  Tensor stripes = Tensor::empty({64, 64, 1}, DType::u8);
  for (int64_t i = 0; i < stripes.numel(); ++i) stripes.data<uint8_t>()[static_cast<size_t>(i)] = i % 2 ? 200 : 0;
  const Tensor small = resize(stripes, 8, 8);
  for (int64_t i = 0; i < small.numel(); ++i)
    EXPECT_NEAR(small.at(i), 100, 5);  // 4 at the edges, where the filter is cut off
}

TEST(Resize, GrowsBilinearly) {
  const Tensor two = Tensor::from(std::vector<uint8_t>{0, 100}, {1, 2, 1});
  EXPECT_EQ(values(resize(two, 1, 4)), (Bytes{0, 25, 75, 100}));  // centres at -1/4, 1/4, 3/4, 5/4
  EXPECT_EQ(values(resize(two, 1, 2)), (Bytes{0, 100}));
  expect_error(ErrorKind::usage, {"0 x 5"}, [&] { (void)resize(two, 0, 5); });
  expect_error(ErrorKind::usage, {"5 x -1"}, [&] { (void)resize(two, 5, -1); });
  for (const Shape& shape : {Shape{2, 2}, Shape{0, 2, 1}})
    expect_error(ErrorKind::usage, {"with pixels", fmt::format("{}", shape)},
                 [&] { (void)resize(Tensor::zeros(shape, DType::u8), 1, 1); });
  expect_error(ErrorKind::usage, {"float32"}, [] { (void)resize(Tensor::zeros({2, 2, 1}), 1, 1); });
}

}  // namespace
}  // namespace tandem::data
