#include <tandem/base/threads.h>
#include <tandem/kernels/fold.h>
#include <tandem/kernels/reduce.h>

#include <algorithm>
#include <vector>

namespace tandem::kernels {
namespace {

constexpr int64_t tile = 1024;  // columns at a time: they stay in the nearest cache
constexpr int64_t block =
    64;  // rows summed before they join the total: a sum of n rows errs like n / 64 + 64 additions

// out[j] = fn over i of x[i, j] for `width` <= tile columns of rows that are `inner` apart; n > 0.
template <class T, class Fn>
void fold_columns(const T* x, int64_t n, int64_t inner, int64_t width, T* out, Fn fn) {
  T part[tile];
  for (int64_t first = 0; first < n; first += block) {
    const T* rows = x + first * inner;
    std::copy_n(rows, width, part);
    for (int64_t i = 1; i < std::min(block, n - first); ++i)
      for (int64_t j = 0; j < width; ++j) part[j] = fn(part[j], rows[i * inner + j]);
    for (int64_t j = 0; j < width; ++j) out[j] = first == 0 ? part[j] : fn(out[j], part[j]);
  }
}

// Work is cut along all three axes: outer, pieces of n, and tiles of inner. The pieces of n are then reduced in order.
template <class T, class Fn>
void reduce_with(int64_t outer, int64_t n, int64_t inner, const T* x, T* out, Fn fn) {
  const int64_t width = std::min(inner, tile);
  const int64_t step = std::max(block, elementwise_grain / width);
  const int64_t pieces = (n + step - 1) / step, tiles = (inner + tile - 1) / tile;
  std::vector<T> partial(static_cast<size_t>(pieces > 1 ? pieces * outer * inner : 0));
  T* into = pieces > 1 ? partial.data() : out;  // pieces x outer x inner
  const int64_t tasks = pieces * outer * tiles;
  parallel_for(tasks, std::max<int64_t>(1, elementwise_grain / (std::min(n, step) * width)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t task = begin; task < end; ++task) {
                   const int64_t j = task % tiles * tile, o = task / tiles % outer, piece = task / tiles / outer;
                   const T* at = x + (o * n + piece * step) * inner + j;
                   T* result = into + (piece * outer + o) * inner + j;
                   const int64_t count = std::min(step, n - piece * step);
                   if (inner == 1)
                     *result = fold(at, count, fn);
                   else
                     fold_columns(at, count, inner, std::min(tile, inner - j), result, fn);
                 }
               });
  if (pieces > 1) reduce_with(1, pieces, outer * inner, partial.data(), out, fn);
}

}  // namespace

template <class T>
void reduce(Reduce op, int64_t outer, int64_t n, int64_t inner, std::span<const T> x, std::span<T> out) {
  if (out.empty()) return;
  if (n == 0) {
    std::ranges::fill(out, T{0});
    return;
  }
  switch (op) {
    case Reduce::sum: return reduce_with(outer, n, inner, x.data(), out.data(), Add{});
    case Reduce::max: return reduce_with(outer, n, inner, x.data(), out.data(), Larger{});
    case Reduce::min: return reduce_with(outer, n, inner, x.data(), out.data(), Smaller{});
  }
}

template <class T>
void arg_max(int64_t outer, int64_t n, int64_t inner, std::span<const T> x, std::span<int64_t> out) {
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t j = 0; j < inner; ++j) {
      const T* at = x.data() + o * n * inner + j;
      int64_t best = 0;
      for (int64_t i = 1; i < n && at[best * inner] == at[best * inner]; ++i)  // stops at a NaN
        if (!(at[i * inner] <= at[best * inner])) best = i;
      out[static_cast<size_t>(o * inner + j)] = best;
    }
}

#define TANDEM_INSTANTIATE(T)                                                                   \
  template void reduce<T>(Reduce, int64_t, int64_t, int64_t, std::span<const T>, std::span<T>); \
  template void arg_max<T>(int64_t, int64_t, int64_t, std::span<const T>, std::span<int64_t>);
TANDEM_INSTANTIATE(float)
TANDEM_INSTANTIATE(double)
#undef TANDEM_INSTANTIATE

}  // namespace tandem::kernels
