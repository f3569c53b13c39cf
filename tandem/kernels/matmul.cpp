#include <hwy/cache_control.h>
#include <tandem/base/memory.h>
#include <tandem/base/threads.h>
#include <tandem/kernels/isa.h>
#include <tandem/kernels/matmul.h>

#include <algorithm>
#include <type_traits>

#ifndef TANDEM_MATMUL_LAYOUT  // this file is compiled once for each instruction set; this part is common to all
#define TANDEM_MATMUL_LAYOUT
namespace tandem::kernels {
namespace {

constexpr int64_t task_columns = 64;   // of C that one task makes
constexpr int64_t wide_columns = 256;  // of one that packs many rows of A: it reads them once for so many
constexpr int64_t packed_depth = 384;  // of the inner axis, at a time
constexpr int64_t block_rows = 96;     // of A: with as many columns of B as a task has they stay in the second cache

// One task: rows [first_row, last_row) of some columns of C, and memory for its packed parts of B and,
// when A is transposed, of A.
struct Task {
  const float *a, *b, *bias;
  float* c;
  int64_t a_row, a_column;  // steps in elements
  int64_t b_row;            // of B as it lies in memory: from one k to the next, or from one column when transposed
  bool b_transposed;
  int64_t c_row, k;
  int64_t first_row, last_row, columns;
  bool backwards;
  float *packed_b, *packed_a;
};

}  // namespace
}  // namespace tandem::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/kernels/matmul.cpp"
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
// A tile of C in registers: 6 rows of 4 vectors are 24 of 32 registers with AVX-512, 6 of 2 are 12 of 16 with AVX2.
constexpr int tile_rows = 6;
constexpr int tile_vectors = lanes == 16 ? 4 : 2;
constexpr int64_t panel = tile_vectors * lanes;  // columns of B packed side by side

// Rows [first, first + depth) and `width` <= panel columns of B as depth x panel, with zeros behind `width`.
void pack_rows(const float* b, int64_t b_row, int64_t depth, int64_t width, float* to) {
  for (int64_t k = 0; k < depth; ++k, b += b_row, to += panel) {
    if (width == panel) {
      for (int j = 0; j < tile_vectors; ++j) hn::StoreU(hn::LoadU(d, b + j * lanes), d, to + j * lanes);
    } else {
      std::copy_n(b, width, to);
      std::fill(to + width, to + panel, 0.0F);
    }
  }
}

// The same from columns that lie along memory: four columns by four rows at a time turn in registers.
void pack_columns(const float* b, int64_t b_column, int64_t depth, int64_t width, float* to) {
  const hn::FixedTag<float, 4> four;
  const hn::Repartition<double, decltype(four)> pairs;
  int64_t j = 0;
  for (; j + 4 <= width; j += 4) {
    const float* from = b + j * b_column;
    int64_t k = 0;
    for (; k + 4 <= depth; k += 4) {
      const auto c0 = hn::LoadU(four, from + k), c1 = hn::LoadU(four, from + b_column + k);
      const auto c2 = hn::LoadU(four, from + 2 * b_column + k), c3 = hn::LoadU(four, from + 3 * b_column + k);
      const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(four, c0, c1));
      const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(four, c2, c3));
      const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(four, c0, c1));
      const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(four, c2, c3));
      float* into = to + k * panel + j;
      hn::StoreU(hn::BitCast(four, hn::InterleaveLower(pairs, low01, low23)), four, into);
      hn::StoreU(hn::BitCast(four, hn::InterleaveUpper(pairs, low01, low23)), four, into + panel);
      hn::StoreU(hn::BitCast(four, hn::InterleaveLower(pairs, high01, high23)), four, into + 2 * panel);
      hn::StoreU(hn::BitCast(four, hn::InterleaveUpper(pairs, high01, high23)), four, into + 3 * panel);
    }
    for (; k < depth; ++k)
      for (int64_t i = 0; i < 4; ++i) to[k * panel + j + i] = from[i * b_column + k];
  }
  for (; j < width; ++j)
    for (int64_t k = 0; k < depth; ++k) to[k * panel + j] = b[j * b_column + k];
  for (int64_t k = 0; k < depth; ++k) std::fill(to + k * panel + width, to + (k + 1) * panel, 0.0F);
}

