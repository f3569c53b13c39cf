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

}  // namespace

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
  template void group_norm<T>(const GroupShape&, double, std::span<const T>, std::span<const T>, std::span<const T>, \
                              std::span<T>, std::span<T>, std::span<T>);                                             \
  template void group_norm_grad<T>(const GroupShape&, std::span<const T>, std::span<const T>, std::span<const T>,    \
                                   std::span<const T>, std::span<const T>, std::span<T>, std::span<T>);
TANDEM_INSTANTIATE(float)
TANDEM_INSTANTIATE(double)
#undef TANDEM_INSTANTIATE

}  // namespace tandem::kernels
