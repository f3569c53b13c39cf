// Winograd's convolution (winograd.cpp) of images in bfloat16, for processors whose AVX-512 multiplies pairs of
// bfloat16 and adds them to a float. Tiles are transformed in float and rounded to bfloat16 once; sums are float
// throughout.
#include <immintrin.h>
#include <tandem/base/memory.h>
#include <tandem/base/threads.h>
#include <tandem/kernels/winograd.h>
#include <tandem/kernels/winograd_parts.h>

#include <hwy/base.h>
#include <algorithm>
#include <array>
#include <type_traits>

#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // of GCC's own headers (GCC bug 105593)
#endif

// Highway 1.0 has no target with this instruction, so this file is compiled for it alone.
HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")
namespace tandem::kernels {
namespace {

constexpr int64_t points = 16;  // of a tile of 2x2 outputs

using V = __m512;  // 16 floats

// Two neighbouring bfloat16 of a sum, multiplied by one instruction.
struct Pair {
  BFloat16 first, second;
};

HWY_INLINE V load(const BFloat16* from) {
  const __m256i narrow = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(narrow), 16));
}
HWY_INLINE void store(V v, BFloat16* to) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)));
}

// Where a sum runs over channels, 16 of one tile lie behind 16 of the next; where it runs over tiles, each channel of
// two tiles lies side by side.
enum class Order { tile_by_tile, in_pairs };
template <Order order>
HWY_INLINE void store_two(V even, V odd, BFloat16* to) {
  auto both = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(odd, even));
  if constexpr (order == Order::in_pairs)
    both = _mm512_permutexvar_epi16(_mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23,
                                                     7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0),
                                    both);
  _mm512_storeu_si512(to, both);
}

// Transformed images lie as [point][channel / 16][tile][channel % 16], or with the last two in pairs of tiles.
constexpr int64_t image_plane(int64_t channels, int64_t block) { return channels * block + 2 * chunk; }

// v = Bᵀ d B as in winograd.cpp, two tiles at a time.
template <Order order>
void transform_input(const Tiles& s, const BFloat16* x, const BFloat16* zeros, int64_t first, int64_t count,
                     BFloat16* v) {
  const int64_t plane = image_plane(s.c, s.block);
  for (int64_t done = 0; done < count;) {
    const Stretch part = stretch_at(s, first + done, count - done);
    const BFloat16* line[4];
    int64_t step[4];
    for (int64_t i = 0; i < 4; ++i) {
      const int64_t row = 2 * part.row - s.pad + i;
      const bool there = row >= 0 && row < s.h;
      line[i] = there ? x + (part.image * s.h + row) * s.w * s.c : zeros;
      step[i] = there ? s.c : 0;
    }
    for (int64_t c = 0; c < s.c; c += chunk) {
      struct Column {
        V v[4];
      };
      const auto column = [&](int64_t j) {
        const V none = _mm512_setzero_ps();
        if (j < 0 || j >= s.w) return Column{{none, none, none, none}};
        const V p0 = load(line[0] + j * step[0] + c), p1 = load(line[1] + j * step[1] + c);
        const V p2 = load(line[2] + j * step[2] + c), p3 = load(line[3] + j * step[3] + c);
        return Column{{p0 - p2, p1 + p2, p2 - p1, p1 - p3}};
      };
      int64_t j = 2 * part.column - s.pad;
      Column c0 = column(j), c1 = column(j + 1);
      BFloat16* to = v + c * s.block + done * chunk;
      for (int64_t t = 0; t < part.count; t += 2, to += 2 * chunk) {
        const Column c2 = column(j + 2), c3 = column(j + 3), c4 = column(j + 4), c5 = column(j + 5);
        j += 4;
        for (int i = 0; i < 4; ++i) {
          store_two<order>(c0.v[i] - c2.v[i], c2.v[i] - c4.v[i], to + (4 * i) * plane);
          store_two<order>(c1.v[i] + c2.v[i], c3.v[i] + c4.v[i], to + (4 * i + 1) * plane);
          store_two<order>(c2.v[i] - c1.v[i], c4.v[i] - c3.v[i], to + (4 * i + 2) * plane);
          store_two<order>(c1.v[i] - c3.v[i], c3.v[i] - c5.v[i], to + (4 * i + 3) * plane);
        }
        c0 = c4, c1 = c5;
      }
    }
    done += part.count;
  }
}

