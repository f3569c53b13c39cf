#include <tandem/base/threads.h>
#include <tandem/kernels/norm.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace tandem::kernels {
namespace {

template <class Fn>
void each_row(int64_t rows, int64_t columns, Fn&& fn) {
  parallel_for(rows, std::max<int64_t>(1, elementwise_grain / std::max<int64_t>(1, columns)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t r = begin; r < end; ++r) fn(r);
               });
}

// out[c] = factor * sum over rows of value(r, c). Rows are summed by 64, these sums by pieces, the pieces in order: the
// error stays that of some hundred additions, and the result does not depend on the threads.
template <class T, class Fn>
void column_sums(int64_t rows, int64_t columns, double factor, std::span<T> out, Fn&& value) {
  constexpr int64_t block = 64;
  const int64_t step = std::max(block, elementwise_grain / std::max<int64_t>(1, columns));
  const int64_t pieces = (rows + step - 1) / step;
  std::vector<T> partial(static_cast<size_t>(pieces * columns), T{0});
  parallel_tasks(pieces, [&](int64_t piece) {
    T* sum = partial.data() + piece * columns;
    std::vector<T> part(static_cast<size_t>(columns));
    const int64_t end = std::min(rows, (piece + 1) * step);
    for (int64_t first = piece * step; first < end; first += block) {
      std::ranges::fill(part, T{0});
      T* into = part.data();
      for (int64_t r = first; r < std::min(end, first + block); ++r)
        for (int64_t c = 0; c < columns; ++c) into[c] += value(r, c);
      for (int64_t c = 0; c < columns; ++c) sum[c] += into[c];
    }
  });
  for (int64_t c = 0; c < columns; ++c) {
    double total = 0;
    for (int64_t piece = 0; piece < pieces; ++piece)
      total += static_cast<double>(partial[static_cast<size_t>(piece * columns + c)]);
    out[static_cast<size_t>(c)] = static_cast<T>(total * factor);
  }
}

}  // namespace

template <class T>
void column_moments(int64_t rows, int64_t columns, std::span<const T> x, std::span<T> mean, std::span<T> variance) {
  const T* in = x.data();
  const double share = 1.0 / static_cast<double>(rows);
  column_sums(rows, columns, share, mean, [=](int64_t r, int64_t c) { return in[r * columns + c]; });
  const T* m = mean.data();
  column_sums(rows, columns, share, variance, [=](int64_t r, int64_t c) {
    const T d = in[r * columns + c] - m[c];
    return d * d;
  });
}

template <class T>
void column_grad_sums(int64_t rows, int64_t columns, std::span<const T> g, std::span<const T> x,
                      std::span<const T> mean, std::span<const T> inv_std, std::span<T> sum_g, std::span<T> sum_gh) {
  const T *gv = g.data(), *xv = x.data(), *m = mean.data(), *st = inv_std.data();
  column_sums(rows, columns, 1, sum_g, [=](int64_t r, int64_t c) { return gv[r * columns + c]; });
  column_sums(rows, columns, 1, sum_gh,
              [=](int64_t r, int64_t c) { return gv[r * columns + c] * ((xv[r * columns + c] - m[c]) * st[c]); });
}

template <class T>
void column_affine(int64_t rows, int64_t columns, std::span<const T> x, std::span<const T> scale,
                   std::span<const T> shift, std::span<T> y) {
  const T* a = scale.data();
  const T* b = shift.data();
  each_row(rows, columns, [&](int64_t r) {
    const T* in = x.data() + r * columns;
    T* out = y.data() + r * columns;
    for (int64_t c = 0; c < columns; ++c) out[c] = in[c] * a[c] + b[c];
  });
}

template <class T>
void column_blend(int64_t rows, int64_t columns, std::span<const T> g, std::span<const T> x, std::span<const T> a,
                  std::span<const T> b, std::span<const T> d, std::span<T> gx) {
  each_row(rows, columns, [&](int64_t r) {
    const T* gr = g.data() + r * columns;
    const T* xr = x.data() + r * columns;
    T* out = gx.data() + r * columns;
    for (int64_t c = 0; c < columns; ++c)
      out[c] = a[static_cast<size_t>(c)] * gr[c] + b[static_cast<size_t>(c)] * xr[c] + d[static_cast<size_t>(c)];
  });
}

