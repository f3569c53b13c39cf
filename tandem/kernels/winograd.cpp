#include <tandem/base/memory.h>
#include <tandem/base/threads.h>
#include <tandem/kernels/isa.h>
#include <tandem/kernels/winograd.h>
#include <tandem/kernels/winograd_parts.h>

#include <algorithm>
#include <array>
#include <type_traits>

#ifndef TANDEM_WINOGRAD_LAYOUT  // this file is compiled once for each instruction set; this part is common to all
#define TANDEM_WINOGRAD_LAYOUT
namespace tandem::kernels {
namespace {

// What happens to the result of a convolution before it is stored; pointers may be null.
struct Finish {
  const float *bias = nullptr, *added = nullptr;
  bool relu = false;
};

}  // namespace
}  // namespace tandem::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/kernels/winograd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;
constexpr D d;
constexpr int64_t lanes = HWY_MIN(16, HWY_MAX_BYTES / 4);

// Where channel c of transformed tile t lies in a plane.
HWY_INLINE int64_t at(const Tiles& s, int64_t c, int64_t t) {
  return c / chunk * (s.block * chunk) + t * chunk + c % chunk;
}

// Transformed images lie as [point][channel / 16][tile][channel % 16], so that the offsets inside a product are known
// when it is compiled. v[point][tile][channel] = Bᵀ d B, B's columns (1,0,-1,0), (0,1,1,0), (0,-1,1,0), (0,1,0,-1).
// Neighbouring tiles share two columns of pixels, which are transformed once.
void transform_input(const Tiles& s, const float* x, const float* zeros, int64_t first, int64_t count, float* v) {
  const int64_t plane = plane_of(s.c, s.block);
  for (int64_t done = 0; done < count;) {
    const Stretch part = stretch_at(s, first + done, count - done);
    const float* line[4];
    int64_t step[4];
    for (int64_t i = 0; i < 4; ++i) {
      const int64_t row = 2 * part.row - s.pad + i;
      const bool there = row >= 0 && row < s.h;
      line[i] = there ? x + (part.image * s.h + row) * s.w * s.c : zeros;
      step[i] = there ? s.c : 0;
    }
    for (int64_t c = 0; c < s.c; c += lanes) {
      struct Column {
        V v[4];
      };
      const auto column = [&](int64_t j) HWY_ATTR {
        if (j < 0 || j >= s.w) return Column{{hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)}};
        const V p0 = hn::LoadU(d, line[0] + j * step[0] + c), p1 = hn::LoadU(d, line[1] + j * step[1] + c);
        const V p2 = hn::LoadU(d, line[2] + j * step[2] + c), p3 = hn::LoadU(d, line[3] + j * step[3] + c);
        return Column{{hn::Sub(p0, p2), hn::Add(p1, p2), hn::Sub(p2, p1), hn::Sub(p1, p3)}};
      };
      int64_t j = 2 * part.column - s.pad;
      Column c0 = column(j), c1 = column(j + 1);
      float* to = v + at(s, c, done);
      for (int64_t t = 0; t < part.count; ++t, to += chunk) {
        j += 2;
        const Column c2 = column(j), c3 = column(j + 1);
        for (int i = 0; i < 4; ++i) {
          hn::StoreU(hn::Sub(c0.v[i], c2.v[i]), d, to + (4 * i) * plane);
          hn::StoreU(hn::Add(c1.v[i], c2.v[i]), d, to + (4 * i + 1) * plane);
          hn::StoreU(hn::Sub(c2.v[i], c1.v[i]), d, to + (4 * i + 2) * plane);
          hn::StoreU(hn::Sub(c1.v[i], c3.v[i]), d, to + (4 * i + 3) * plane);
        }
        c0 = c2, c1 = c3;
      }
    }
    done += part.count;
  }
}

// Calls fn(number of the tile in the block, pointers to its 2x2 output pixels): `none` where the image ends before.
template <class T, class Fn>
HWY_INLINE void each_output(const Tiles& s, T* y, T* none, int64_t first, int64_t count, Fn&& fn) {
  for (int64_t done = 0; done < count;) {
    const Stretch part = stretch_at(s, first + done, count - done);
    T* line = y + ((part.image * s.oh + 2 * part.row) * s.ow + 2 * part.column) * s.o;
    const bool second = 2 * part.row + 1 < s.oh;
    for (int64_t t = 0; t < part.count; ++t, ++done, line += 2 * s.o) {
      const bool right = 2 * (part.column + t) + 1 < s.ow;
      T* const pixel[4] = {line, right ? line + s.o : none, second ? line + s.ow * s.o : none,
                           second && right ? line + (s.ow + 1) * s.o : none};
      fn(done, pixel);
    }
  }
}

