#include <tandem/base/error.h>
#include <tandem/data/formats/resize.h>
#include <tandem/data/ink.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace tandem::data {
namespace {

constexpr int faint = 24;  // of 255: paper is not quite even, and a smooth line fades out

// The median of the outermost pixels.
uint8_t paper_of(std::span<const uint8_t> pixels, int64_t h, int64_t w) {
  std::vector<uint8_t> border;
  const auto add = [&](int64_t y, int64_t x) { border.push_back(pixels[static_cast<size_t>(y * w + x)]); };
  for (int64_t x = 0; x < w; ++x) add(0, x), add(h - 1, x);
  for (int64_t y = 0; y < h; ++y) add(y, 0), add(y, w - 1);
  const auto middle = border.begin() + std::ssize(border) / 2;
  std::ranges::nth_element(border, middle);
  return *middle;
}

// How far each pixel is from the paper towards the ink, stretched to 0 … 255.
Tensor ink_of(const Tensor& picture) {
  const auto from = picture.data<const uint8_t>();
  const int paper = paper_of(from, picture.size(0), picture.size(1));
  const auto [low, high] = std::ranges::minmax(from);
  const bool dark = paper - low > high - paper;
  const int reach = std::max(dark ? paper - low : high - paper, 1);
  Tensor out = Tensor::zeros(picture.shape(), DType::u8);
  if (reach < faint) return out;  // nothing but paper
  std::ranges::transform(from, out.data<uint8_t>().begin(), [&](uint8_t v) {
    return static_cast<uint8_t>(std::clamp(dark ? paper - v : v - paper, 0, reach) * 255 / reach);
  });
  return out;
}

struct Box {
  int64_t top, left, height, width;
};

// The smallest that holds all ink; all of the picture when there is none.
Box box_of(const Tensor& ink) {
  const int64_t h = ink.size(0), w = ink.size(1);
  const auto pixels = ink.data<const uint8_t>();
  int64_t top = h, bottom = -1, left = w, right = -1;
  for (int64_t y = 0; y < h; ++y)
    for (int64_t x = 0; x < w; ++x)
      if (pixels[static_cast<size_t>(y * w + x)] > faint)
        top = std::min(top, y), bottom = y, left = std::min(left, x), right = std::max(right, x);
  if (bottom < 0) return {0, 0, h, w};
  return {top, left, bottom - top + 1, right - left + 1};
}

Tensor crop(const Tensor& picture, const Box& box) {
  Tensor out = Tensor::empty({box.height, box.width, 1}, DType::u8);
  const auto from = picture.data<const uint8_t>();
  const auto into = out.data<uint8_t>();
  for (int64_t y = 0; y < box.height; ++y)
    std::ranges::copy(
        from.subspan(static_cast<size_t>((box.top + y) * picture.size(1) + box.left), static_cast<size_t>(box.width)),
        into.begin() + y * box.width);
  return out;
}

// Where a piece of `length` goes on a side of `room`, its centre of mass at `centre`.
int64_t place(double centre, int64_t length, int64_t room) {
  return std::clamp<int64_t>(std::llround(static_cast<double>(room) / 2 - centre), 0, room - length);
}

}  // namespace

Ink centre_ink(const Tensor& picture, int64_t height, int64_t width) {
  if (picture.rank() != 3 || picture.size(2) != 1 || picture.dtype() != DType::u8 || picture.numel() == 0 ||
      height < 1 || width < 1)
    fail("centre_ink", "takes bytes (h, w, 1) and sizes of at least 1, got {} to {}x{}", picture.shape(), height,
         width);
  const Tensor ink = ink_of(picture);
  const int64_t h = picture.size(0), w = picture.size(1);
  if (h == height && w == width) return {ink, 0, 0, static_cast<double>(w), static_cast<double>(h)};

  const Box box = box_of(ink);
  const double side = std::max(1.0, std::round(static_cast<double>(std::min(height, width)) * 20 / 28));
  const double scale = side / static_cast<double>(std::max(box.height, box.width));
  const auto scaled = [&](int64_t length) {
    return std::max<int64_t>(1, std::llround(static_cast<double>(length) * scale));
  };
  const Tensor sign = resize(crop(ink, box), scaled(box.height), scaled(box.width));
  const int64_t rows = sign.size(0), columns = sign.size(1);

  double mass = 0, mass_x = 0, mass_y = 0;
  const auto pixels = sign.data<const uint8_t>();
  for (int64_t y = 0; y < rows; ++y)
    for (int64_t x = 0; x < columns; ++x) {
      const double v = pixels[static_cast<size_t>(y * columns + x)];
      mass += v, mass_x += v * (static_cast<double>(x) + 0.5), mass_y += v * (static_cast<double>(y) + 0.5);
    }
  const int64_t left = mass > 0 ? place(mass_x / mass, columns, width) : 0;
  const int64_t top = mass > 0 ? place(mass_y / mass, rows, height) : 0;

  Ink out;
  out.pixels = Tensor::zeros({height, width, 1}, DType::u8);
  for (int64_t y = 0; y < rows; ++y)
    std::ranges::copy(pixels.subspan(static_cast<size_t>(y * columns), static_cast<size_t>(columns)),
                      out.pixels.data<uint8_t>().begin() + (top + y) * width + left);
  const double across = static_cast<double>(box.width) / static_cast<double>(columns);  // source pixels a target pixel
  const double down = static_cast<double>(box.height) / static_cast<double>(rows);
  out.left = static_cast<double>(box.left) - static_cast<double>(left) * across;
  out.top = static_cast<double>(box.top) - static_cast<double>(top) * down;
  out.width = static_cast<double>(width) * across;
  out.height = static_cast<double>(height) * down;
  return out;
}

}  // namespace tandem::data