// y = Aᵀ m A + bias as in winograd.cpp; `none` takes the pixels outside the image.
void transform_output(const Tiles& s, const float* m, const float* bias, int64_t first, int64_t count, BFloat16* none,
                      BFloat16* y) {
  const int64_t plane = plane_of(s.o, s.block);
  for (int64_t done = 0; done < count;) {
    const Stretch part = stretch_at(s, first + done, count - done);
    BFloat16* line = y + ((part.image * s.oh + 2 * part.row) * s.ow + 2 * part.column) * s.o;
    const bool below = 2 * part.row + 1 < s.oh;
    for (int64_t t = 0; t < part.count; ++t, ++done, line += 2 * s.o) {
      const int64_t column = 2 * (part.column + t);
      const bool left = column < s.ow, right = column + 1 < s.ow;
      BFloat16* const pixel[4] = {left ? line : none, right ? line + s.o : none,
                                  below && left ? line + s.ow * s.o : none,
                                  below && right ? line + (s.ow + 1) * s.o : none};
      for (int64_t o = 0; o < s.o; o += chunk) {
        const float* from = m + o * s.block + done * chunk;
        V rows[2][4];
        for (int j = 0; j < 4; ++j) {
          const auto point = [&](int i) { return _mm512_loadu_ps(from + (4 * i + j) * plane); };
          rows[0][j] = point(0) + (point(1) + point(2));
          rows[1][j] = (point(1) - point(2)) - point(3);
        }
        const V b = bias ? _mm512_loadu_ps(bias + o) : _mm512_setzero_ps();
        for (int i = 0; i < 2; ++i) {
          store((rows[i][0] + b) + (rows[i][1] + rows[i][2]), pixel[2 * i] + o);
          store(((rows[i][1] + b) - rows[i][2]) - rows[i][3], pixel[2 * i + 1] + o);
        }
      }
    }
  }
}

// g = A gy Aᵀ: the output transform turned around, in pairs of tiles.
void transform_output_grad(const Tiles& s, const BFloat16* gy, int64_t first, int64_t count, BFloat16* g) {
  const int64_t plane = image_plane(s.o, s.block);
  const V none = _mm512_setzero_ps();
  for (int64_t done = 0; done < count;) {
    const Stretch part = stretch_at(s, first + done, count - done);
    const bool below = 2 * part.row + 1 < s.oh;
    for (int64_t o = 0; o < s.o; o += chunk) {
      const BFloat16* line = gy + ((part.image * s.oh + 2 * part.row) * s.ow + 2 * part.column) * s.o + o;
      BFloat16* to = g + o * s.block + done * chunk;
      for (int64_t t = 0; t < part.count; t += 2, line += 4 * s.o, to += 2 * chunk) {
        V left[2][4], right[2][4];  // of the two tiles
        for (int k = 0; k < 2; ++k) {
          const int64_t column = 2 * (part.column + t + k);
          const BFloat16* pixel = line + 2 * k * s.o;
          const bool in = column < s.ow, next = column + 1 < s.ow;
          const V g0 = in ? load(pixel) : none, g1 = next ? load(pixel + s.o) : none;
          const V g2 = below && in ? load(pixel + s.ow * s.o) : none;
          const V g3 = below && next ? load(pixel + (s.ow + 1) * s.o) : none;
          left[k][0] = g0, left[k][1] = g0 + g2, left[k][2] = g0 - g2, left[k][3] = -g2;
          right[k][0] = g1, right[k][1] = g1 + g3, right[k][2] = g1 - g3, right[k][3] = -g3;
        }
        for (int i = 0; i < 4; ++i) {
          const V l0 = left[0][i], l1 = left[1][i], r0 = right[0][i], r1 = right[1][i];
          store_two<Order::in_pairs>(l0, l1, to + (4 * i) * plane);
          store_two<Order::in_pairs>(l0 + r0, l1 + r1, to + (4 * i + 1) * plane);
          store_two<Order::in_pairs>(l0 - r0, l1 - r1, to + (4 * i + 2) * plane);
          store_two<Order::in_pairs>(-r0, -r1, to + (4 * i + 3) * plane);
        }
      }
    }
    done += part.count;
  }
}