// y = Aᵀ m A, A's columns (1,1,1,0), (0,1,-1,-1), and what follows.
void transform_output(const Tiles& s, const float* m, const Finish& finish, int64_t first, int64_t count, float* none,
                      float* y) {
  const int64_t plane = plane_of(s.o, s.block);
  each_output(s, y, none, first, count, [&](int64_t t, float* const(&pixel)[4]) HWY_ATTR {
    for (int64_t o = 0; o < s.o; o += lanes) {
      const float* from = m + at(s, o, t);
      V rows[2][4];
      for (int j = 0; j < 4; ++j) {
        const V m0 = hn::LoadU(d, from + j * plane), m1 = hn::LoadU(d, from + (4 + j) * plane);
        const V m2 = hn::LoadU(d, from + (8 + j) * plane), m3 = hn::LoadU(d, from + (12 + j) * plane);
        rows[0][j] = hn::Add(m0, hn::Add(m1, m2));
        rows[1][j] = hn::Sub(hn::Sub(m1, m2), m3);
      }
      const V b = finish.bias ? hn::LoadU(d, finish.bias + o) : hn::Zero(d);
      for (int i = 0; i < 2; ++i) {
        V out[2] = {hn::Add(hn::Add(rows[i][0], b), hn::Add(rows[i][1], rows[i][2])),
                    hn::Sub(hn::Sub(hn::Add(rows[i][1], b), rows[i][2]), rows[i][3])};
        for (int j = 0; j < 2; ++j) {
          float* to = pixel[2 * i + j];
          if (finish.added && to != none) out[j] = hn::Add(out[j], hn::LoadU(d, finish.added + (to - y) + o));
          if (finish.relu) out[j] = hn::IfThenElse(hn::Lt(out[j], hn::Zero(d)), hn::Zero(d), out[j]);  // keeps NaN
          hn::StoreU(out[j], d, to + o);
        }
      }
    }
  });
}

// g[point][tile][channel] = A gy Aᵀ: the output transform turned around.
void transform_output_grad(const Tiles& s, const float* gy, const float* zeros, int64_t first, int64_t count,
                           float* g) {
  const int64_t plane = plane_of(s.o, s.block);
  each_output(s, gy, zeros, first, count, [&](int64_t t, const float* const(&pixel)[4]) HWY_ATTR {
    for (int64_t o = 0; o < s.o; o += lanes) {
      const V g0 = hn::LoadU(d, pixel[0] + o), g1 = hn::LoadU(d, pixel[1] + o);
      const V g2 = hn::LoadU(d, pixel[2] + o), g3 = hn::LoadU(d, pixel[3] + o);
      const V left[4] = {g0, hn::Add(g0, g2), hn::Sub(g0, g2), hn::Neg(g2)};
      const V right[4] = {g1, hn::Add(g1, g3), hn::Sub(g1, g3), hn::Neg(g3)};
      float* to = g + at(s, o, t);
      for (int i = 0; i < 4; ++i) {
        hn::StoreU(left[i], d, to + (4 * i) * plane);
        hn::StoreU(hn::Add(left[i], right[i]), d, to + (4 * i + 1) * plane);
        hn::StoreU(hn::Sub(left[i], right[i]), d, to + (4 * i + 2) * plane);
        hn::StoreU(hn::Neg(right[i]), d, to + (4 * i + 3) * plane);
      }
    }
  });
}

// out[r][j] (+)= sum over k of a[r][k] * b[k][j] for Rows x Columns vectors in registers. The sum runs in groups of
// Inner neighbours of `a`, a_group apart; RowStep floats lie between rows of `a`, 16 between rows of `b` and `out`,
// whose chunks of 16 columns are b_chunk and out_chunk apart.
template <int Rows, int Columns, int RowStep, int Inner, bool Accumulate>
HWY_INLINE void tile_product(const float* HWY_RESTRICT a, int64_t a_group, const float* HWY_RESTRICT b, int64_t b_chunk,
                             int64_t groups, float* HWY_RESTRICT out, int64_t out_chunk) {
  const auto column = [](int j, int64_t chunk_step)
                          HWY_ATTR { return j * lanes / chunk * chunk_step + j * lanes % chunk; };
  V sum[Rows][Columns];
  for (int r = 0; r < Rows; ++r)
    for (int j = 0; j < Columns; ++j)
      sum[r][j] = Accumulate ? hn::LoadU(d, out + r * chunk + column(j, out_chunk)) : hn::Zero(d);
  for (int64_t g = 0; g < groups; ++g, a += a_group)
    for (int i = 0; i < Inner; ++i, b += chunk) {
      V right[Columns];
      for (int j = 0; j < Columns; ++j) right[j] = hn::LoadU(d, b + column(j, b_chunk));
      for (int r = 0; r < Rows; ++r) {
        const V left = hn::Set(d, a[r * RowStep + i]);
        for (int j = 0; j < Columns; ++j) sum[r][j] = hn::MulAdd(left, right[j], sum[r][j]);
      }
    }
  for (int r = 0; r < Rows; ++r)
    for (int j = 0; j < Columns; ++j) hn::StoreU(sum[r][j], d, out + r * chunk + column(j, out_chunk));
}

