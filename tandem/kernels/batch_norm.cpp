#include <tandem/base/threads.h>
#include <tandem/kernels/batch_norm.h>
#include <tandem/kernels/isa.h>

#include <algorithm>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/kernels/batch_norm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
//
#include <tandem/kernels/storage-inl.h>
#include <tandem/kernels/stream-inl.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

constexpr int64_t block = 64;  // rows that stay in the nearest cache while each vector of columns walks down them

// Calls fn(d, first row, end row, first column, load, store) for rows [begin, end) by blocks and each by vectors of
// columns; the last ones may be fewer.
template <class T, class Fn>
HWY_INLINE void each_column_block(int64_t begin, int64_t end, int64_t columns, Fn&& fn) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t first = begin; first < end; first += block) {
    const int64_t last = std::min(end, first + block);
    int64_t c = 0;
    for (; c + lanes <= columns; c += lanes)
      fn(
          d, first, last, c, [=](const auto* from) HWY_ATTR { return load_from(d, from); },
          [=](auto v, auto* to) HWY_ATTR { store_to(v, d, to); });
    if (c < columns)
      fn(
          d, first, last, c, [=](const auto* from) HWY_ATTR { return load_first(d, columns - c, from); },
          [=](auto v, auto* to) HWY_ATTR { store_first(v, d, columns - c, to); });
  }
}

// Joins the moments of each block to those of the rows before it.
template <class S, class T>
void moments(const S* x, int64_t begin, int64_t end, int64_t columns, T* mean, T* squares) {
  each_column_block<T>(
      begin, end, columns, [&](auto d, int64_t first, int64_t last, int64_t c, auto load, auto store) HWY_ATTR {
        const S* from = x + first * columns + c;
        const int64_t n = last - first;
        auto sum0 = hn::Zero(d), sum1 = hn::Zero(d);
        int64_t r = 0;
        for (; r + 2 <= n; r += 2) {
          sum0 = hn::Add(sum0, load(from + r * columns));
          sum1 = hn::Add(sum1, load(from + (r + 1) * columns));
        }
        if (r < n) sum0 = hn::Add(sum0, load(from + r * columns));
        const auto here = hn::Mul(hn::Add(sum0, sum1), hn::Set(d, T{1} / static_cast<T>(n)));
        auto square0 = hn::Zero(d), square1 = hn::Zero(d);
        for (r = 0; r + 2 <= n; r += 2) {
          const auto e0 = hn::Sub(load(from + r * columns), here), e1 = hn::Sub(load(from + (r + 1) * columns), here);
          square0 = hn::MulAdd(e0, e0, square0), square1 = hn::MulAdd(e1, e1, square1);
        }
        if (r < n) {
          const auto e = hn::Sub(load(from + r * columns), here);
          square0 = hn::MulAdd(e, e, square0);
        }
        const auto before = static_cast<T>(first - begin), count = static_cast<T>(n);
        const auto old = load(mean + c);
        const auto shift = hn::Sub(here, old);
        store(hn::MulAdd(shift, hn::Set(d, count / (before + count)), old), mean + c);
        const auto spread = hn::Mul(hn::Mul(shift, shift), hn::Set(d, before * count / (before + count)));
        store(hn::Add(hn::Add(load(squares + c), spread), hn::Add(square0, square1)), squares + c);
      });
}

// Rows 0 … rows - 1.
template <class S, class T>
void affine(const S* x, const T* scale, const T* shift, const S* added, bool relu, int64_t rows, int64_t columns,
            S* y) {
  const auto run = [&](auto with_added, auto with_relu) HWY_ATTR {
    each_column_block<T>(0, rows, columns,
                         [&](auto d, int64_t first, int64_t last, int64_t c, auto load, auto store) HWY_ATTR {
                           const auto a = load(scale + c), b = load(shift + c);
                           for (int64_t at = first * columns + c; at < last * columns; at += columns) {
                             auto v = hn::MulAdd(load(x + at), a, b);
                             if constexpr (with_added) v = hn::Add(v, load(added + at));
                             if constexpr (with_relu)
                               v = hn::IfThenElse(hn::Lt(v, hn::Zero(d)), hn::Zero(d), v);  // keeps NaN
                             store(v, y + at);
                           }
                         });
  };
  if (added)
    relu ? run(std::true_type(), std::true_type()) : run(std::true_type(), std::false_type());
  else
    relu ? run(std::false_type(), std::true_type()) : run(std::false_type(), std::false_type());
}

