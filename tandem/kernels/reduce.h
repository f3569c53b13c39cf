// Sums and extremes. Sums are taken over fixed pieces and then over the pieces in order, so that they do not depend on
// the number of threads.
#pragma once
#include <cstdint>
#include <span>

namespace tandem::kernels {

enum class Reduce : uint8_t { sum, max, min };

/// x is outer x n x inner, out is outer x inner. n = 0 gives 0 for sum; max and min need n > 0 and keep a NaN. Columns
/// of a matrix are outer = 1, its rows inner = 1.
template <class T>
void reduce(Reduce op, int64_t outer, int64_t n, int64_t inner, std::span<const T> x, std::span<T> out);

/// Position along n of the first largest element, or of the first NaN; out is outer x inner.
template <class T>
void arg_max(int64_t outer, int64_t n, int64_t inner, std::span<const T> x, std::span<int64_t> out);

}  // namespace tandem::kernels