// m = v u for one point and `rows` tiles, a multiple of 8.
template <int Rows, int Columns>
HWY_INLINE void forward_product(const Tiles& s, const float* v, const float* u, int64_t rows, float* m) {
  constexpr int64_t columns = Columns * lanes;
  for (int64_t j = 0; j < s.o; j += columns)
    for (int64_t r = 0; r < rows; r += Rows)
      tile_product<Rows, Columns, chunk, chunk, false>(v + r * chunk, s.block * chunk,
                                                       u + j / chunk * (s.c * chunk) + j % chunk, s.c * chunk,
                                                       s.c / chunk, m + at(s, j, r), s.block * chunk);
}

// gu += vᵀ g for one point and `tiles` tiles.
template <int Rows, int Columns>
HWY_INLINE void grad_product(const Tiles& s, const float* v, const float* g, int64_t tiles, float* gu) {
  constexpr int64_t columns = Columns * lanes;
  for (int64_t r = 0; r < s.c; r += Rows)
    for (int64_t j = 0; j < s.o; j += columns)
      tile_product<Rows, Columns, 1, 1, true>(v + at(s, r, 0), chunk, g + at(s, j, 0), s.block * chunk, tiles,
                                              gu + j / chunk * (s.c * chunk) + r * chunk + j % chunk, s.c * chunk);
}

// The tile of registers that suits `o` columns: 8 or 16 of 32 registers hold sums with AVX-512, 8 of 16 with AVX2.
template <class Fn>
HWY_INLINE void with_register_tile(int64_t o, Fn&& fn) {
  if constexpr (lanes == 16) {
    if (o % 64 == 0) return fn(std::integral_constant<int, 4>(), std::integral_constant<int, 4>());
    if (o % 32 == 0) return fn(std::integral_constant<int, 8>(), std::integral_constant<int, 2>());
    return fn(std::integral_constant<int, 8>(), std::integral_constant<int, 1>());
  } else {
    return fn(std::integral_constant<int, 4>(), std::integral_constant<int, 2>());
  }
}

// u[point][in][out] = G w Gᵀ, G's rows (1,0,0), (1,1,1)/2, (1,-1,1)/2, (0,0,1); for input channels [first, last).
void WinogradWeights(const WeightView& w, int64_t in, int64_t out, int64_t first, int64_t last, float* u) {
  for (int64_t c = first; c < last; ++c)
    for (int64_t o = 0; o < out; o += lanes) {
      HWY_ALIGN float taps[9][16];
      for (int64_t l = 0; l < lanes; ++l)
        for (int64_t tap = 0; tap < 9; ++tap)
          taps[w.backwards ? 8 - tap : tap][l] = w.at[c * w.in_step + (o + l) * w.out_step + tap];
      const V half = hn::Set(d, 0.5F);
      V rows[4][3];
      for (int j = 0; j < 3; ++j) {
        const V w0 = hn::Load(d, taps[j]), w1 = hn::Load(d, taps[3 + j]), w2 = hn::Load(d, taps[6 + j]);
        const V ends = hn::Mul(half, hn::Add(w0, w2)), middle = hn::Mul(half, w1);
        rows[0][j] = w0, rows[1][j] = hn::Add(ends, middle), rows[2][j] = hn::Sub(ends, middle), rows[3][j] = w2;
      }
      float* to = u + o / chunk * (in * chunk) + c * chunk + o % chunk;
      for (int i = 0; i < 4; ++i) {
        const V ends = hn::Mul(half, hn::Add(rows[i][0], rows[i][2])), middle = hn::Mul(half, rows[i][1]);
        const V transformed[4] = {rows[i][0], hn::Add(ends, middle), hn::Sub(ends, middle), rows[i][2]};
        for (int j = 0; j < 4; ++j) hn::StoreU(transformed[j], d, to + (4 * i + j) * plane_of(in, out));
      }
    }
}