// `rows` rows of a transposed A, which lie from one k to the next, as tiles of depth x tile_rows: read in place, each k
// of a tile would touch another page.
void pack_tiles(const float* a, int64_t a_column, int64_t depth, int64_t rows, float* to) {
  const hn::FixedTag<float, 4> four;
  const hn::FixedTag<float, 2> two;
  static_assert(tile_rows == 6);
  constexpr int64_t ahead = 8, line = 64 / sizeof(float);  // the rows lie too far apart for the processor to foresee
  for (int64_t k = 0; k < depth; ++k, a += a_column, to += tile_rows) {
    if (k + ahead < depth)
      for (int64_t r = 0; r < rows; r += line) hwy::Prefetch(a + ahead * a_column + r);
    float* tile = to;
    int64_t r = 0;
    for (; r + tile_rows <= rows; r += tile_rows, tile += depth * tile_rows) {
      hn::StoreU(hn::LoadU(four, a + r), four, tile);
      hn::StoreU(hn::LoadU(two, a + r + 4), two, tile + 4);
    }
    std::copy_n(a + r, rows - r, tile);
  }
}

// C (+)= A times a packed panel for Rows x Vectors in registers; the last vector counts up to `mask`. `Packed`: the
// rows of A lie side by side.
template <int Rows, int Vectors, bool Packed>
HWY_INLINE void tile(const float* HWY_RESTRICT a, int64_t a_row, const float* HWY_RESTRICT b, int64_t depth,
                     const float* bias, bool accumulate, hn::Mask<D> mask, float* HWY_RESTRICT c, int64_t c_row) {
  const auto load = [&](const float* from, int j) HWY_ATTR {
    return j + 1 < Vectors ? hn::LoadU(d, from + j * lanes) : hn::MaskedLoad(mask, d, from + j * lanes);
  };
  V sum[Rows][Vectors];
  for (int r = 0; r < Rows; ++r)
    for (int j = 0; j < Vectors; ++j)
      sum[r][j] = accumulate ? load(c + r * c_row, j) : bias ? load(bias, j) : hn::Zero(d);
  for (int64_t k = 0; k < depth; ++k, a += Packed ? tile_rows : 1, b += panel) {
    V right[Vectors];
    for (int j = 0; j < Vectors; ++j) right[j] = hn::LoadU(d, b + j * lanes);
    for (int r = 0; r < Rows; ++r) {
      const V left = hn::Set(d, Packed ? a[r] : a[r * a_row]);
      for (int j = 0; j < Vectors; ++j) sum[r][j] = hn::MulAdd(left, right[j], sum[r][j]);
    }
  }
  for (int r = 0; r < Rows; ++r)
    for (int j = 0; j < Vectors; ++j) {
      if (j + 1 < Vectors)
        hn::StoreU(sum[r][j], d, c + r * c_row + j * lanes);
      else
        hn::BlendedStore(sum[r][j], mask, d, c + r * c_row + j * lanes);
    }
}

// Rows [begin, end) of a task against its packed panels, for one part of the inner axis that begins at `first`.
template <bool Packed>
void multiply_block(const Task& t, int64_t first, int64_t depth, int64_t begin, int64_t end) {
  for (int64_t j = 0; j < t.columns; j += panel) {
    const int64_t width = std::min(panel, t.columns - j);
    const float* b = t.packed_b + j * depth;
    const float* bias = t.bias ? t.bias + j : nullptr;
    with_constant<tile_vectors>((width + lanes - 1) / lanes, [&](auto vectors) HWY_ATTR {
      const auto mask = hn::FirstN(d, static_cast<size_t>(width - (vectors - 1) * lanes));
      for (int64_t r = begin; r < end; r += tile_rows) {
        const float* a = Packed ? t.packed_a + (r - begin) * depth : t.a + r * t.a_row + first;
        float* c = t.c + r * t.c_row + j;
        with_constant<tile_rows>(std::min<int64_t>(tile_rows, end - r), [&](auto rows) HWY_ATTR {
          tile<rows, vectors, Packed>(a, t.a_row, b, depth, bias, first > 0, mask, c, t.c_row);
        });
      }
    });
  }
}

