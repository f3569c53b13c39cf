#include <tandem/base/threads.h>
#include <tandem/kernels/isa.h>
#include <tandem/kernels/pool.h>

#include <algorithm>

#ifndef TANDEM_POOL_WINDOW  // this file is compiled once for each instruction set; this part is common to all
#define TANDEM_POOL_WINDOW
namespace tandem::kernels {
namespace {

struct Window {
  int64_t y0, y1, x0, x1;
  [[nodiscard]] int64_t count() const { return (y1 - y0) * (x1 - x0); }
};

Window window(const PoolShape& s, int64_t oy, int64_t ox) {
  const int64_t y = oy * s.stride_h - s.pad_h, x = ox * s.stride_w - s.pad_w;
  return {std::max<int64_t>(y, 0), std::min(y + s.kernel_h, s.h), std::max<int64_t>(x, 0),
          std::min(x + s.kernel_w, s.w)};
}

// Lines [begin, end) of the n x oh that the results have. `where` may be null.
template <class T>
struct MaxPool {
  PoolShape s;
  const T* x;
  bool relu;
  T* y;
  int32_t* where;
  int64_t begin, end;
};

// One input's gradient in a window that meets no other: g where the largest lay `here`, for `count` channels.
template <class T>
void chosen(const int32_t* at, int32_t here, const T* g, int64_t count, T* into) {
  for (int64_t c = 0; c < count; ++c) into[c] = at[c] == here ? g[c] : T{};
}

// Images [begin, end) of windows that lie side by side: every input is written once.
template <class T>
struct MaxPoolGrad {
  PoolShape s;
  const int32_t* where;
  const T* gy;
  T* gx;
  int64_t begin, end;
};

template <class T, class Chosen>
void max_pool_grad_images(const MaxPoolGrad<T>& p, Chosen&& choose) {
  const PoolShape& s = p.s;
  for (int64_t n = p.begin; n < p.end; ++n)
    for (int64_t iy = 0; iy < s.h; ++iy)
      for (int64_t ix = 0; ix < s.w; ++ix) {
        T* into = p.gx + ((n * s.h + iy) * s.w + ix) * s.c;
        const int64_t oy = iy / s.stride_h, ox = ix / s.stride_w, out = ((n * s.oh() + oy) * s.ow() + ox) * s.c;
        if (oy < s.oh() && ox < s.ow())
          choose(p.where + out, static_cast<int32_t>(iy * s.w + ix), p.gy + out, into);
        else
          std::fill_n(into, s.c, T{});
      }
}

}  // namespace
}  // namespace tandem::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/kernels/pool.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
//
#include <tandem/kernels/storage-inl.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

// The largest of a window, and where it lies, for the channels that `load` and the stores reach; a NaN stays.
template <bool Positions, class S, class Load, class Store, class StoreWhere>
HWY_INLINE void largest(const MaxPool<S>& p, const Window& win, Load load, Store store, StoreWhere store_where) {
  const hn::ScalableTag<float> d;
  const hn::ScalableTag<int32_t> d32;
  const auto zero = hn::Zero(d);
  auto best = hn::Neg(hn::Inf(d));
  auto at = hn::Set(d32, static_cast<int32_t>(win.y0 * p.s.w + win.x0));
  for (int64_t iy = win.y0; iy < win.y1; ++iy)
    for (int64_t ix = win.x0; ix < win.x1; ++ix) {
      const int64_t here = iy * p.s.w + ix;
      const auto v = load(here * p.s.c);
      if constexpr (Positions) {
        const auto more = hn::Or(hn::Gt(v, best), hn::IsNaN(v));
        best = hn::IfThenElse(more, v, best);
        at = hn::IfThenElse(hn::RebindMask(d32, more), hn::Set(d32, static_cast<int32_t>(here)), at);
      } else {
        best = hn::IfThenElse(hn::IsNaN(v), v, hn::Max(v, best));  // which is `best` where either is NaN
      }
    }
  store(p.relu ? hn::IfThenElse(hn::Lt(best, zero), zero, best) : best);
  if constexpr (Positions) store_where(at);
}

