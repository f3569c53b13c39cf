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
//
#include <tandem/kernels/winograd_line-inl.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

using D = LineTag;
using V = LineVector;
constexpr D d;
constexpr int64_t lanes = HWY_MIN(16, HWY_MAX_BYTES / 4);

// Where channel c of transformed tile t lies in a plane.
HWY_INLINE int64_t at(const Tiles& s, int64_t c, int64_t t) {
  return c / chunk * (s.block * chunk) + t * chunk + c % chunk;
}

// Transformed images lie as [point][channel / 16][tile][channel % 16], so that the offsets inside a product are known
// when it is compiled. Neighbouring tiles share two columns of pixels, which are transformed once.
template <int Edge>
void transform_input(const Tiles& s, const float* x, const float* zeros, int64_t first, int64_t count, float* v) {
  constexpr int inputs = Edge + 2;
  struct Column {
    V v[inputs];
  };
  const int64_t plane = plane_of(s.c, s.block);
  for (int64_t done = 0; done < count;) {
    const Stretch part = stretch_at(s, first + done, count - done);
    const float* line[inputs];
    int64_t step[inputs];
    for (int64_t i = 0; i < inputs; ++i) {
      const int64_t row = Edge * part.row - s.pad + i;
      const bool there = row >= 0 && row < s.h;
      line[i] = there ? x + (part.image * s.h + row) * s.w * s.c : zeros;
      step[i] = there ? s.c : 0;
    }
    for (int64_t c = 0; c < s.c; c += lanes) {
      const auto column = [&](int64_t j) HWY_ATTR {
        Column out;
        V pixels[inputs];
        const bool there = j >= 0 && j < s.w;
        for (int i = 0; i < inputs; ++i) pixels[i] = there ? hn::LoadU(d, line[i] + j * step[i] + c) : hn::Zero(d);
        Line<Edge>::input(pixels, out.v);
        return out;
      };
      int64_t j = Edge * part.column - s.pad;
      Column seen[inputs];
      seen[0] = column(j), seen[1] = column(j + 1);
      float* to = v + at(s, c, done);
      for (int64_t t = 0; t < part.count; ++t, to += chunk, j += Edge) {
        for (int k = 2; k < inputs; ++k) seen[k] = column(j + k);
        for (int i = 0; i < inputs; ++i) {
          V row[inputs], transformed[inputs];
          for (int k = 0; k < inputs; ++k) row[k] = seen[k].v[i];
          Line<Edge>::input(row, transformed);
          for (int k = 0; k < inputs; ++k) hn::StoreU(transformed[k], d, to + (inputs * i + k) * plane);
        }
        seen[0] = seen[Edge], seen[1] = seen[Edge + 1];
      }
    }
    done += part.count;
  }
}

// Calls fn(number of the tile in the block, pointers to its output pixels): `none` where the image ends before.
template <int Edge, class T, class Fn>
HWY_INLINE void each_output(const Tiles& s, T* y, T* none, int64_t first, int64_t count, Fn&& fn) {
  for (int64_t done = 0; done < count;) {
    const Stretch part = stretch_at(s, first + done, count - done);
    T* line = y + ((part.image * s.oh + Edge * part.row) * s.ow + Edge * part.column) * s.o;
    for (int64_t t = 0; t < part.count; ++t, ++done, line += Edge * s.o) {
      T* pixel[Edge][Edge];
      for (int i = 0; i < Edge; ++i)
        for (int j = 0; j < Edge; ++j)
          pixel[i][j] =
              Edge * part.row + i < s.oh && Edge * (part.column + t) + j < s.ow ? line + (i * s.ow + j) * s.o : none;
      fn(done, pixel);
    }
  }
}