// gw(o, c, 3, 3) = Gᵀ gu G for input channels [first, last).
void WinogradWeightGrad(const float* gu, int64_t in, int64_t out, int64_t first, int64_t last, float* gw) {
  for (int64_t c = first; c < last; ++c)
    for (int64_t o = 0; o < out; o += lanes) {
      const V half = hn::Set(d, 0.5F);
      const float* from = gu + o / chunk * (in * chunk) + c * chunk + o % chunk;
      V rows[3][4];
      for (int j = 0; j < 4; ++j) {
        const auto point = [&](int i) HWY_ATTR { return hn::LoadU(d, from + (4 * i + j) * plane_of(in, out)); };
        const V both = hn::Mul(half, hn::Add(point(1), point(2))), difference = hn::Sub(point(1), point(2));
        rows[0][j] = hn::Add(point(0), both), rows[1][j] = hn::Mul(half, difference);
        rows[2][j] = hn::Add(both, point(3));
      }
      HWY_ALIGN float taps[9][16];
      for (int i = 0; i < 3; ++i) {
        const V both = hn::Mul(half, hn::Add(rows[i][1], rows[i][2]));
        hn::Store(hn::Add(rows[i][0], both), d, taps[3 * i]);
        hn::Store(hn::Mul(half, hn::Sub(rows[i][1], rows[i][2])), d, taps[3 * i + 1]);
        hn::Store(hn::Add(both, rows[i][3]), d, taps[3 * i + 2]);
      }
      for (int64_t l = 0; l < lanes; ++l)
        for (int64_t tap = 0; tap < 9; ++tap) gw[((o + l) * in + c) * 9 + tap] = taps[tap][l];
    }
}

// Outputs of tiles [first, first + count), count <= s.block. `scratch` holds both transformed blocks.
void WinogradForward(const Tiles& s, const float* x, const float* u, const Finish& finish, const float* zeros,
                     int64_t first, int64_t count, float* scratch, float* none, float* y) {
  float* v = scratch;
  float* m = scratch + points * plane_of(s.c, s.block);
  transform_input(s, x, zeros, first, count, v);
  const int64_t rows = (count + 7) / 8 * 8;  // rows after `count` hold old numbers, and their results are not used
  with_register_tile(s.o, [&](auto r, auto columns) HWY_ATTR {
    for (int64_t p = 0; p < points; ++p)
      forward_product<r, columns>(s, v + p * plane_of(s.c, s.block), u + p * plane_of(s.c, s.o), rows,
                                  m + p * plane_of(s.o, s.block));
  });
  transform_output(s, m, finish, first, count, none, y);
}

