#include <tandem/base/threads.h>
#include <tandem/kernels/bfloat16.h>

#include <algorithm>
#include <array>

namespace tandem::kernels {
namespace {

// The compiler makes vectors of both conversions.
template <class From, class To>
void convert(std::span<const From> from, std::span<To> to) {
  parallel_for(static_cast<int64_t>(to.size()), elementwise_grain, [&](int64_t begin, int64_t end) {
    std::transform(from.data() + begin, from.data() + end, to.data() + begin, [](From value) { return To(value); });
  });
}

}  // namespace

void widen(std::span<const BFloat16> from, std::span<float> to) { convert(from, to); }
void narrow(std::span<const float> from, std::span<BFloat16> to) { convert(from, to); }

void transpose(std::span<const BFloat16* const, transposed_rows> from, int64_t columns, BFloat16* to, int64_t to_step,
               int64_t rows) {
  constexpr int64_t tile = transposed_rows;
  static constexpr std::array<BFloat16, tile> zeros{};
  for (int64_t first = 0; first < columns; first += tile) {
    const int64_t count = std::min(tile, columns - first);
    BFloat16 lines[tile][tile];  // written there first: results that lie far apart would push each other out of a cache
    for (int64_t i = 0; i < rows; ++i) {
      const BFloat16* row = from[static_cast<size_t>(i)];
      row = row ? row + first : zeros.data();
      for (int64_t j = 0; j < count; ++j) lines[j][i] = row[j];
    }
    for (int64_t j = 0; j < count; ++j) std::copy_n(lines[j], rows, to + (first + j) * to_step);
  }
}

void transpose(const BFloat16* from, int64_t step, int64_t rows, int64_t columns, BFloat16* to, int64_t to_step) {
  for (int64_t first = 0; first < rows; first += transposed_rows) {
    const int64_t count = std::min(transposed_rows, rows - first);
    std::array<const BFloat16*, transposed_rows> lines{};
    for (int64_t i = 0; i < count; ++i) lines[static_cast<size_t>(i)] = from + (first + i) * step;
    transpose(lines, columns, to + first, to_step, count);
  }
}

}  // namespace tandem::kernels
