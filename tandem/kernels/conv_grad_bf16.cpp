// The gradient of a convolution's weight as one long matrix product for each of its taps. Images and gradients lie on
// grids of one shape, with zeros between the images' lines that stand for the padding, so that a tap is the same grid
// read from another place. Some images at a time are laid out so and go through all taps while a near cache holds them.
// oneDNN's own kernel for tiles of bfloat16 goes along lines, which are short in small pictures.
#include <tandem/base/memory.h>
#include <tandem/base/threads.h>
#include <tandem/kernels/bfloat16.h>
#include <tandem/kernels/conv_grad_bf16.h>
#include <tandem/kernels/matmul_bf16.h>

#include <algorithm>
#include <array>

namespace tandem::kernels {
namespace {

constexpr int64_t tile = transposed_rows;
constexpr int64_t near_points = 2048;  // of a grid: with 256 channels on either side they take 2 MiB

// The lines of an image have pad_w zeros behind them, and an image pad_h lines of zeros: they stand before the next
// too.
struct Grid {
  int64_t line, image, images, points;

  explicit Grid(const ConvShape& s)
      : line(s.w + s.pad_w),
        image((s.h + s.pad_h) * line),
        images(std::max<int64_t>(1, near_points / image)),
        points((images * image + tile - 1) / tile * tile) {}
};

// Images [first, last) of gy as o x points, with zeros where no result stands.
void turn(const ConvShape& s, const Grid& grid, const BFloat16* gy, int64_t first, int64_t last, BFloat16* to) {
  const int64_t oh = s.oh(), ow = s.ow();
  for (int64_t point = 0; point < grid.points; point += tile) {
    std::array<const BFloat16*, tile> from;
    for (int64_t i = 0; i < tile; ++i) {
      const int64_t at = point + i, n = first + at / grid.image, y = at % grid.image / grid.line, x = at % grid.line;
      from[static_cast<size_t>(i)] = n < last && y < oh && x < ow ? gy + ((n * oh + y) * ow + x) * s.o : nullptr;
    }
    transpose(from, s.o, to + point, grid.points);
  }
}

// Images [first, last) on the grid; what stands between them and around is zero already.
void lay_out(const ConvShape& s, const Grid& grid, const BFloat16* x, int64_t first, int64_t last, BFloat16* to) {
  for (int64_t n = first; n < last; ++n)
    for (int64_t y = 0; y < s.h; ++y)
      std::copy_n(x + (n * s.h + y) * s.w * s.c, s.w * s.c, to + ((n - first) * grid.image + y * grid.line) * s.c);
}

}  // namespace

bool long_products_fit(const ConvShape& s) noexcept {
  return s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 && s.dilation_w == 1 && s.groups == 1 &&
         s.pad_h < s.kh && s.pad_w < s.kw && s.c % 16 == 0 && s.o % 16 == 0 && s.c >= 64 && s.o >= 64;
}

void long_products_grad_weight(const ConvShape& s, std::span<const BFloat16> x, std::span<const BFloat16> gy,
                               std::span<float> gw) {
  const Grid grid(s);
  const int64_t taps = s.kh * s.kw, weights = s.o * s.c;
  // The taps read as many zeros before and behind as they reach.
  const int64_t before = s.pad_h * grid.line + s.pad_w, behind = (s.kh - 1) * grid.line + s.kw - 1;
  // A partial sum a piece, added in order: few pieces when the weight is large.
  const int64_t pieces = s.weights() > 1'000'000 ? 4 : 8, step = std::max<int64_t>(1, (s.n + pieces - 1) / pieces);
  const int64_t parts = (s.n + step - 1) / step;
  const Block partial(static_cast<size_t>(parts * taps * weights) * sizeof(float));
  parallel_for(s.n, step, [&](int64_t begin, int64_t end) {
    float* sums = partial.as<float>() + begin / step * taps * weights;
    std::fill_n(sums, taps * weights, 0.0F);
    const auto turned_size = static_cast<size_t>(s.o * grid.points),
               laid_size = static_cast<size_t>((before + grid.points + behind) * s.c);
    const Block turned(turned_size * sizeof(BFloat16)), laid(laid_size * sizeof(BFloat16));
    BFloat16* images = laid.as<BFloat16>() + before * s.c;
    std::fill_n(laid.as<BFloat16>(), laid_size, BFloat16{});
    for (int64_t first = begin; first < end; first += grid.images) {
      const int64_t last = std::min(end, first + grid.images);
      // Where the last images are fewer, those of before stay behind them: no gradient lies there.
      turn(s, grid, gy.data(), first, last, turned.as<BFloat16>());
      lay_out(s, grid, x.data(), first, last, images);
      for (int64_t tap = 0; tap < taps; ++tap)
        add_product(
            s.o, s.c, grid.points, {turned.as<BFloat16>(), turned_size},
            {images + (tap / s.kw * grid.line + tap % s.kw - before) * s.c, static_cast<size_t>(grid.points * s.c)},
            {sums + tap * weights, static_cast<size_t>(weights)});
    }
  });
  parallel_for(weights, elementwise_grain / taps, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t tap = 0; tap < taps; ++tap) {
        float sum = 0;
        for (int64_t part = 0; part < parts; ++part) sum += partial.as<float>()[(part * taps + tap) * weights + i];
        gw[static_cast<size_t>(i * taps + tap)] = sum;
      }
  });
}

}  // namespace tandem::kernels
