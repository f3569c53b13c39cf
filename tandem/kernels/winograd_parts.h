// What Winograd's convolutions in float and in bfloat16 share: images cut into tiles, and the transforms of the weight.
#pragma once
#include <tandem/base/memory.h>

#include <algorithm>
#include <cstdint>
#include <span>

namespace tandem::kernels {

inline constexpr int64_t chunk = 16;  // channels side by side in memory

/// Images cut into tiles of edge x edge outputs, each seen through (edge + 2)^2 inputs that overlap their neighbours'.
struct Tiles {
  int64_t h, w, oh, ow, c, o, pad;
  int64_t block;         // tiles transformed together
  int64_t together = 1;  // the tiles of a line are a multiple of it: the last may lie outside the image
  int64_t edge = 2;      // 2 or 4
  [[nodiscard]] int64_t points() const { return (edge + 2) * (edge + 2); }  // products of a transformed tile
  [[nodiscard]] int64_t high() const { return (oh + edge - 1) / edge; }
  [[nodiscard]] int64_t wide() const { return ((ow + edge - 1) / edge + together - 1) / together * together; }
  [[nodiscard]] int64_t count(int64_t images) const { return images * high() * wide(); }
};

/// Tiles next to each other in one row of one image: the part of a block that is walked together.
struct Stretch {
  int64_t image, row, column, count;
};
inline Stretch stretch_at(const Tiles& s, int64_t tile, int64_t most) {
  const int64_t column = tile % s.wide(), line = tile / s.wide();
  return {line / s.high(), line % s.high(), column, std::min(most, s.wide() - column)};
}

/// A 3x3 weight, read as (in, out): where element (in, out, ky, kx) lies, and whether ky and kx run backwards.
struct WeightView {
  const float* at;
  int64_t in_step, out_step;
  bool backwards;
};

/// Transformed weights lie as [point][out / 16][in][out % 16]. The extra line keeps the planes of the points from
/// falling into the same lines of the cache.
constexpr int64_t plane_of(int64_t channels, int64_t others) { return channels * others + chunk; }

/// A weight transformed: s.points() * plane_of(c, o) floats.
[[nodiscard]] Block winograd_transformed(const Tiles& s, const WeightView& weight);

/// Tiles of each of the partial sums that a weight's gradient is made of: a multiple of the block. Few sums when they
/// are large.
inline int64_t tiles_a_sum(const Tiles& s, int64_t tiles) {
  const int64_t sums = s.points() * plane_of(s.c, s.o) > 1'000'000 ? 4 : 8;
  return (tiles + sums * s.block - 1) / (sums * s.block) * s.block;
}
/// The weight's gradient (o, c, 3, 3) from `count` partial sums in transformed form, which are added in order.
void winograd_weight_from_sums(const Tiles& s, const Block& sums, int64_t count, std::span<float> gw);

}  // namespace tandem::kernels
