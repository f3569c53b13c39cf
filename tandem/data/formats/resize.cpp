#include <tandem/data/formats/resize.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace tandem::data {
namespace {

/// The source positions that one target position mixes: `weights` (sum 1) from `first` on.
struct Taps {
  int64_t first = 0;
  std::vector<float> weights;
};

std::vector<Taps> taps(int64_t from, int64_t to) {
  const double ratio = static_cast<double>(from) / static_cast<double>(to);
  const double radius = std::max(ratio, 1.0);
  std::vector<Taps> all(static_cast<size_t>(to));
  for (int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * ratio - 0.5;  // pixel centres lie at whole numbers
    const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(std::floor(centre - radius)) + 1);
    const int64_t last = std::min<int64_t>(from - 1, static_cast<int64_t>(std::ceil(centre + radius)) - 1);
    Taps& t = all[static_cast<size_t>(i)];
    t.first = first;
    double sum = 0;
    for (int64_t k = first; k <= last; ++k) {
      t.weights.push_back(static_cast<float>(1 - std::abs(static_cast<double>(k) - centre) / radius));
      sum += t.weights.back();
    }
    for (float& w : t.weights) w = static_cast<float>(w / sum);
  }
  return all;
}

}  // namespace

Tensor resize(const Tensor& image, int64_t height, int64_t width) {
  if (image.dtype() != DType::u8 || image.rank() != 3 || image.numel() == 0)
    fail("resize", "takes uint8 (H, W, C) with pixels, got {} of shape {}", name_of(image.dtype()), image.shape());
  if (height < 1 || width < 1) fail("resize", "size {} x {} has no pixels: give at least 1 x 1", height, width);
  const int64_t h = image.size(0);
  const int64_t w = image.size(1);
  const int64_t c = image.size(2);
  if (h == height && w == width) return image;
  Tensor out = Tensor::empty({height, width, c}, DType::u8);
  const auto from = image.data<uint8_t>();
  const auto into = out.data<uint8_t>();
  const auto columns = taps(w, width);
  const auto rows = taps(h, height);
  std::vector<float> tall(static_cast<size_t>(w * c));  // one target row at the source's width
  for (int64_t y = 0; y < height; ++y) {
    const Taps& ty = rows[static_cast<size_t>(y)];
    std::ranges::fill(tall, 0.0F);
    for (size_t k = 0; k < ty.weights.size(); ++k) {
      const auto* row = &from[(static_cast<size_t>(ty.first) + k) * tall.size()];
      const float weight = ty.weights[k];
      for (size_t i = 0; i < tall.size(); ++i) tall[i] += weight * row[i];
    }
    for (int64_t x = 0; x < width; ++x) {
      const Taps& tx = columns[static_cast<size_t>(x)];
      for (int64_t channel = 0; channel < c; ++channel) {
        float sum = 0;
        for (size_t k = 0; k < tx.weights.size(); ++k)
          sum += tx.weights[k] *
                 tall[(static_cast<size_t>(tx.first) + k) * static_cast<size_t>(c) + static_cast<size_t>(channel)];
        into[static_cast<size_t>((y * width + x) * c + channel)] =
            static_cast<uint8_t>(std::clamp(std::lround(sum), 0L, 255L));
      }
    }
  }
  return out;
}

}  // namespace tandem::data