template <bool Positions, class S>
void max_pool_lines(const MaxPool<S>& p) {
  const hn::ScalableTag<float> d;
  const hn::ScalableTag<int32_t> d32;
  const PoolShape& s = p.s;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t out = p.begin * s.ow() * s.c;
  for (int64_t line = p.begin; line < p.end; ++line) {
    const S* image = p.x + line / s.oh() * (s.h * s.w * s.c);
    for (int64_t ox = 0; ox < s.ow(); ++ox, out += s.c) {
      const Window win = window(s, line % s.oh(), ox);
      int64_t c = 0;
      for (; c + lanes <= s.c; c += lanes)
        largest<Positions>(
            p, win, [&](int64_t at) HWY_ATTR { return load_from(d, image + at + c); },
            [&](auto v) HWY_ATTR { store_to(v, d, p.y + out + c); },
            [&](auto v) HWY_ATTR { hn::StoreU(v, d32, p.where + out + c); });
      if (const int64_t rest = s.c - c; rest > 0)
        largest<Positions>(
            p, win, [&](int64_t at) HWY_ATTR { return load_first(d, rest, image + at + c); },
            [&](auto v) HWY_ATTR { store_first(v, d, rest, p.y + out + c); },
            [&](auto v) HWY_ATTR { store_first(v, d32, rest, p.where + out + c); });
    }
  }
}

template <class S>
void max_pool_lines(const MaxPool<S>& p) {
  p.where ? max_pool_lines<true>(p) : max_pool_lines<false>(p);
}

template <class S>
void max_pool_grad_images(const MaxPoolGrad<S>& p) {
  const hn::ScalableTag<float> d;
  const hn::ScalableTag<int32_t> d32;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  kernels::max_pool_grad_images(p, [&](const int32_t* at, int32_t here, const S* g, S* into) HWY_ATTR {
    const auto place = hn::Set(d32, here);
    int64_t c = 0;
    for (; c + lanes <= p.s.c; c += lanes) {
      const auto there = hn::RebindMask(d, hn::Eq(hn::LoadU(d32, at + c), place));
      store_to(hn::IfThenElseZero(there, load_from(d, g + c)), d, into + c);
    }
    chosen(at + c, here, g + c, p.s.c - c, into + c);
  });
}

void MaxPoolGradF32(const MaxPoolGrad<float>& p) { max_pool_grad_images(p); }
void MaxPoolGradBF16(const MaxPoolGrad<BFloat16>& p) { max_pool_grad_images(p); }
void MaxPoolF32(const MaxPool<float>& p) { max_pool_lines(p); }
void MaxPoolBF16(const MaxPool<BFloat16>& p) { max_pool_lines(p); }

}  // namespace
}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {
namespace {

HWY_EXPORT(MaxPoolF32);
HWY_EXPORT(MaxPoolBF16);
HWY_EXPORT(MaxPoolGradF32);
HWY_EXPORT(MaxPoolGradBF16);

// Images are independent: each is one task's work, so overlapping windows never meet on two threads.
int64_t images_a_piece(const PoolShape& s) {
  return std::max<int64_t>(1, elementwise_grain / std::max<int64_t>(1, s.h * s.w * s.c));
}
template <class Fn>
void each_image(const PoolShape& s, Fn&& fn) {
  parallel_for(s.n, images_a_piece(s), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) fn(n);
  });
}

// Calls fn(window, first input element of the image, first element of the output position).
template <class Fn>
void each_window(const PoolShape& s, Fn&& fn) {
  each_image(s, [&](int64_t n) {
    for (int64_t oy = 0; oy < s.oh(); ++oy)
      for (int64_t ox = 0; ox < s.ow(); ++ox)
        fn(window(s, oy, ox), n * s.h * s.w * s.c, ((n * s.oh() + oy) * s.ow() + ox) * s.c);
  });
}

// Windows that lie side by side: each input belongs to one window, or to none behind the last.
bool windows_apart(const PoolShape& s) {
  return s.stride_h == s.kernel_h && s.stride_w == s.kernel_w && s.pad_h == 0 && s.pad_w == 0;
}

void max_pool_lines(const MaxPool<float>& p) { HWY_DYNAMIC_DISPATCH(MaxPoolF32)(p); }
void max_pool_lines(const MaxPool<BFloat16>& p) { HWY_DYNAMIC_DISPATCH(MaxPoolBF16)(p); }

void max_pool_grad_images(const MaxPoolGrad<float>& p) { HWY_DYNAMIC_DISPATCH(MaxPoolGradF32)(p); }
void max_pool_grad_images(const MaxPoolGrad<BFloat16>& p) { HWY_DYNAMIC_DISPATCH(MaxPoolGradBF16)(p); }