template <class T>
void affine_past(const T* x, const T* scale, const T* shift, const T* added, bool relu, bool past, int64_t rows,
                 int64_t columns, T* y) {
  written_past(past, rows, columns, y, [&](int64_t first, int64_t count, T* to) HWY_ATTR {
    affine(x + first * columns, scale, shift, added ? added + first * columns : nullptr, relu, count, columns, to);
  });
}

// The gradient that counts: all of it, or only where the output was above 0.
template <bool Relu, class D, class V>
HWY_INLINE V counted(D d, V g, V x, V scale, V shift) {
  if constexpr (Relu) return hn::IfThenElseZero(hn::Gt(hn::MulAdd(x, scale, shift), hn::Zero(d)), g);
  return g;
}

template <bool Relu, class S, class T>
void grad_sums(const ColumnGrad<S>& s, const T* mean, const T* inv_std, int64_t begin, int64_t end, T* sum_g,
               T* sum_gh) {
  each_column_block<T>(begin, end, s.columns,
                       [&](auto d, int64_t first, int64_t last, int64_t c, auto load, auto store) HWY_ATTR {
                         const auto m = load(mean + c), w = load(inv_std + c);
                         const auto a = load(s.scale.data() + c), b = load(s.shift.data() + c);
                         auto part_g = hn::Zero(d), part_gh = hn::Zero(d);
                         for (int64_t at = first * s.columns + c; at < last * s.columns; at += s.columns) {
                           const auto x = load(s.x.data() + at);
                           const auto g = counted<Relu>(d, load(s.g.data() + at), x, a, b);
                           part_g = hn::Add(part_g, g);
                           part_gh = hn::MulAdd(g, hn::Mul(hn::Sub(x, m), w), part_gh);
                         }
                         store(hn::Add(load(sum_g + c), part_g), sum_g + c);
                         store(hn::Add(load(sum_gh + c), part_gh), sum_gh + c);
                       });
}

template <bool Relu, class S, class T>
void blend(const ColumnGrad<S>& s, const T* of_g, const T* of_x, const T* plus, int64_t begin, int64_t end, S* gx) {
  each_column_block<T>(
      begin, end, s.columns, [&](auto d, int64_t first, int64_t last, int64_t c, auto load, auto store) HWY_ATTR {
        const auto p = load(of_g + c), q = load(of_x + c), r = load(plus + c);
        const auto a = load(s.scale.data() + c), b = load(s.shift.data() + c);
        for (int64_t at = first * s.columns + c; at < last * s.columns; at += s.columns) {
          const auto x = load(s.x.data() + at);
          store(hn::MulAdd(counted<Relu>(d, load(s.g.data() + at), x, a, b), p, hn::MulAdd(x, q, r)), gx + at);
        }
      });
}

