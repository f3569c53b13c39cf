#include <tandem/base/threads.h>
#include <tandem/kernels/isa.h>
#include <tandem/kernels/reduce.h>

#include <algorithm>
#include <limits>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/kernels/reduce.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

// What a fold does with two vectors, with all lanes of one, and with the lanes behind the end. `loses_nan`: x86's
// minimum and maximum give back their second operand when either is NaN.
struct Sum {
  static constexpr bool loses_nan = false;
  static constexpr double none = 0;
  template <class V>
  static HWY_INLINE V two(V a, V b) {
    return hn::Add(a, b);
  }
  template <class D, class V>
  static HWY_INLINE V lanes(D d, V v) {
    return hn::SumOfLanes(d, v);
  }
};
struct Maximum {
  static constexpr bool loses_nan = true;
  static constexpr double none = -std::numeric_limits<double>::infinity();
  template <class V>
  static HWY_INLINE V two(V a, V b) {
    return hn::Max(a, b);
  }
  template <class D, class V>
  static HWY_INLINE V lanes(D d, V v) {
    return hn::MaxOfLanes(d, v);
  }
};
struct Minimum {
  static constexpr bool loses_nan = true;
  static constexpr double none = std::numeric_limits<double>::infinity();
  template <class V>
  static HWY_INLINE V two(V a, V b) {
    return hn::Min(a, b);
  }
  template <class D, class V>
  static HWY_INLINE V lanes(D d, V v) {
    return hn::MinOfLanes(d, v);
  }
};

// All of x[0 … n-1], n > 0, in four vectors side by side. Halves of long lines apart, so that the error of a sum grows
// with the logarithm of n. The order is fixed.
template <class F, class T>
T line(const T* x, int64_t n) {
  constexpr int64_t run = 4096;
  if (n > run) {
    const int64_t half = (n / 2 + run - 1) / run * run;
    const T a = line<F>(x, half), b = line<F>(x + half, n - half);
    if constexpr (F::loses_nan)
      if (a != a) return a;
    const hn::CappedTag<T, 1> one;
    return hn::GetLane(F::two(hn::Set(one, a), hn::Set(one, b)));  // a NaN in b is the second operand
  }
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto none = hn::Set(d, static_cast<T>(F::none));
  auto nan = hn::FirstN(d, 0);
  const auto take = [&](auto& acc, auto v) HWY_ATTR {
    acc = F::two(acc, v);
    if constexpr (F::loses_nan) nan = hn::Or(nan, hn::IsNaN(v));
  };
  auto a0 = none, a1 = none, a2 = none, a3 = none;
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    take(a0, hn::LoadU(d, x + i));
    take(a1, hn::LoadU(d, x + i + lanes));
    take(a2, hn::LoadU(d, x + i + 2 * lanes));
    take(a3, hn::LoadU(d, x + i + 3 * lanes));
  }
  for (; i + lanes <= n; i += lanes) take(a0, hn::LoadU(d, x + i));
  if (i < n) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(n - i));
    take(a1, hn::IfThenElse(mask, hn::MaskedLoad(mask, d, x + i), none));
  }
  if constexpr (F::loses_nan)
    if (!hn::AllFalse(d, nan)) return std::numeric_limits<T>::quiet_NaN();
  return hn::GetLane(F::lanes(d, F::two(F::two(a0, a1), F::two(a2, a3))));
}

template <class F, class T>
void lines_of(const T* x, int64_t count, int64_t n, T* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = line<F>(x + i * n, n);
}

template <class T>
void lines(Reduce op, const T* x, int64_t count, int64_t n, T* out) {
  switch (op) {
    case Reduce::sum: return lines_of<Sum>(x, count, n, out);
    case Reduce::max: return lines_of<Maximum>(x, count, n, out);
    case Reduce::min: return lines_of<Minimum>(x, count, n, out);
  }
}

void LinesF32(Reduce op, const float* x, int64_t count, int64_t n, float* out) { lines(op, x, count, n, out); }
void LinesF64(Reduce op, const double* x, int64_t count, int64_t n, double* out) { lines(op, x, count, n, out); }

}  // namespace
}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {
namespace {

HWY_EXPORT(LinesF32);
HWY_EXPORT(LinesF64);

// out[i] = all of x[i * n … i * n + n - 1] under op.
void fold_lines(Reduce op, const float* x, int64_t count, int64_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(LinesF32)(op, x, count, n, out);
}
void fold_lines(Reduce op, const double* x, int64_t count, int64_t n, double* out) {
  HWY_DYNAMIC_DISPATCH(LinesF64)(op, x, count, n, out);
}

// The same of two numbers; a NaN on either side stays. Bitwise or, since a branch would keep the compiler from vectors.
struct Add {
  static constexpr Reduce op = Reduce::sum;
  template <class T>
  T operator()(T a, T b) const {
    return a + b;
  }
};
struct Larger {
  static constexpr Reduce op = Reduce::max;
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<int>(a < b) | static_cast<int>(b != b) ? b : a;
  }
};
struct Smaller {
  static constexpr Reduce op = Reduce::min;
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<int>(b < a) | static_cast<int>(b != b) ? b : a;
  }
};

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
                 if (inner == 1 && pieces == 1) return fold_lines(Fn::op, x + begin * n, end - begin, n, out + begin);
                 for (int64_t task = begin; task < end; ++task) {
                   const int64_t j = task % tiles * tile, o = task / tiles % outer, piece = task / tiles / outer;
                   const T* at = x + (o * n + piece * step) * inner + j;
                   T* result = into + (piece * outer + o) * inner + j;
                   const int64_t count = std::min(step, n - piece * step);
                   if (inner == 1)
                     fold_lines(Fn::op, at, 1, count, result);
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
  apply_isa_limit();
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
  if (out.empty()) return;
  apply_isa_limit();
  parallel_for(outer * inner, std::max<int64_t>(1, elementwise_grain / n), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* at = x.data() + row / inner * n * inner + row % inner;
      int64_t best = 0;
      if (inner == 1) {
        T most;
        fold_lines(Reduce::max, at, 1, n, &most);
        best = std::find_if(at, at + n, [most](T v) { return most == most ? v == most : v != v; }) - at;
      } else {
        for (int64_t i = 1; i < n && at[best * inner] == at[best * inner]; ++i)  // stops at a NaN
          if (!(at[i * inner] <= at[best * inner])) best = i;
      }
      out[static_cast<size_t>(row)] = best;
    }
  });
}

#define TANDEM_INSTANTIATE(T)                                                                   \
  template void reduce<T>(Reduce, int64_t, int64_t, int64_t, std::span<const T>, std::span<T>); \
  template void arg_max<T>(int64_t, int64_t, int64_t, std::span<const T>, std::span<int64_t>);
TANDEM_INSTANTIATE(float)
TANDEM_INSTANTIATE(double)
#undef TANDEM_INSTANTIATE

}  // namespace tandem::kernels
#endif