// float64 is for checking only: one number after the other.
void max_pool_grad_images(const MaxPoolGrad<double>& p) {
  max_pool_grad_images(
      p, [&](const int32_t* at, int32_t here, const double* g, double* into) { chosen(at, here, g, p.s.c, into); });
}
void max_pool_lines(const MaxPool<double>& p) {
  const PoolShape& s = p.s;
  int64_t out = p.begin * s.ow() * s.c;
  for (int64_t line = p.begin; line < p.end; ++line)
    for (int64_t ox = 0; ox < s.ow(); ++ox)
      for (int64_t c = 0; c < s.c; ++c, ++out) {
        const double* channel = p.x + line / s.oh() * (s.h * s.w * s.c) + c;
        const Window win = window(s, line % s.oh(), ox);
        int64_t best = win.y0 * s.w + win.x0;
        for (int64_t iy = win.y0; iy < win.y1; ++iy)
          for (int64_t ix = win.x0; ix < win.x1; ++ix) {
            const double v = channel[(iy * s.w + ix) * s.c];
            if (v > channel[best * s.c] || v != v) best = iy * s.w + ix;  // a NaN stays
          }
        const double largest = channel[best * s.c];
        p.y[out] = p.relu && largest < 0 ? 0 : largest;
        if (p.where) p.where[out] = static_cast<int32_t>(best);
      }
}

}  // namespace

template <class T>
void max_pool(const PoolShape& s, std::span<const T> x, bool relu, std::span<T> y, std::span<int32_t> where) {
  apply_isa_limit();
  const int64_t work = std::max<int64_t>(1, s.ow() * s.c * s.kernel_h * s.kernel_w);  // for a line
  parallel_for(s.n * s.oh(), std::max<int64_t>(1, elementwise_grain / 2 / work), [&](int64_t begin, int64_t end) {
    max_pool_lines(MaxPool<T>{s, x.data(), relu, y.data(), where.empty() ? nullptr : where.data(), begin, end});
  });
}

template <class T>
void max_pool_grad(const PoolShape& s, std::span<const int32_t> where, std::span<const T> gy, std::span<T> gx) {
  if (windows_apart(s)) {
    apply_isa_limit();
    parallel_for(s.n, images_a_piece(s), [&](int64_t begin, int64_t end) {
      max_pool_grad_images(MaxPoolGrad<T>{s, where.data(), gy.data(), gx.data(), begin, end});
    });
    return;
  }
  each_image(s, [&](int64_t n) {
    T* image = gx.data() + n * s.h * s.w * s.c;
    std::fill_n(image, s.h * s.w * s.c, T{});
    const int64_t outputs = s.oh() * s.ow();
    for (int64_t p = n * outputs; p < (n + 1) * outputs; ++p)
      for (int64_t c = 0; c < s.c; ++c) {
        T& sum = image[where[static_cast<size_t>(p * s.c + c)] * s.c + c];
        sum = static_cast<T>(static_cast<Wide<T>>(sum) + static_cast<Wide<T>>(gy[static_cast<size_t>(p * s.c + c)]));
      }
  });
}

template <class T>
void average_pool(const PoolShape& s, std::span<const T> x, std::span<T> y) {
  each_window(s, [&](const Window& win, int64_t in, int64_t out) {
    T* sum = y.data() + out;
    std::fill_n(sum, s.c, T{});
    for (int64_t iy = win.y0; iy < win.y1; ++iy)
      for (int64_t ix = win.x0; ix < win.x1; ++ix) {
        const T* from = x.data() + in + (iy * s.w + ix) * s.c;
        for (int64_t c = 0; c < s.c; ++c) sum[c] += from[c];
      }
    const T scale = T{1} / static_cast<T>(win.count());
    for (int64_t c = 0; c < s.c; ++c) sum[c] *= scale;
  });
}

template <class T>
void average_pool_grad(const PoolShape& s, std::span<const T> gy, std::span<T> gx) {
  std::ranges::fill(gx, T{});
  each_window(s, [&](const Window& win, int64_t in, int64_t out) {
    const T* g = gy.data() + out;
    const T scale = T{1} / static_cast<T>(win.count());
    for (int64_t iy = win.y0; iy < win.y1; ++iy)
      for (int64_t ix = win.x0; ix < win.x1; ++ix) {
        T* into = gx.data() + in + (iy * s.w + ix) * s.c;
        for (int64_t c = 0; c < s.c; ++c) into[c] += g[c] * scale;
      }
  });
}

#define TANDEM_INSTANTIATE(T)                                                                              \
  template void max_pool<T>(const PoolShape&, std::span<const T>, bool, std::span<T>, std::span<int32_t>); \
  template void max_pool_grad<T>(const PoolShape&, std::span<const int32_t>, std::span<const T>, std::span<T>);
TANDEM_INSTANTIATE(float)
TANDEM_INSTANTIATE(double)
TANDEM_INSTANTIATE(BFloat16)
#undef TANDEM_INSTANTIATE

#define TANDEM_INSTANTIATE(T)                                                        \
  template void average_pool<T>(const PoolShape&, std::span<const T>, std::span<T>); \
  template void average_pool_grad<T>(const PoolShape&, std::span<const T>, std::span<T>);
TANDEM_INSTANTIATE(float)
TANDEM_INSTANTIATE(double)
#undef TANDEM_INSTANTIATE

}  // namespace tandem::kernels
#endif
