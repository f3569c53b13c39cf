#include <tandem/base/error.h>
#include <tandem/people/explain.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace tandem::people {
namespace {

using Colour = std::array<double, 3>;
constexpr Colour speaks_for{40, 140, 255}, speaks_against{255, 120, 30};  // told apart by the colour-blind too

/// The size that counts as full strength: all but the hundredth part of the strongest pixels stay below it.
double full_strength(const Tensor& map) {
  std::vector<double> sizes;
  for (const float v : map.data<const float>()) sizes.push_back(std::abs(static_cast<double>(v)));
  const auto at = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() * 99 / 100);
  std::ranges::nth_element(sizes, at);
  return *at > 0 ? *at : *std::ranges::max_element(sizes);
}

}  // namespace

Tensor overlay(const Tensor& picture, const Tensor& map, int64_t side) {
  if (picture.rank() != 3 || map.rank() != 2 || picture.size(0) != map.size(0) || picture.size(1) != map.size(1) ||
      map.numel() == 0)
    fail("overlay", "a map of shape {} does not lie over a picture of shape {}", map.shape(), picture.shape());
  const int64_t h = picture.size(0), w = picture.size(1), c = picture.size(2);
  const int64_t zoom = std::max<int64_t>(1, (side + std::max(h, w) - 1) / std::max(h, w));
  const double full = full_strength(map);
  Tensor out = Tensor::empty({h * zoom, w * zoom, 3}, DType::u8);
  const auto pixels = picture.data<const uint8_t>();
  const auto values = map.data<const float>();
  for (int64_t y = 0; y < h; ++y)
    for (int64_t x = 0; x < w; ++x) {
      const auto at = static_cast<size_t>(y * w + x);
      double light = 0;
      for (size_t k = 0; k < static_cast<size_t>(c); ++k)
        light += static_cast<double>(pixels[at * static_cast<size_t>(c) + k]) / static_cast<double>(c);
      // The picture keeps to the middle greys, so that colour is seen on black as on white.
      const double grey = 40 + 0.6 * light;
      const auto value = static_cast<double>(values[at]);
      const double strength = full > 0 && std::isfinite(value) ? 0.85 * std::min(1.0, std::abs(value) / full) : 0;
      const Colour& colour = value >= 0 ? speaks_for : speaks_against;
      for (int64_t dy = 0; dy < zoom; ++dy)
        for (int64_t dx = 0; dx < zoom; ++dx)
          for (int64_t k = 0; k < 3; ++k)
            out.data<uint8_t>()[static_cast<size_t>(((y * zoom + dy) * w * zoom + x * zoom + dx) * 3 + k)] =
                static_cast<uint8_t>(grey + strength * (colour[static_cast<size_t>(k)] - grey));
    }
  return out;
}

Tensor beside(const std::vector<Tensor>& pictures, int64_t gap) {
  if (pictures.empty()) fail("beside", "no pictures were given");
  const int64_t h = pictures.front().size(0);
  int64_t width = gap * (std::ssize(pictures) - 1);
  for (const Tensor& p : pictures) {
    if (p.rank() != 3 || p.size(0) != h || p.size(2) != 3)
      fail("beside", "takes pictures (h, w, 3) of one height, got shape {} beside {}", p.shape(),
           pictures.front().shape());
    width += p.size(1);
  }
  Tensor out = Tensor::full({h, width, 3}, 255, DType::u8);
  int64_t left = 0;
  for (const Tensor& p : pictures) {
    for (int64_t y = 0; y < h; ++y)
      std::memcpy(out.data<uint8_t>().data() + (y * width + left) * 3, p.data<uint8_t>().data() + y * p.size(1) * 3,
                  static_cast<size_t>(p.size(1) * 3));
    left += p.size(1) + gap;
  }
  return out;
}

}  // namespace tandem::people