// gu[point][in][out] += the products of tiles [first, first + count).
void WinogradGradWeight(const Tiles& s, const float* x, const float* gy, const float* zeros, int64_t first,
                        int64_t count, float* scratch, float* gu) {
  float* v = scratch;
  float* g = scratch + points * plane_of(s.c, s.block);
  transform_input(s, x, zeros, first, count, v);
  transform_output_grad(s, gy, zeros, first, count, g);
  with_register_tile(s.o, [&](auto r, auto columns) HWY_ATTR {
    for (int64_t p = 0; p < points; ++p)
      grad_product<r, columns>(s, v + p * plane_of(s.c, s.block), g + p * plane_of(s.o, s.block), count,
                               gu + p * plane_of(s.c, s.o));
  });
}

}  // namespace
}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {
namespace {

HWY_EXPORT(WinogradForward);
HWY_EXPORT(WinogradGradWeight);
HWY_EXPORT(WinogradWeights);
HWY_EXPORT(WinogradWeightGrad);

constexpr int64_t most_channels = 4096;
constexpr std::array<float, most_channels> zero_pixel{};

Block floats(int64_t count) { return Block(static_cast<size_t>(count) * sizeof(float)); }

// Few channels leave room in the nearest cache for few tiles; many channels want many tiles for each part of the weight
// that comes from the second cache.
int64_t block_for(int64_t c, int64_t o) { return c + o <= 32 ? 8 : c + o <= 64 ? 16 : 32; }

Tiles tiles_of(const ConvShape& s) { return {s.h, s.w, s.oh(), s.ow(), s.c, s.o, s.pad_h, block_for(s.c, s.o)}; }
int64_t scratch_of(const Tiles& s) { return points * (plane_of(s.c, s.block) + plane_of(s.o, s.block)); }

// Channels of a weight that are transformed by one thread.
int64_t weight_grain(int64_t other) { return std::max<int64_t>(1, 2048 / other); }

void convolve(const Tiles& s, int64_t images, const Block& weight, const float* x, const Finish& finish, float* y) {
  const int64_t tiles = s.count(images);
  // Some ten microseconds a task; a single small picture is cut finer, so that two threads can share it.
  const int64_t grain = std::clamp<int64_t>((tiles / 4 + 7) / 8 * 8, 8, 32);
  parallel_for(tiles, grain, [&](int64_t begin, int64_t end) {
    const Block scratch = floats(scratch_of(s) + s.o);
    float* none = scratch.as<float>() + scratch_of(s);
    for (int64_t first = begin; first < end; first += s.block) {
      const int64_t count = std::min(s.block, end - first);
      HWY_DYNAMIC_DISPATCH(WinogradForward)
      (s, x, weight.as<float>(), finish, zero_pixel.data(), first, count, scratch.as<float>(), none, y);
    }
  });
}

}  // namespace

Block winograd_transformed(const Tiles& s, const WeightView& weight) {
  apply_isa_limit();
  Block out = floats(points * plane_of(s.c, s.o));
  parallel_for(s.c, weight_grain(s.o), [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(WinogradWeights)(weight, s.c, s.o, begin, end, out.as<float>());
  });
  return out;
}

void winograd_weight_from_sums(const Tiles& s, const Block& sums, int64_t count, std::span<float> gw) {
  apply_isa_limit();
  const int64_t size = points * plane_of(s.c, s.o);
  float* sum = sums.as<float>();
  parallel_for(size, elementwise_grain / count, [&](int64_t begin, int64_t end) {
    for (int64_t one = 1; one < count; ++one)
      for (int64_t i = begin; i < end; ++i) sum[i] += sum[one * size + i];
  });
  parallel_for(s.c, weight_grain(s.o), [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(WinogradWeightGrad)(sum, s.c, s.o, begin, end, gw.data());
  });
}

bool winograd_fits(const ConvShape& s) noexcept {
  return s.kh == 3 && s.kw == 3 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 && s.dilation_w == 1 &&
         s.groups == 1 && s.c % 16 == 0 && s.o % 16 == 0 && s.c <= most_channels && s.o <= most_channels &&
         s.pad_h == s.pad_w && s.pad_h <= 2;
}

Block winograd_weight(const ConvShape& s, std::span<const float> weight) {
  return winograd_transformed(tiles_of(s), {weight.data(), 9, s.c * 9, false});
}

void winograd_conv2d(const ConvShape& s, std::span<const float> x, const Block& weight, std::span<const float> bias,
                     std::span<const float> added, bool relu, std::span<float> y) {
  const auto or_null = [](std::span<const float> v) { return v.empty() ? nullptr : v.data(); };
  convolve(tiles_of(s), s.n, weight, x.data(), {or_null(bias), or_null(added), relu}, y.data());
}

void winograd_conv2d(const ConvShape& s, std::span<const float> x, std::span<const float> weight,
                     std::span<const float> bias, std::span<float> y) {
  winograd_conv2d(s, x, winograd_weight(s, weight), bias, {}, false, y);
}

// The gradient of the input is a convolution of gy with the weight turned by half a circle.
void winograd_grad_input(const ConvShape& s, std::span<const float> gy, std::span<const float> weight,
                         std::span<float> gx) {
  const Tiles t{s.oh(), s.ow(), s.h, s.w, s.o, s.c, 2 - s.pad_h, block_for(s.c, s.o)};
  convolve(t, s.n, winograd_transformed(t, {weight.data(), s.c * 9, 9, true}), gy.data(), {}, gx.data());
}

void winograd_grad_weight(const ConvShape& s, std::span<const float> x, std::span<const float> gy,
                          std::span<float> gw) {
  apply_isa_limit();
  const Tiles t = tiles_of(s);
  const int64_t tiles = t.count(s.n), size = points * plane_of(s.c, s.o);
  const int64_t step = tiles_a_sum(t, tiles);
  const int64_t pieces = (tiles + step - 1) / step;
  const Block sums = floats(pieces * size);
  parallel_for(tiles, step, [&](int64_t begin, int64_t end) {
    const Block scratch = floats(scratch_of(t));
    float* gu = sums.as<float>() + begin / step * size;
    std::fill_n(gu, size, 0.0F);
    for (int64_t first = begin; first < end; first += t.block) {
      const int64_t count = std::min(t.block, end - first);
      HWY_DYNAMIC_DISPATCH(WinogradGradWeight)
      (t, x.data(), gy.data(), zero_pixel.data(), first, count, scratch.as<float>(), gu);
    }
  });
  winograd_weight_from_sums(t, sums, pieces, gw);
}

}  // namespace tandem::kernels
#endif
