#include <tandem/base/memory.h>
#include <tandem/base/threads.h>
#include <tandem/kernels/few_channels.h>
#include <tandem/kernels/isa.h>

#include <algorithm>
#include <array>
#include <type_traits>

#ifndef TANDEM_FEW_CHANNELS_LAYOUT  // this file is compiled once for each instruction set; this part is common to all
#define TANDEM_FEW_CHANNELS_LAYOUT
namespace tandem::kernels {
namespace {

// One line of the output: ow pixels of o channels. x is the first line of the input that its windows see, with the
// padding beside it in place. A window's numbers lie at `offsets` from its first; weight lies as (ky, kx, c) x o.
struct Line {
  const float *x, *weight, *bias;
  float* y;
  int64_t ow, o;
  const int64_t* offsets;
  int64_t window, x_step;  // numbers in a window, from a window to its neighbour
  bool relu;
};

}  // namespace
}  // namespace tandem::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/kernels/few_channels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <tandem/kernels/constant-inl.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;
constexpr D d;
constexpr int64_t lanes = HWY_MIN(16, HWY_MAX_BYTES / 4);
constexpr int tile_pixels = 6;
constexpr int tile_vectors = lanes == 16 ? 4 : 2;

// Pixels neighbouring outputs in Vectors of their channels, summed in registers.
template <int Pixels, int Vectors>
HWY_INLINE void tile(const Line& s, const float* HWY_RESTRICT x, int64_t channel, float* HWY_RESTRICT y) {
  V sum[Pixels][Vectors];
  for (int j = 0; j < Vectors; ++j) {
    const V start = s.bias ? hn::LoadU(d, s.bias + channel + j * lanes) : hn::Zero(d);
    for (int p = 0; p < Pixels; ++p) sum[p][j] = start;
  }
  const float* HWY_RESTRICT w = s.weight + channel;
  for (int64_t i = 0; i < s.window; ++i, w += s.o) {
    const float* HWY_RESTRICT at = x + s.offsets[i];
    V weight[Vectors];
    for (int j = 0; j < Vectors; ++j) weight[j] = hn::LoadU(d, w + j * lanes);
    for (int p = 0; p < Pixels; ++p) {
      const V pixel = hn::Set(d, at[p * s.x_step]);
      for (int j = 0; j < Vectors; ++j) sum[p][j] = hn::MulAdd(pixel, weight[j], sum[p][j]);
    }
  }
  for (int p = 0; p < Pixels; ++p)
    for (int j = 0; j < Vectors; ++j) {
      const V cut = hn::IfThenElse(hn::Lt(sum[p][j], hn::Zero(d)), hn::Zero(d), sum[p][j]);  // keeps NaN
      hn::StoreU(s.relu ? cut : sum[p][j], d, y + p * s.o + channel + j * lanes);
    }
}

void ConvolveLine(const Line& s) {
  for (int64_t channel = 0; channel < s.o; channel += tile_vectors * lanes)
    with_constant<tile_vectors>(std::min<int64_t>(tile_vectors, (s.o - channel) / lanes), [&](auto vectors) HWY_ATTR {
      for (int64_t at = 0; at < s.ow; at += tile_pixels)
        with_constant<tile_pixels>(std::min<int64_t>(tile_pixels, s.ow - at), [&](auto pixels) HWY_ATTR {
          tile<pixels, vectors>(s, s.x + at * s.x_step, channel, s.y + at * s.o);
        });
    });
}

}  // namespace
}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {
namespace {

HWY_EXPORT(ConvolveLine);

constexpr int64_t largest_window = 64;

// Lines [first, last) of the padded picture, zeros where there is no pixel.
void pad_lines(const ConvShape& s, const float* picture, int64_t first, int64_t last, float* to) {
  const int64_t line = s.w * s.c, side = s.pad_w * s.c;
  for (int64_t y = first - s.pad_h; y < last - s.pad_h; ++y) {
    if (y < 0 || y >= s.h) {
      to = std::fill_n(to, line + 2 * side, 0.0F);
      continue;
    }
    to = std::fill_n(to, side, 0.0F);
    to = std::copy_n(picture + y * line, line, to);
    to = std::fill_n(to, side, 0.0F);
  }
}

}  // namespace

bool few_channels_fits(const ConvShape& s) noexcept {
  return s.groups == 1 && s.dilation_h == 1 && s.dilation_w == 1 && (s.o == 16 || s.o == 32) &&
         s.c * s.kh * s.kw <= largest_window;
}

Block few_channels_weight(const ConvShape& s, std::span<const float> weight) {
  Block turned(weight.size_bytes());  // (ky, kx, c) x o
  for (int64_t o = 0, i = 0; o < s.o; ++o)
    for (int64_t c = 0; c < s.c; ++c)
      for (int64_t k = 0; k < s.kh * s.kw; ++k, ++i)
        turned.as<float>()[(k * s.c + c) * s.o + o] = weight[static_cast<size_t>(i)];
  return turned;
}

void few_channels_conv2d(const ConvShape& s, std::span<const float> x, std::span<const float> weight,
                         std::span<const float> bias, std::span<float> y) {
  few_channels_conv2d(s, x, few_channels_weight(s, weight), bias, false, y);
}

void few_channels_conv2d(const ConvShape& s, std::span<const float> x, const Block& weight, std::span<const float> bias,
                         bool relu, std::span<float> y) {
  apply_isa_limit();
  const int64_t x_line = (s.w + 2 * s.pad_w) * s.c, window_line = s.kw * s.c, window = s.kh * window_line;
  std::array<int64_t, largest_window> offsets{};
  for (int64_t i = 0; i < window; ++i) offsets[static_cast<size_t>(i)] = i / window_line * x_line + i % window_line;

  // Pieces of some microseconds: equal parts of one picture, or whole pictures.
  constexpr int64_t worth = 80'000;  // products
  const int64_t a_picture = std::max<int64_t>(s.oh() * s.ow() * s.weights(), 1);
  const int64_t lines = (s.oh() + a_picture / worth) / (a_picture / worth + 1);
  const int64_t pieces = (s.oh() + lines - 1) / lines;  // of a picture
  parallel_for(s.n * pieces, std::max<int64_t>(1, worth / a_picture), [&](int64_t begin, int64_t end) {
    const Block padded(static_cast<size_t>(((lines - 1) * s.stride_h + s.kh) * x_line) * sizeof(float));
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t image = piece / pieces, first = piece % pieces * lines, last = std::min(s.oh(), first + lines);
      pad_lines(s, x.data() + image * s.h * s.w * s.c, first * s.stride_h, (last - 1) * s.stride_h + s.kh,
                padded.as<float>());
      for (int64_t oy = first; oy < last; ++oy) HWY_DYNAMIC_DISPATCH(ConvolveLine)
      ({padded.as<float>() + (oy - first) * s.stride_h * x_line, weight.as<float>(),
        bias.empty() ? nullptr : bias.data(), y.data() + (image * s.oh() + oy) * s.ow() * s.o, s.ow(), s.o,
        offsets.data(), window, s.stride_w * s.c, relu});
    }
  });
}

}  // namespace tandem::kernels
#endif