template <int Edge>
void transform_output(const Tiles& s, const float* m, const Finish& finish, int64_t first, int64_t count, float* none,
                      float* y) {
  constexpr int inputs = Edge + 2;
  const int64_t plane = plane_of(s.o, s.block);
  each_output<Edge>(s, y, none, first, count, [&](int64_t t, float* const(&pixel)[Edge][Edge]) HWY_ATTR {
    for (int64_t o = 0; o < s.o; o += lanes) {
      const float* from = m + at(s, o, t);
      V rows[Edge][inputs];
      for (int j = 0; j < inputs; ++j) {
        V column[inputs], out[Edge];
        for (int i = 0; i < inputs; ++i) column[i] = hn::LoadU(d, from + (inputs * i + j) * plane);
        Line<Edge>::output(column, out);
        for (int i = 0; i < Edge; ++i) rows[i][j] = out[i];
      }
      const V bias = finish.bias ? hn::LoadU(d, finish.bias + o) : hn::Zero(d);
      for (int i = 0; i < Edge; ++i) {
        V out[Edge];
        Line<Edge>::output(rows[i], out);
        for (int j = 0; j < Edge; ++j) {
          float* to = pixel[i][j];
          out[j] = hn::Add(out[j], bias);
          if (finish.added && to != none) out[j] = hn::Add(out[j], hn::LoadU(d, finish.added + (to - y) + o));
          if (finish.relu) out[j] = hn::IfThenElse(hn::Lt(out[j], hn::Zero(d)), hn::Zero(d), out[j]);  // keeps NaN
          hn::StoreU(out[j], d, to + o);
        }
      }
    }
  });
}

