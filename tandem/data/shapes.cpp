#include <tandem/base/error.h>
#include <tandem/data/digits.h>
#include <tandem/data/shapes.h>

#include <algorithm>
#include <array>

namespace tandem::data {
namespace {

struct Sign {
  const char* name;
  std::vector<Stroke> strokes;  // about one unit tall, x to the right, y down
};

Stroke bent(std::initializer_list<std::pair<double, double>> points) {
  Stroke out;
  for (const auto& [x, y] : points) out.push_back({x, y, true});
  return out;
}

const std::vector<Sign>& signs() {
  static const std::vector<Sign> all{
      {"A", {bent({{0, 1}, {0.45, 0}, {0.9, 1}}), bent({{0.2, 0.62}, {0.72, 0.62}})}},
      {"E", {bent({{0.7, 0}, {0, 0}, {0, 1}, {0.75, 1}}), bent({{0, 0.5}, {0.6, 0.5}})}},
      {"F", {bent({{0.75, 0}, {0, 0}, {0, 1}}), bent({{0, 0.48}, {0.55, 0.48}})}},
      {"H", {bent({{0, 0}, {0, 1}}), bent({{0.75, 0}, {0.75, 1}}), bent({{0, 0.5}, {0.75, 0.5}})}},
      {"K", {bent({{0, 0}, {0, 1}}), bent({{0.7, 0}, {0.05, 0.55}, {0.75, 1}})}},
      {"M", {bent({{0, 1}, {0.1, 0}, {0.5, 0.7}, {0.9, 0}, {1, 1}})}},
      {"N", {bent({{0, 1}, {0, 0}, {0.75, 1}, {0.75, 0}})}},
      {"R",
       {bent({{0, 1}, {0, 0}}),
        {{0, 0, true}, {0.5, 0.04, false}, {0.66, 0.25, false}, {0.5, 0.48, false}, {0, 0.52, true}, {0.7, 1, true}}}},
      {"T", {bent({{0, 0}, {0.9, 0}}), bent({{0.45, 0}, {0.45, 1}})}},
      {"W", {bent({{0, 0}, {0.25, 1}, {0.5, 0.25}, {0.75, 1}, {1, 0}})}},
      {"X", {bent({{0, 0}, {0.8, 1}}), bent({{0.8, 0}, {0, 1}})}},
      {"Y", {bent({{0, 0}, {0.4, 0.5}, {0.8, 0}}), bent({{0.4, 0.5}, {0.4, 1}})}},
      {"plus", {bent({{0.5, 0}, {0.5, 1}}), bent({{0, 0.5}, {1, 0.5}})}},
      {"hash",
       {bent({{0.3, 0}, {0.3, 1}}), bent({{0.7, 0}, {0.7, 1}}), bent({{0, 0.3}, {1, 0.3}}),
        bent({{0, 0.7}, {1, 0.7}})}},
      {"star", {bent({{0.5, 0}, {0.5, 1}}), bent({{0.07, 0.25}, {0.93, 0.75}}), bent({{0.93, 0.25}, {0.07, 0.75}})}},
      {"arrow", {bent({{0, 0.5}, {1, 0.5}}), bent({{0.6, 0.15}, {1, 0.5}, {0.6, 0.85}})}},
      {"zigzag", {bent({{0, 0.2}, {0.25, 0.8}, {0.5, 0.2}, {0.75, 0.8}, {1, 0.2}})}},
      {"fir",
       {bent({{0.5, 0}, {0.5, 1}}), bent({{0.1, 0.4}, {0.5, 0}, {0.9, 0.4}}), bent({{0, 0.8}, {0.5, 0.35}, {1, 0.8}})}},
  };
  return all;
}

std::vector<std::string> names_of_signs() {
  std::vector<std::string> out;
  for (const Sign& sign : signs()) out.emplace_back(sign.name);
  return out;
}

}  // namespace

const std::vector<std::string>& shape_names() {
  static const std::vector<std::string> names = names_of_signs();
  return names;
}

void draw_shape(int64_t index, Rng& rng, std::span<uint8_t, 784> pixels) {
  if (index < 0 || index >= std::ssize(signs())) fail("draw_shape", "there is no shape {}", index);
  std::vector<Stroke> strokes = signs()[static_cast<size_t>(index)].strokes;
  for (Stroke& stroke : strokes)
    for (Knot& knot : stroke) {
      knot.x += 0.03 * rng.normal();
      knot.y += 0.03 * rng.normal();
    }
  draw_strokes(strokes, rng, pixels);
}

const std::vector<std::string>& noise_names() {
  static const std::vector<std::string> names{"pixels", "specks", "clouds"};
  return names;
}

void draw_noise(int64_t index, Rng& rng, std::span<uint8_t, 784> pixels) {
  constexpr int side = 28, grid = 5;
  if (index < 0 || index >= std::ssize(noise_names())) fail("draw_noise", "there is no noise {}", index);
  std::array<double, grid * grid> coarse{};
  for (double& value : coarse) value = rng.uniform(-0.5, 1.2);
  for (size_t i = 0; i < pixels.size(); ++i) {
    double value = rng.uniform();
    if (index == 1) value = rng.chance(0.1) ? 0.3 + 0.7 * value : 0;
    if (index == 2) {  // bilinear between the values of a coarse grid
      const double y = static_cast<double>(i / side) / side * (grid - 1),
                   x = static_cast<double>(i % side) / side * (grid - 1);
      const auto row = static_cast<size_t>(y), column = static_cast<size_t>(x);
      const double down = y - static_cast<double>(row), right = x - static_cast<double>(column);
      const auto at = [&](size_t r, size_t c) { return coarse[r * grid + c]; };
      value = (1 - down) * ((1 - right) * at(row, column) + right * at(row, column + 1)) +
              down * ((1 - right) * at(row + 1, column) + right * at(row + 1, column + 1));
    }
    pixels[i] = static_cast<uint8_t>(255 * std::clamp(value, 0.0, 1.0));
  }
}

}  // namespace tandem::data
