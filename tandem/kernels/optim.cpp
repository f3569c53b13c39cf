#include <tandem/base/threads.h>
#include <tandem/kernels/optim.h>

#include <cmath>
#include <vector>

namespace tandem::kernels {
namespace {

template <class Fn>
void each(std::span<float> p, Fn&& fn) {
  parallel_for(static_cast<int64_t>(p.size()), elementwise_grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) fn(static_cast<size_t>(i));
  });
}

}  // namespace

void sgd(const SgdStep& s, std::span<const float> g, std::span<float> v, std::span<float> p) {
  if (s.momentum == 0) {
    each(p, [=](size_t i) { p[i] -= s.lr * (g[i] + s.weight_decay * p[i]); });
    return;
  }
  const float direct = s.nesterov ? 1.0F : 0.0F, through = s.nesterov ? s.momentum : 1.0F;
  each(p, [=](size_t i) {
    const float d = g[i] + s.weight_decay * p[i];
    v[i] = s.momentum * v[i] + d;
    p[i] -= s.lr * (direct * d + through * v[i]);
  });
}

void adam(const AdamStep& s, std::span<const float> g, std::span<float> m, std::span<float> v, std::span<float> p) {
  const float rate = s.lr / s.correction1, scale = 1.0F / std::sqrt(s.correction2), keep = 1.0F - s.lr * s.decay;
  const auto beta1 = static_cast<float>(s.beta1), rest1 = static_cast<float>(1 - s.beta1);
  const auto beta2 = static_cast<float>(s.beta2), rest2 = static_cast<float>(1 - s.beta2);
  each(p, [=](size_t i) {
    const float d = g[i] + s.l2 * p[i];
    m[i] = beta1 * m[i] + rest1 * d;
    v[i] = beta2 * v[i] + rest2 * d * d;
    p[i] = p[i] * keep - rate * m[i] / (std::sqrt(v[i]) * scale + s.epsilon);
  });
}

void rmsprop(const RmspropStep& s, std::span<const float> g, std::span<float> v, std::span<float> b,
             std::span<float> p) {
  const bool moving = s.momentum != 0;
  const auto alpha = static_cast<float>(s.alpha), rest = static_cast<float>(1 - s.alpha);
  each(p, [=](size_t i) {
    const float d = g[i] + s.weight_decay * p[i];
    v[i] = alpha * v[i] + rest * d * d;
    float step = d / (std::sqrt(v[i]) + s.epsilon);
    if (moving) step = b[i] = s.momentum * b[i] + step;
    p[i] -= s.lr * step;
  });
}

double sum_of_squares(std::span<const float> x) {
  constexpr int64_t piece = elementwise_grain;
  const auto n = static_cast<int64_t>(x.size());
  std::vector<double> partial(static_cast<size_t>((n + piece - 1) / piece), 0.0);
  parallel_for(n, piece, [&](int64_t begin, int64_t end) {
    double sums[8] = {};
    for (int64_t i = begin; i < end; ++i) {
      const double value = x[static_cast<size_t>(i)];
      sums[i & 7] += value * value;
    }
    for (const double sum : sums) partial[static_cast<size_t>(begin / piece)] += sum;
  });
  double total = 0;
  for (const double sum : partial) total += sum;
  return total;
}

}  // namespace tandem::kernels