template <class T>
void group_norm(const GroupShape& s, double epsilon, std::span<const T> x, std::span<const T> gamma,
                std::span<const T> beta, std::span<T> y, std::span<T> mean, std::span<T> inv_std) {
  const int64_t size = s.channels / s.groups;
  const auto count = static_cast<double>(s.inner * size);
  each_row(s.n * s.groups, s.inner * size, [&](int64_t at) {
    const int64_t base = at / s.groups * s.inner * s.channels + at % s.groups * size;
    double sum = 0;
    for (int64_t i = 0; i < s.inner; ++i)
      for (int64_t c = 0; c < size; ++c) sum += static_cast<double>(x[static_cast<size_t>(base + i * s.channels + c)]);
    const double m = sum / count;
    double squares = 0;
    for (int64_t i = 0; i < s.inner; ++i)
      for (int64_t c = 0; c < size; ++c) {
        const double d = static_cast<double>(x[static_cast<size_t>(base + i * s.channels + c)]) - m;
        squares += d * d;
      }
    mean[static_cast<size_t>(at)] = static_cast<T>(m);
    inv_std[static_cast<size_t>(at)] = static_cast<T>(1.0 / std::sqrt(squares / count + epsilon));
    const T mt = mean[static_cast<size_t>(at)], st = inv_std[static_cast<size_t>(at)];
    const int64_t channel = at % s.groups * size;
    for (int64_t i = 0; i < s.inner; ++i)
      for (int64_t c = 0; c < size; ++c) {
        const auto p = static_cast<size_t>(base + i * s.channels + c);
        const T hat = (x[p] - mt) * st;
        y[p] = gamma.empty() ? hat
                             : hat * gamma[static_cast<size_t>(channel + c)] + beta[static_cast<size_t>(channel + c)];
      }
  });
}

// With h = x_hat and w = gamma * gy: gx = inv_std * (w - mean(w) - h * mean(w * h)), means over the group.
template <class T>
void group_norm_grad(const GroupShape& s, std::span<const T> x, std::span<const T> gamma, std::span<const T> mean,
                     std::span<const T> inv_std, std::span<const T> gy, std::span<T> gx, std::span<T> gy_x_hat) {
  const int64_t size = s.channels / s.groups;
  const auto count = static_cast<double>(s.inner * size);
  each_row(s.n * s.groups, s.inner * size, [&](int64_t at) {
    const int64_t base = at / s.groups * s.inner * s.channels + at % s.groups * size;
    const int64_t channel = at % s.groups * size;
    const T m = mean[static_cast<size_t>(at)], st = inv_std[static_cast<size_t>(at)];
    const auto weight = [&](int64_t c) { return gamma.empty() ? T{1} : gamma[static_cast<size_t>(channel + c)]; };
    double sum_w = 0, sum_wh = 0;
    for (int64_t i = 0; i < s.inner; ++i)
      for (int64_t c = 0; c < size; ++c) {
        const auto p = static_cast<size_t>(base + i * s.channels + c);
        const T hat = (x[p] - m) * st;
        const T w = gy[p] * weight(c);
        sum_w += static_cast<double>(w);
        sum_wh += static_cast<double>(w * hat);
        if (!gy_x_hat.empty()) gy_x_hat[p] = gy[p] * hat;
      }
    if (gx.empty()) return;
    const T mean_w = static_cast<T>(sum_w / count), mean_wh = static_cast<T>(sum_wh / count);
    for (int64_t i = 0; i < s.inner; ++i)
      for (int64_t c = 0; c < size; ++c) {
        const auto p = static_cast<size_t>(base + i * s.channels + c);
        const T hat = (x[p] - m) * st;
        gx[p] = st * (gy[p] * weight(c) - mean_w - hat * mean_wh);
      }
  });
}

#define TANDEM_INSTANTIATE(T)                                                                                        \
  template void column_moments<T>(int64_t, int64_t, std::span<const T>, std::span<T>, std::span<T>);                 \
  template void column_grad_sums<T>(int64_t, int64_t, std::span<const T>, std::span<const T>, std::span<const T>,    \
                                    std::span<const T>, std::span<T>, std::span<T>);                                 \
  template void column_affine<T>(int64_t, int64_t, std::span<const T>, std::span<const T>, std::span<const T>,       \
                                 std::span<T>);                                                                      \
  template void column_blend<T>(int64_t, int64_t, std::span<const T>, std::span<const T>, std::span<const T>,        \
                                std::span<const T>, std::span<const T>, std::span<T>);                               \
  template void group_norm<T>(const GroupShape&, double, std::span<const T>, std::span<const T>, std::span<const T>, \
                              std::span<T>, std::span<T>, std::span<T>);                                             \
  template void group_norm_grad<T>(const GroupShape&, std::span<const T>, std::span<const T>, std::span<const T>,    \
                                   std::span<const T>, std::span<const T>, std::span<T>, std::span<T>);
TANDEM_INSTANTIATE(float)
TANDEM_INSTANTIATE(double)
#undef TANDEM_INSTANTIATE

}  // namespace tandem::kernels
