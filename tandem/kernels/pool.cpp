#include <tandem/base/threads.h>
#include <tandem/kernels/pool.h>

#include <algorithm>

namespace tandem::kernels {
namespace {

// Images are independent: each is one task's work, so overlapping windows never meet on two threads.
template <class Fn>
void each_image(const PoolShape& s, Fn&& fn) {
  parallel_for(s.n, std::max<int64_t>(1, elementwise_grain / std::max<int64_t>(1, s.h * s.w * s.c)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t n = begin; n < end; ++n) fn(n);
               });
}

struct Window {
  int64_t y0, y1, x0, x1;
  [[nodiscard]] int64_t count() const { return (y1 - y0) * (x1 - x0); }
};

Window window(const PoolShape& s, int64_t oy, int64_t ox) {
  const int64_t y = oy * s.stride_h - s.pad_h, x = ox * s.stride_w - s.pad_w;
  return {std::max<int64_t>(y, 0), std::min(y + s.kernel_h, s.h), std::max<int64_t>(x, 0),
          std::min(x + s.kernel_w, s.w)};
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

}  // namespace

template <class T>
void max_pool(const PoolShape& s, std::span<const T> x, std::span<T> y, std::span<int32_t> where) {
  each_window(s, [&](const Window& win, int64_t in, int64_t out) {
    T* best = y.data() + out;
    int32_t* at = where.data() + out;
    const auto first = static_cast<int32_t>(win.y0 * s.w + win.x0);
    for (int64_t c = 0; c < s.c; ++c) best[c] = x[static_cast<size_t>(in + first * s.c + c)], at[c] = first;
    for (int64_t iy = win.y0; iy < win.y1; ++iy)
      for (int64_t ix = win.x0; ix < win.x1; ++ix) {
        const auto here = static_cast<int32_t>(iy * s.w + ix);
        const T* from = x.data() + in + here * s.c;
        for (int64_t c = 0; c < s.c; ++c) {
          const auto value = static_cast<Wide<T>>(from[c]);
          const bool more = value > static_cast<Wide<T>>(best[c]) || value != value;  // a NaN stays
          best[c] = more ? from[c] : best[c];
          at[c] = more ? here : at[c];
        }
      }
  });
}

template <class T>
void max_pool_grad(const PoolShape& s, std::span<const int32_t> where, std::span<const T> gy, std::span<T> gx) {
  if (windows_apart(s)) {  // every input is written once, whole vectors of channels at a time
    each_image(s, [&](int64_t n) {
      for (int64_t iy = 0; iy < s.h; ++iy)
        for (int64_t ix = 0; ix < s.w; ++ix) {
          T* into = gx.data() + ((n * s.h + iy) * s.w + ix) * s.c;
          const int64_t oy = iy / s.stride_h, ox = ix / s.stride_w;
          if (oy >= s.oh() || ox >= s.ow()) {
            std::fill_n(into, s.c, T{});
            continue;
          }
          const int64_t out = ((n * s.oh() + oy) * s.ow() + ox) * s.c;
          const int32_t* at = where.data() + out;
          const T* g = gy.data() + out;
          const auto here = static_cast<int32_t>(iy * s.w + ix);
          for (int64_t c = 0; c < s.c; ++c) into[c] = at[c] == here ? g[c] : T{};
        }
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

#define TANDEM_INSTANTIATE(T)                                                                        \
  template void max_pool<T>(const PoolShape&, std::span<const T>, std::span<T>, std::span<int32_t>); \
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
