#include <tandem/data/colour.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace tandem::data {
namespace {

float clamped(float value) { return std::clamp(value, 0.0F, 1.0F); }

/// Luma of ITU-R 601, as image programs turn colours to grey.
float grey_of(const float* pixel, int64_t c) {
  return c == 1 ? pixel[0] : 0.299F * pixel[0] + 0.587F * pixel[1] + 0.114F * pixel[2];
}

/// The values of channel k, one after another.
template <class Fn>
void each(const Pixels& p, int64_t k, Fn&& fn) {
  for (size_t i = static_cast<size_t>(k); i < p.values.size(); i += static_cast<size_t>(p.c)) fn(p.values[i]);
}

size_t level(float value) { return static_cast<size_t>(std::lround(clamped(value) * 255)); }

}  // namespace

void brightness(const Pixels& p, float factor) {
  for (float& value : p.values) value = clamped(value * factor);
}

void contrast(const Pixels& p, float factor) {
  double sum = 0;
  for (int64_t i = 0; i < p.h * p.w; ++i)
    sum += static_cast<double>(grey_of(&p.values[static_cast<size_t>(i * p.c)], p.c));
  const auto mean = static_cast<float>(sum / static_cast<double>(p.h * p.w));
  for (float& value : p.values) value = clamped(mean + factor * (value - mean));
}

void saturation(const Pixels& p, float factor) {
  if (p.c == 1) return;
  for (int64_t i = 0; i < p.h * p.w; ++i) {
    const auto pixel = p.values.subspan(static_cast<size_t>(i * p.c), 3);
    const float grey = grey_of(pixel.data(), p.c);
    for (float& value : pixel) value = clamped(grey + factor * (value - grey));
  }
}

void sharpness(const Pixels& p, float factor) {
  if (p.h < 3 || p.w < 3) return;
  static thread_local std::vector<float> before;
  before.assign(p.values.begin(), p.values.end());
  const int64_t row = p.w * p.c;
  for (int64_t y = 1; y < p.h - 1; ++y)
    for (int64_t i = p.c; i < row - p.c; ++i) {
      const float* x = before.data() + y * row + i;
      float sum = 4 * x[0];  // the middle weighs 5 of 13
      for (const int64_t line : {-row, int64_t{0}, row}) sum += x[line - p.c] + x[line] + x[line + p.c];
      const float smooth = sum / 13;
      p.values[static_cast<size_t>(y * row + i)] = clamped(smooth + factor * (x[0] - smooth));
    }
}

void hue(const Pixels& p, float degrees) {
  if (p.c == 1) return;
  const float turn = degrees / 60 + 6;  // in sixths of the circle; 6 keeps what follows above 0
  for (int64_t i = 0; i < p.h * p.w; ++i) {
    const auto rgb = p.values.subspan(static_cast<size_t>(i * p.c), 3);
    const auto [low, high] = std::ranges::minmax(rgb);
    const float range = high - low;
    if (range <= 0) continue;
    const float at = high == rgb[0]   ? (rgb[1] - rgb[2]) / range
                     : high == rgb[1] ? 2 + (rgb[2] - rgb[0]) / range
                                      : 4 + (rgb[0] - rgb[1]) / range;
    for (size_t c = 0; c < 3; ++c) {
      // A channel is highest at its own hue (0, 2, 4), and falls from one sixth to two sixths beside it.
      const float away = std::abs(std::remainder(at + turn - 2 * static_cast<float>(c), 6.0F));
      rgb[c] = low + range * clamped(2 - away);
    }
  }
}

void autocontrast(const Pixels& p) {
  for (int64_t k = 0; k < p.c; ++k) {
    float low = 1, high = 0;
    each(p, k, [&](float value) { low = std::min(low, value), high = std::max(high, value); });
    if (high <= low) continue;
    each(p, k, [&](float& value) { value = (value - low) / (high - low); });
  }
}

void equalize(const Pixels& p) {
  for (int64_t k = 0; k < p.c; ++k) {
    std::array<int64_t, 256> count{};
    each(p, k, [&](float value) { ++count[level(value)]; });
    const auto last = *std::find_if(count.rbegin(), count.rend(), [](int64_t n) { return n > 0; });
    const int64_t others = p.h * p.w - last;
    if (others == 0) continue;  // of one level
    std::array<float, 256> to{};
    int64_t darker = 0;
    for (size_t i = 0; i < 256; darker += count[i++]) to[i] = static_cast<float>(darker) / static_cast<float>(others);
    each(p, k, [&](float& value) { value = clamped(to[level(value)]); });
  }
}

void posterize(const Pixels& p, int bits) {
  const auto step = static_cast<size_t>(1) << (8 - std::clamp(bits, 1, 8));
  for (float& value : p.values) value = static_cast<float>(level(value) / step * step) / 255.0F;
}

void solarize(const Pixels& p, float threshold) {
  for (float& value : p.values) value = value < threshold ? value : 1 - value;
}

}  // namespace tandem::data