void MatmulTask(const Task& t) {
  for (int64_t first = 0; first < t.k; first += packed_depth) {
    const int64_t depth = std::min(packed_depth, t.k - first);
    for (int64_t j = 0; j < t.columns; j += panel) {
      const int64_t width = std::min(panel, t.columns - j);
      if (t.b_transposed)
        pack_columns(t.b + j * t.b_row + first, t.b_row, depth, width, t.packed_b + j * depth);
      else
        pack_rows(t.b + first * t.b_row + j, t.b_row, depth, width, t.packed_b + j * depth);
    }
    for (int64_t begin = t.first_row; begin < t.last_row; begin += block_rows) {
      const int64_t end = std::min(begin + block_rows, t.last_row);
      if (t.packed_a) {
        pack_tiles(t.a + first * t.a_column + begin, t.a_column, depth, end - begin, t.packed_a);
        multiply_block<true>(t, first, depth, begin, end);
      } else {
        multiply_block<false>(t, first, depth, begin, end);
      }
    }
  }
}

// One row of A against Columns neighbouring columns of B that lie along memory.
template <int Columns>
HWY_INLINE void dots(const float* HWY_RESTRICT x, const float* HWY_RESTRICT w, int64_t w_row, int64_t k,
                     const float* bias, float* HWY_RESTRICT out) {
  V even[Columns], odd[Columns];
  for (int c = 0; c < Columns; ++c) even[c] = odd[c] = hn::Zero(d);
  int64_t i = 0;
  for (; i + 2 * lanes <= k; i += 2 * lanes) {
    const V x0 = hn::LoadU(d, x + i), x1 = hn::LoadU(d, x + i + lanes);
    for (int c = 0; c < Columns; ++c) {
      even[c] = hn::MulAdd(x0, hn::LoadU(d, w + c * w_row + i), even[c]);
      odd[c] = hn::MulAdd(x1, hn::LoadU(d, w + c * w_row + i + lanes), odd[c]);
    }
  }
  for (; i < k; i += lanes) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(std::min(lanes, k - i)));
    const V x0 = hn::MaskedLoad(mask, d, x + i);
    for (int c = 0; c < Columns; ++c) even[c] = hn::MulAdd(x0, hn::MaskedLoad(mask, d, w + c * w_row + i), even[c]);
  }
  for (int c = 0; c < Columns; ++c)
    out[c] = hn::GetLane(hn::SumOfLanes(d, hn::Add(even[c], odd[c]))) + (bias ? bias[c] : 0.0F);
}