// g[point][tile][channel]: the output transform turned around.
template <int Edge>
void transform_output_grad(const Tiles& s, const float* gy, const float* zeros, int64_t first, int64_t count,
                           float* g) {
  constexpr int inputs = Edge + 2;
  const int64_t plane = plane_of(s.o, s.block);
  each_output<Edge>(s, gy, zeros, first, count, [&](int64_t t, const float* const(&pixel)[Edge][Edge]) HWY_ATTR {
    for (int64_t o = 0; o < s.o; o += lanes) {
      V rows[inputs][Edge];
      for (int j = 0; j < Edge; ++j) {
        V column[Edge], out[inputs];
        for (int i = 0; i < Edge; ++i) column[i] = hn::LoadU(d, pixel[i][j] + o);
        Line<Edge>::output_grad(column, out);
        for (int i = 0; i < inputs; ++i) rows[i][j] = out[i];
      }
      float* to = g + at(s, o, t);
      for (int i = 0; i < inputs; ++i) {
        V out[inputs];
        Line<Edge>::output_grad(rows[i], out);
        for (int j = 0; j < inputs; ++j) hn::StoreU(out[j], d, to + (inputs * i + j) * plane);
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

// u[point][in][out] for input channels [first, last).
template <int Edge>
void transform_weight(const WeightView& w, int64_t in, int64_t out, int64_t first, int64_t last, float* u) {
  constexpr int inputs = Edge + 2;
  for (int64_t c = first; c < last; ++c)
    for (int64_t o = 0; o < out; o += lanes) {
      HWY_ALIGN float taps[9][16];
      for (int64_t l = 0; l < lanes; ++l)
        for (int64_t tap = 0; tap < 9; ++tap)
          taps[w.backwards ? 8 - tap : tap][l] = w.at[c * w.in_step + (o + l) * w.out_step + tap];
      V rows[inputs][3];
      for (int j = 0; j < 3; ++j) {
        const V column[3] = {hn::Load(d, taps[j]), hn::Load(d, taps[3 + j]), hn::Load(d, taps[6 + j])};
        V transformed[inputs];
        Line<Edge>::weight(column, transformed);
        for (int i = 0; i < inputs; ++i) rows[i][j] = transformed[i];
      }
      float* to = u + o / chunk * (in * chunk) + c * chunk + o % chunk;
      for (int i = 0; i < inputs; ++i) {
        V transformed[inputs];
        Line<Edge>::weight(rows[i], transformed);
        for (int j = 0; j < inputs; ++j) hn::StoreU(transformed[j], d, to + (inputs * i + j) * plane_of(in, out));
      }
    }
}

// gw(o, c, 3, 3) for input channels [first, last).
template <int Edge>
void transform_weight_grad(const float* gu, int64_t in, int64_t out, int64_t first, int64_t last, float* gw) {
  constexpr int inputs = Edge + 2;
  for (int64_t c = first; c < last; ++c)
    for (int64_t o = 0; o < out; o += lanes) {
      const float* from = gu + o / chunk * (in * chunk) + c * chunk + o % chunk;
      V rows[3][inputs];
      for (int j = 0; j < inputs; ++j) {
        V column[inputs], transformed[3];
        for (int i = 0; i < inputs; ++i) column[i] = hn::LoadU(d, from + (inputs * i + j) * plane_of(in, out));
        Line<Edge>::weight_grad(column, transformed);
        for (int i = 0; i < 3; ++i) rows[i][j] = transformed[i];
      }
      HWY_ALIGN float taps[9][16];
      for (int i = 0; i < 3; ++i) {
        V transformed[3];
        Line<Edge>::weight_grad(rows[i], transformed);
        for (int j = 0; j < 3; ++j) hn::Store(transformed[j], d, taps[3 * i + j]);
      }
      for (int64_t l = 0; l < lanes; ++l)
        for (int64_t tap = 0; tap < 9; ++tap) gw[((o + l) * in + c) * 9 + tap] = taps[tap][l];
    }
}

template <class Fn>
HWY_INLINE void with_edge(const Tiles& s, Fn&& fn) {
  if (s.edge == 4) return fn(std::integral_constant<int, 4>());
  fn(std::integral_constant<int, 2>());
}

void WinogradWeights(const Tiles& s, const WeightView& w, int64_t first, int64_t last, float* u) {
  with_edge(s, [&](auto edge) HWY_ATTR { transform_weight<edge>(w, s.c, s.o, first, last, u); });
}
void WinogradWeightGrad(const Tiles& s, const float* gu, int64_t first, int64_t last, float* gw) {
  with_edge(s, [&](auto edge) HWY_ATTR { transform_weight_grad<edge>(gu, s.c, s.o, first, last, gw); });
}

// Outputs of tiles [first, first + count), count <= s.block. `scratch` holds both transformed blocks.
void WinogradForward(const Tiles& s, const float* x, const float* u, const Finish& finish, const float* zeros,
                     int64_t first, int64_t count, float* scratch, float* none, float* y) {
  float* v = scratch;
  float* m = scratch + s.points() * plane_of(s.c, s.block);
  with_edge(s, [&](auto edge) HWY_ATTR { transform_input<edge>(s, x, zeros, first, count, v); });
  const int64_t rows = (count + 7) / 8 * 8;  // rows after `count` hold old numbers, and their results are not used
  with_register_tile(s.o, [&](auto r, auto columns) HWY_ATTR {
    for (int64_t p = 0; p < s.points(); ++p)
      forward_product<r, columns>(s, v + p * plane_of(s.c, s.block), u + p * plane_of(s.c, s.o), rows,
                                  m + p * plane_of(s.o, s.block));
  });
  with_edge(s, [&](auto edge) HWY_ATTR { transform_output<edge>(s, m, finish, first, count, none, y); });
}

// gu[point][in][out] += the products of tiles [first, first + count).
void WinogradGradWeight(const Tiles& s, const float* x, const float* gy, const float* zeros, int64_t first,
                        int64_t count, float* scratch, float* gu) {
  float* v = scratch;
  float* g = scratch + s.points() * plane_of(s.c, s.block);
  with_edge(s, [&](auto edge) HWY_ATTR {
    transform_input<edge>(s, x, zeros, first, count, v);
    transform_output_grad<edge>(s, gy, zeros, first, count, g);
  });
  with_register_tile(s.o, [&](auto r, auto columns) HWY_ATTR {
    for (int64_t p = 0; p < s.points(); ++p)
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

// Larger tiles take fewer products, but more transforms: worth it where channels are many and the tiles fit the image.
int64_t edge_for(int64_t oh, int64_t ow, int64_t c, int64_t o) {
  const auto products = [&](int64_t edge) {
    return ((oh + edge - 1) / edge) * ((ow + edge - 1) / edge) * (edge + 2) * (edge + 2);
  };
  return std::min(c, o) >= 32 && 5 * products(4) <= 4 * products(2) ? 4 : 2;
}

// From (h, w, c) to (oh, ow, o).
Tiles tiles_for(int64_t h, int64_t w, int64_t oh, int64_t ow, int64_t c, int64_t o, int64_t pad) {
  return {h, w, oh, ow, c, o, pad, block_for(c, o), 1, edge_for(oh, ow, c, o)};
}
Tiles tiles_of(const ConvShape& s) { return tiles_for(s.h, s.w, s.oh(), s.ow(), s.c, s.o, s.pad_h); }
// For a weight that is transformed once for images of any size.
Tiles any_tiles_of(const ConvShape& s) {
  Tiles out = tiles_of(s);
  out.edge = 2;
  return out;
}
int64_t scratch_of(const Tiles& s) { return s.points() * (plane_of(s.c, s.block) + plane_of(s.o, s.block)); }

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
  Block out = floats(s.points() * plane_of(s.c, s.o));
  parallel_for(s.c, weight_grain(s.o), [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(WinogradWeights)(s, weight, begin, end, out.as<float>());
  });
  return out;
}

void winograd_weight_from_sums(const Tiles& s, const Block& sums, int64_t count, std::span<float> gw) {
  apply_isa_limit();
  const int64_t size = s.points() * plane_of(s.c, s.o);
  float* sum = sums.as<float>();
  parallel_for(size, elementwise_grain / count, [&](int64_t begin, int64_t end) {
    for (int64_t one = 1; one < count; ++one)
      for (int64_t i = begin; i < end; ++i) sum[i] += sum[one * size + i];
  });
  parallel_for(s.c, weight_grain(s.o), [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(WinogradWeightGrad)(s, sum, begin, end, gw.data());
  });
}

bool winograd_fits(const ConvShape& s) noexcept {
  return s.kh == 3 && s.kw == 3 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 && s.dilation_w == 1 &&
         s.groups == 1 && s.c % 16 == 0 && s.o % 16 == 0 && s.c <= most_channels && s.o <= most_channels &&
         s.pad_h == s.pad_w && s.pad_h <= 2;
}

Block winograd_weight(const ConvShape& s, std::span<const float> weight) {
  return winograd_transformed(any_tiles_of(s), {weight.data(), 9, s.c * 9, false});
}

void winograd_conv2d(const ConvShape& s, std::span<const float> x, const Block& weight, std::span<const float> bias,
                     std::span<const float> added, bool relu, std::span<float> y) {
  const auto or_null = [](std::span<const float> v) { return v.empty() ? nullptr : v.data(); };
  convolve(any_tiles_of(s), s.n, weight, x.data(), {or_null(bias), or_null(added), relu}, y.data());
}

void winograd_conv2d(const ConvShape& s, std::span<const float> x, std::span<const float> weight,
                     std::span<const float> bias, std::span<float> y) {
  const Tiles t = tiles_of(s);
  const Block transformed = winograd_transformed(t, {weight.data(), 9, s.c * 9, false});
  convolve(t, s.n, transformed, x.data(), {bias.empty() ? nullptr : bias.data()}, y.data());
}

// The gradient of the input is a convolution of gy with the weight turned by half a circle.
void winograd_grad_input(const ConvShape& s, std::span<const float> gy, std::span<const float> weight,
                         std::span<float> gx) {
  const Tiles t = tiles_for(s.oh(), s.ow(), s.h, s.w, s.o, s.c, 2 - s.pad_h);
  convolve(t, s.n, winograd_transformed(t, {weight.data(), s.c * 9, 9, true}), gy.data(), {}, gx.data());
}

void winograd_grad_weight(const ConvShape& s, std::span<const float> x, std::span<const float> gy,
                          std::span<float> gw) {
  apply_isa_limit();
  const Tiles t = tiles_of(s);
  const int64_t tiles = t.count(s.n), size = t.points() * plane_of(s.c, s.o);
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