void MomentsF32(const float* x, int64_t begin, int64_t end, int64_t columns, float* mean, float* squares) {
  moments(x, begin, end, columns, mean, squares);
}
void AffineF32(const float* x, const float* scale, const float* shift, const float* added, bool relu, bool past,
               int64_t rows, int64_t columns, float* y) {
  affine_past(x, scale, shift, added, relu, past, rows, columns, y);
}
void GradSumsF32(const ColumnGrad<float>& s, const float* mean, const float* inv_std, int64_t begin, int64_t end,
                 float* sum_g, float* sum_gh) {
  s.relu ? grad_sums<true>(s, mean, inv_std, begin, end, sum_g, sum_gh)
         : grad_sums<false>(s, mean, inv_std, begin, end, sum_g, sum_gh);
}
void BlendF32(const ColumnGrad<float>& s, const float* a, const float* b, const float* plus, int64_t begin, int64_t end,
              float* gx) {
  s.relu ? blend<true>(s, a, b, plus, begin, end, gx) : blend<false>(s, a, b, plus, begin, end, gx);
}
void MomentsF64(const double* x, int64_t begin, int64_t end, int64_t columns, double* mean, double* squares) {
  moments(x, begin, end, columns, mean, squares);
}
void AffineF64(const double* x, const double* scale, const double* shift, const double* added, bool relu, bool past,
               int64_t rows, int64_t columns, double* y) {
  affine_past(x, scale, shift, added, relu, past, rows, columns, y);
}
void GradSumsF64(const ColumnGrad<double>& s, const double* mean, const double* inv_std, int64_t begin, int64_t end,
                 double* sum_g, double* sum_gh) {
  s.relu ? grad_sums<true>(s, mean, inv_std, begin, end, sum_g, sum_gh)
         : grad_sums<false>(s, mean, inv_std, begin, end, sum_g, sum_gh);
}
void BlendF64(const ColumnGrad<double>& s, const double* a, const double* b, const double* plus, int64_t begin,
              int64_t end, double* gx) {
  s.relu ? blend<true>(s, a, b, plus, begin, end, gx) : blend<false>(s, a, b, plus, begin, end, gx);
}
void MomentsBF16(const BFloat16* x, int64_t begin, int64_t end, int64_t columns, float* mean, float* squares) {
  moments(x, begin, end, columns, mean, squares);
}
void AffineBF16(const BFloat16* x, const float* scale, const float* shift, const BFloat16* added, bool relu, bool,
                int64_t rows, int64_t columns, BFloat16* y) {
  affine(x, scale, shift, added, relu, rows, columns, y);
}
void GradSumsBF16(const ColumnGrad<BFloat16>& s, const float* mean, const float* inv_std, int64_t begin, int64_t end,
                  float* sum_g, float* sum_gh) {
  s.relu ? grad_sums<true>(s, mean, inv_std, begin, end, sum_g, sum_gh)
         : grad_sums<false>(s, mean, inv_std, begin, end, sum_g, sum_gh);
}
void BlendBF16(const ColumnGrad<BFloat16>& s, const float* a, const float* b, const float* plus, int64_t begin,
               int64_t end, BFloat16* gx) {
  s.relu ? blend<true>(s, a, b, plus, begin, end, gx) : blend<false>(s, a, b, plus, begin, end, gx);
}

}  // namespace
}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {
namespace {

HWY_EXPORT(MomentsF32);
HWY_EXPORT(MomentsF64);
HWY_EXPORT(MomentsBF16);
HWY_EXPORT(AffineF32);
HWY_EXPORT(AffineF64);
HWY_EXPORT(AffineBF16);
HWY_EXPORT(GradSumsF32);
HWY_EXPORT(GradSumsF64);
HWY_EXPORT(GradSumsBF16);
HWY_EXPORT(BlendF32);
HWY_EXPORT(BlendF64);
HWY_EXPORT(BlendBF16);

// The function for numbers stored as S, on the instruction set in use.
#define TANDEM_CHOOSE(NAME, S)                        \
  [](auto... arguments) {                             \
    if constexpr (sizeof(S) == 4)                     \
      HWY_DYNAMIC_DISPATCH(NAME##F32)(arguments...);  \
    else if constexpr (sizeof(S) == 8)                \
      HWY_DYNAMIC_DISPATCH(NAME##F64)(arguments...);  \
    else                                              \
      HWY_DYNAMIC_DISPATCH(NAME##BF16)(arguments...); \
  }

// Rows of one task, at least a block.
int64_t step_of(int64_t columns) {
  return std::max<int64_t>(64, elementwise_grain / std::max<int64_t>(1, columns) / 64 * 64);
}

}  // namespace

template <class S>
void column_moments(int64_t rows, int64_t columns, std::span<const S> x, std::span<Wide<S>> mean,
                    std::span<Wide<S>> variance) {
  using T = Wide<S>;
  apply_isa_limit();
  const int64_t step = step_of(columns), pieces = (rows + step - 1) / step;
  std::vector<T> parts(static_cast<size_t>(2 * pieces * columns), T{0});  // mean and sum of squares of each piece
  parallel_for(rows, step, [&](int64_t begin, int64_t end) {
    T* part = parts.data() + begin / step * 2 * columns;
    TANDEM_CHOOSE(Moments, S)
    (x.data(), begin, end, columns, part, part + columns);
  });
  for (int64_t c = 0; c < columns; ++c) {
    double m = 0, squares = 0;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const T* part = parts.data() + piece * 2 * columns;
      const auto before = static_cast<double>(piece * step);
      const auto count = static_cast<double>(std::min(step, rows - piece * step));
      const double shift = static_cast<double>(part[c]) - m;
      m += shift * count / (before + count);
      squares += static_cast<double>(part[columns + c]) + shift * shift * before * count / (before + count);
    }
    mean[static_cast<size_t>(c)] = static_cast<T>(m);
    variance[static_cast<size_t>(c)] = static_cast<T>(squares / static_cast<double>(rows));
  }
}

template <class S>
void column_affine(int64_t rows, int64_t columns, std::span<const S> x, std::span<const Wide<S>> scale,
                   std::span<const Wide<S>> shift, std::span<const S> added, bool relu, std::span<S> y) {
  apply_isa_limit();
  const bool past = static_cast<int64_t>(y.size_bytes()) >= beyond_caches && x.data() != y.data();
  parallel_for(rows, step_of(columns), [&](int64_t begin, int64_t end) {
    TANDEM_CHOOSE(Affine, S)
    (x.data() + begin * columns, scale.data(), shift.data(), added.empty() ? nullptr : added.data() + begin * columns,
     relu, past, end - begin, columns, y.data() + begin * columns);
  });
}

template <class S>
void column_grad_sums(const ColumnGrad<S>& s, std::span<const Wide<S>> mean, std::span<const Wide<S>> inv_std,
                      std::span<Wide<S>> sum_g, std::span<Wide<S>> sum_gh) {
  using T = Wide<S>;
  apply_isa_limit();
  const int64_t step = step_of(s.columns), pieces = (s.rows + step - 1) / step;
  std::vector<T> parts(static_cast<size_t>(2 * pieces * s.columns), T{0});
  parallel_for(s.rows, step, [&](int64_t begin, int64_t end) {
    T* part = parts.data() + begin / step * 2 * s.columns;
    TANDEM_CHOOSE(GradSums, S)(s, mean.data(), inv_std.data(), begin, end, part, part + s.columns);
  });
  for (int64_t c = 0; c < s.columns; ++c) {
    double of_g = 0, of_gh = 0;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const T* part = parts.data() + piece * 2 * s.columns;
      of_g += static_cast<double>(part[c]), of_gh += static_cast<double>(part[s.columns + c]);
    }
    sum_g[static_cast<size_t>(c)] = static_cast<T>(of_g), sum_gh[static_cast<size_t>(c)] = static_cast<T>(of_gh);
  }
}

template <class S>
void column_blend(const ColumnGrad<S>& s, std::span<const Wide<S>> a, std::span<const Wide<S>> b,
                  std::span<const Wide<S>> d, std::span<S> gx) {
  apply_isa_limit();
  parallel_for(s.rows, step_of(s.columns), [&](int64_t begin, int64_t end) {
    TANDEM_CHOOSE(Blend, S)(s, a.data(), b.data(), d.data(), begin, end, gx.data());
  });
}

#define TANDEM_INSTANTIATE(S)                                                                                    \
  template void column_moments<S>(int64_t, int64_t, std::span<const S>, std::span<Wide<S>>, std::span<Wide<S>>); \
  template void column_affine<S>(int64_t, int64_t, std::span<const S>, std::span<const Wide<S>>,                 \
                                 std::span<const Wide<S>>, std::span<const S>, bool, std::span<S>);              \
  template void column_grad_sums<S>(const ColumnGrad<S>&, std::span<const Wide<S>>, std::span<const Wide<S>>,    \
                                    std::span<Wide<S>>, std::span<Wide<S>>);                                     \
  template void column_blend<S>(const ColumnGrad<S>&, std::span<const Wide<S>>, std::span<const Wide<S>>,        \
                                std::span<const Wide<S>>, std::span<S>);
TANDEM_INSTANTIATE(float)
TANDEM_INSTANTIATE(double)
TANDEM_INSTANTIATE(BFloat16)
#undef TANDEM_INSTANTIATE
#undef TANDEM_CHOOSE

}  // namespace tandem::kernels
#endif