// Few rows of A, as when one example is asked for: packing B would cost more than the sums.
void MatmulDots(const Task& t) {
  for (int64_t r = t.first_row; r < t.last_row; ++r) {
    const float* x = t.a + r * t.a_row;
    float* out = t.c + r * t.c_row;
    const int64_t fours = t.columns / 4;
    for (int64_t i = 0; i < fours; ++i) {
      const int64_t j = 4 * (t.backwards ? fours - 1 - i : i);
      dots<4>(x, t.b + j * t.b_row, t.b_row, t.k, t.bias ? t.bias + j : nullptr, out + j);
    }
    for (int64_t j = 4 * fours; j < t.columns; ++j)
      dots<1>(x, t.b + j * t.b_row, t.b_row, t.k, t.bias ? t.bias + j : nullptr, out + j);
  }
}

}  // namespace
}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {
namespace {

HWY_EXPORT(MatmulTask);
HWY_EXPORT(MatmulDots);

}  // namespace

void matmul(const MatmulShape& s, std::span<const float> a, std::span<const float> b, std::span<const float> bias,
            std::span<float> c) {
  if (s.m == 0 || s.n == 0) return;
  if (s.k == 0) {
    for (int64_t i = 0; i < s.m * s.n; ++i)
      c[static_cast<size_t>(i)] = bias.empty() ? 0.0F : bias[static_cast<size_t>(i % s.n)];
    return;
  }
  apply_isa_limit();
  const bool dots = s.m < 4 && s.transpose_b && !s.transpose_a;
  // Tasks are cut by size alone. Each packs its part of B, so rows are cut only where there are few columns.
  const bool one = s.m * s.n * s.k < (dots ? 60'000 : 400'000);       // a second thread would not pay
  const int64_t least = s.transpose_a ? block_rows : block_rows / 2;  // rows that are worth the packing
  const int64_t columns = s.transpose_a && s.m >= 8 * least ? wide_columns : task_columns;
  const int64_t width = one ? s.n : std::min(columns, s.n);
  const int64_t across = (s.n + width - 1) / width;
  const int64_t down = one ? 1 : std::clamp<int64_t>(8 / across, 1, (s.m + least - 1) / least);
  const int64_t height = ((s.m + down - 1) / down + 5) / 6 * 6;
  const auto make = [&](int64_t index) {
    const int64_t row = index / across * height, last_row = std::min(s.m, row + height);
    const int64_t depth = std::min(packed_depth, s.k);
    const Block packed_b(dots ? 64
                              : static_cast<size_t>(depth * std::min((width + 63) / 64 * 64, columns)) * sizeof(float));
    const Block packed_a(s.transpose_a ? static_cast<size_t>(depth * block_rows) * sizeof(float) : 64);
    for (int64_t j = index % across * width; j < std::min(s.n, index % across * width + width); j += columns) {
      const Task task{a.data(),
                      b.data() + (s.transpose_b ? j * s.k : j),
                      bias.empty() ? nullptr : bias.data() + j,
                      c.data() + j,
                      s.transpose_a ? 1 : s.k,
                      s.transpose_a ? s.m : 1,
                      s.transpose_b ? s.k : s.n,
                      s.transpose_b,
                      s.n,
                      s.k,
                      row,
                      last_row,
                      std::min({columns, width, s.n - j}),
                      s.backwards,
                      packed_b.as<float>(),
                      s.transpose_a ? packed_a.as<float>() : nullptr};
      if (dots)
        HWY_DYNAMIC_DISPATCH(MatmulDots)(task);
      else
        HWY_DYNAMIC_DISPATCH(MatmulTask)(task);
    }
  };
  const int64_t tasks = across * down;
  if (!dots || !s.backwards) return parallel_tasks(tasks, make);
  // Each thread begins with its own equal part of the tasks, whose columns its cache holds: it is turned round in
  // itself.
  const int64_t parts = std::min<int64_t>(threads(), tasks);
  const auto begin = [&](int64_t part) { return tasks * part / parts; };
  parallel_tasks(tasks, [&](int64_t index) {
    int64_t part = 0;
    while (begin(part + 1) <= index) ++part;
    make(begin(part) + (begin(part + 1) - 1 - index));
  });
}

void matmul(const MatmulShape& s, std::span<const double> a, std::span<const double> b, std::span<const double> bias,
            std::span<double> c) {
  for (int64_t i = 0; i < s.m; ++i)
    for (int64_t j = 0; j < s.n; ++j) {
      double sum = bias.empty() ? 0.0 : bias[static_cast<size_t>(j)];
      for (int64_t l = 0; l < s.k; ++l)
        sum += a[static_cast<size_t>(s.transpose_a ? l * s.m + i : i * s.k + l)] *
               b[static_cast<size_t>(s.transpose_b ? j * s.k + l : l * s.n + j)];
      c[static_cast<size_t>(i * s.n + j)] = sum;
    }
}

}  // namespace tandem::kernels
#endif