// The product of winograd.cpp's tile_product in pairs: `a_group`, `b_chunk`, RowStep and Inner count pairs.
template <int Rows, int Columns, int RowStep, int Inner, bool Accumulate>
HWY_INLINE void tile_product(const Pair* HWY_RESTRICT a, int64_t a_group, const Pair* HWY_RESTRICT b, int64_t b_chunk,
                             int64_t groups, float* HWY_RESTRICT out, int64_t out_chunk) {
  V sum[Rows][Columns];
  for (int r = 0; r < Rows; ++r)
    for (int j = 0; j < Columns; ++j)
      sum[r][j] = Accumulate ? _mm512_loadu_ps(out + r * chunk + j * out_chunk) : _mm512_setzero_ps();
  for (int64_t g = 0; g < groups; ++g, a += a_group)
    for (int i = 0; i < Inner; ++i, b += chunk) {
      __m512i right[Columns];
      for (int j = 0; j < Columns; ++j) right[j] = _mm512_loadu_si512(b + j * b_chunk);
      for (int r = 0; r < Rows; ++r) {
        const auto left = reinterpret_cast<__m512bh>(_mm512_set1_epi32(std::bit_cast<int32_t>(a[r * RowStep + i])));
        for (int j = 0; j < Columns; ++j)
          sum[r][j] = _mm512_dpbf16_ps(sum[r][j], left, reinterpret_cast<__m512bh>(right[j]));
      }
    }
  for (int r = 0; r < Rows; ++r)
    for (int j = 0; j < Columns; ++j) _mm512_storeu_ps(out + r * chunk + j * out_chunk, sum[r][j]);
}

// Calls fn with the tile of registers that suits `o` columns.
template <class Fn>
HWY_INLINE void with_register_tile(int64_t o, Fn&& fn) {
  if (o % 64 == 0) return fn(std::integral_constant<int, 4>(), std::integral_constant<int, 4>());
  if (o % 32 == 0) return fn(std::integral_constant<int, 8>(), std::integral_constant<int, 2>());
  return fn(std::integral_constant<int, 8>(), std::integral_constant<int, 1>());
}

// Outputs of tiles [first, first + count), count <= s.block.
void forward(const Tiles& s, const BFloat16* x, const Pair* u, const float* bias, const BFloat16* zeros, int64_t first,
             int64_t count, BFloat16* v, float* m, BFloat16* none, BFloat16* y) {
  transform_input<Order::tile_by_tile>(s, x, zeros, first, count, v);
  const int64_t rows = (count + 7) / 8 * 8;  // rows after `count` hold old numbers, and their results are not used
  with_register_tile(s.o, [&](auto r, auto columns) {
    constexpr int half = chunk / 2;  // pairs of channels side by side
    for (int64_t p = 0; p < points; ++p) {
      const auto* tiles = reinterpret_cast<const Pair*>(v + p * image_plane(s.c, s.block));
      for (int64_t j = 0; j < s.o; j += columns * chunk)
        for (int64_t row = 0; row < rows; row += r)
          tile_product<r, columns, half, half, false>(
              tiles + row * half, s.block * half, u + p * (plane_of(s.c, s.o) / 2) + j * (s.c / 2), s.c * half,
              s.c / chunk, m + p * plane_of(s.o, s.block) + j * s.block + row * chunk, s.block * chunk);
    }
  });
  transform_output(s, m, bias, first, count, none, y);
}

// gu[point][in][out] += the products of tiles [first, first + count).
void grad_weight(const Tiles& s, const BFloat16* x, const BFloat16* gy, const BFloat16* zeros, int64_t first,
                 int64_t count, BFloat16* v, BFloat16* g, float* gu) {
  transform_input<Order::in_pairs>(s, x, zeros, first, count, v);
  transform_output_grad(s, gy, first, count, g);
  with_register_tile(s.o, [&](auto r, auto columns) {
    for (int64_t p = 0; p < points; ++p) {
      const auto* left = reinterpret_cast<const Pair*>(v + p * image_plane(s.c, s.block));
      const auto* right = reinterpret_cast<const Pair*>(g + p * image_plane(s.o, s.block));
      for (int64_t c = 0; c < s.c; c += r)
        for (int64_t j = 0; j < s.o; j += columns * chunk)
          tile_product<r, columns, 1, 1, true>(left + c / chunk * chunk * (s.block / 2) + c % chunk, chunk,
                                               right + j * (s.block / 2), s.block / 2 * chunk, count / 2,
                                               gu + p * plane_of(s.c, s.o) + j * s.c + c * chunk, s.c * chunk);
    }
  });
}

// A transformed weight in bfloat16: [point][out / 16][in / 2][out % 16][in % 2], planes as long as half of those in
// float.
void pack_weight(const Tiles& s, const float* from, BFloat16* to) {
  for (int64_t p = 0; p < points; ++p)
    for (int64_t row = 0; row < s.o / chunk * s.c; row += 2) {  // both lie in the order of (out / 16, in)
      const int64_t at = p * plane_of(s.c, s.o) + row * chunk;
      store_two<Order::in_pairs>(_mm512_loadu_ps(from + at), _mm512_loadu_ps(from + at + chunk), to + at);
    }
}

}  // namespace
}  // namespace tandem::kernels
HWY_POP_ATTRIBUTES

namespace tandem::kernels {
namespace {

constexpr std::array<BFloat16, 4096> zero_pixel{};

template <class T>
Block memory_for(int64_t count) {
  return Block(static_cast<size_t>(count) * sizeof(T));
}

// Two tiles are transformed together, so lines are filled up to pairs of them.
Tiles tiles_of(const ConvShape& s, int64_t block) { return {s.h, s.w, s.oh(), s.ow(), s.c, s.o, s.pad_h, block, 2}; }

void convolve(const Tiles& s, int64_t images, const WeightView& weight, std::span<const BFloat16> x,
              std::span<const float> bias, std::span<BFloat16> y) {
  const Block wide = winograd_transformed(s, weight), narrow = memory_for<BFloat16>(points * plane_of(s.c, s.o));
  pack_weight(s, wide.as<float>(), narrow.as<BFloat16>());
  const int64_t grain = 4 * s.block;  // some ten microseconds a task
  parallel_for(s.count(images), grain, [&](int64_t begin, int64_t end) {
    const Block v = memory_for<BFloat16>(points * image_plane(s.c, s.block) + s.o);
    const Block m = memory_for<float>(points * plane_of(s.o, s.block));
    BFloat16* none = v.as<BFloat16>() + points * image_plane(s.c, s.block);
    for (int64_t first = begin; first < end; first += s.block)
      forward(s, x.data(), narrow.as<Pair>(), bias.empty() ? nullptr : bias.data(), zero_pixel.data(), first,
              std::min(s.block, end - first), v.as<BFloat16>(), m.as<float>(), none, y.data());
  });
}

constexpr int64_t forward_block = 16;  // the parts of a block stay in the nearest cache

}  // namespace

void winograd_conv2d(const ConvShape& s, std::span<const BFloat16> x, std::span<const float> weight,
                     std::span<const float> bias, std::span<BFloat16> y) {
  convolve(tiles_of(s, forward_block), s.n, {weight.data(), 9, s.c * 9, false}, x, bias, y);
}

void winograd_grad_input(const ConvShape& s, std::span<const BFloat16> gy, std::span<const float> weight,
                         std::span<BFloat16> gx) {
  const Tiles t{s.oh(), s.ow(), s.h, s.w, s.o, s.c, 2 - s.pad_h, forward_block, 2};
  convolve(t, s.n, {weight.data(), s.c * 9, 9, true}, gy, {}, gx);
}

void winograd_grad_weight(const ConvShape& s, std::span<const BFloat16> x, std::span<const BFloat16> gy,
                          std::span<float> gw) {
  // Sums are kept in memory: the more of them there are, the more tiles should be added at a time.
  const Tiles t = tiles_of(s, s.c + s.o <= 32 ? 32 : 64);
  const int64_t tiles = t.count(s.n), size = points * plane_of(s.c, s.o);
  const int64_t step = tiles_a_sum(t, tiles), pieces = (tiles + step - 1) / step;
  const Block sums = memory_for<float>(pieces * size);
  parallel_for(tiles, step, [&](int64_t begin, int64_t end) {
    const Block v = memory_for<BFloat16>(points * image_plane(s.c, t.block));
    const Block g = memory_for<BFloat16>(points * image_plane(s.o, t.block));
    float* gu = sums.as<float>() + begin / step * size;
    std::fill_n(gu, size, 0.0F);
    for (int64_t first = begin; first < end; first += t.block)
      grad_weight(t, x.data(), gy.data(), zero_pixel.data(), first, std::min(t.block, end - first), v.as<BFloat16>(),
                  g.as<BFloat16>(), gu);
  });
  winograd_weight_from_sums(t, sums, pieces, gw);
}

}  // namespace tandem::kernels
