#include <tandem/autograd/tape.h>
#include <tandem/base/threads.h>
#include <tandem/kernels/norm.h>
#include <tandem/kernels/reduce.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/check.h>
#include <tandem/ops/norm.h>

#include <cmath>

namespace tandem {
namespace {

void expect_channels(const char* name, const Tensor& x, std::initializer_list<const Tensor*> parts) {
  if (x.rank() < 2) fail(name, "takes shape (n, ..., channels), got {}", x.shape());
  for (const Tensor* part : parts)
    if (part->shape() != Shape{x.shape()[-1]})
      fail(name, "a parameter has shape {} but input {} has {} channels", part->shape(), x.shape(), x.shape()[-1]);
  expect_same_type(name, x, parts);
}

Tensor columns(const Tensor& x) { return x.view({x.shape().product(0, x.rank() - 1), x.shape()[-1]}); }

// gamma * (x - mean) * inv_std + beta, written as x * scale + shift.
template <class T>
void affine(const Tensor& rows, std::span<const T> mean, std::span<const T> inv_std, const Tensor& gamma,
            const Tensor& beta, const Tensor& y) {
  const size_t n = mean.size();
  std::vector<T> scale(n), shift(n);
  for (size_t c = 0; c < n; ++c) {
    scale[c] = gamma.data<T>()[c] * inv_std[c];
    shift[c] = beta.data<T>()[c] - mean[c] * scale[c];
  }
  kernels::column_affine<T>(rows.shape()[0], rows.shape()[1], rows.data<const T>(), scale, shift, y.data<T>());
}

template <class T>
std::vector<T> inverse_root(std::span<const T> variance, double epsilon) {
  std::vector<T> out(variance.size());
  for (size_t c = 0; c < out.size(); ++c)
    out[c] = static_cast<T>(1.0 / std::sqrt(static_cast<double>(variance[c]) + epsilon));
  return out;
}

template <class T>
Grads batch_norm_grad(const Tensor& rows, const std::vector<T>& mean, const std::vector<T>& inv_std,
                      const Tensor& gamma, bool training, const Tensor& g, Wanted wanted) {
  const int64_t n = rows.shape()[0], channels = rows.shape()[1];
  const Tensor sum_g = Tensor::empty({channels}, g.dtype()), sum_gh = Tensor::empty({channels}, g.dtype());
  const auto gv = g.data<const T>(), xv = rows.data<const T>();
  const auto sg = sum_g.data<T>(), sgh = sum_gh.data<T>();
  kernels::column_grad_sums<T>(n, channels, gv, xv, mean, inv_std, sg, sgh);
  Grads grads{Tensor{}, sum_gh, sum_g};
  if (!wanted[0]) return grads;
  // gx = gamma inv_std (g - mean(g) - x_hat mean(g x_hat)) = a g + b x + d by channel; outside training the means drop
  // out.
  std::vector<T> a(mean.size()), b(mean.size()), d(mean.size());
  for (size_t c = 0; c < mean.size(); ++c) {
    a[c] = gamma.data<T>()[c] * inv_std[c];
    if (!training) continue;
    const T mean_g = sg[c] / static_cast<T>(n), mean_gh = sgh[c] / static_cast<T>(n);
    b[c] = -a[c] * mean_gh * inv_std[c];
    d[c] = -a[c] * mean_g - b[c] * mean[c];
  }
  grads[0] = Tensor::empty(g.shape(), g.dtype());
  kernels::column_blend<T>(n, channels, gv, xv, a, b, d, grads[0].data<T>());
  return grads;
}

Tensor group_norm_op(const char* name, const Tensor& x, const kernels::GroupShape& s, const Tensor& gamma,
                     const Tensor& beta, double epsilon) {
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  const Tensor mean = Tensor::empty({s.n * s.groups}, x.dtype()), inv_std = Tensor::empty({s.n * s.groups}, x.dtype());
  dispatch_float(name, x.dtype(), [&](auto t) {
    using T = decltype(t);
    kernels::group_norm<T>(s, epsilon, x.data<const T>(), gamma.data<const T>(), beta.data<const T>(), y.data<T>(),
                           mean.data<T>(), inv_std.data<T>());
  });
  return with_grad(
      name, y, {x, gamma, beta},
      [name, s, x = x.detach(), gamma = gamma.detach(), mean, inv_std](const Tensor& g, Wanted wanted) {
        Grads grads(3);
        dispatch_float(name, g.dtype(), [&](auto t) {
          using T = decltype(t);
          if (wanted[0]) grads[0] = Tensor::empty(g.shape(), g.dtype());
          const Tensor g_hat = wanted[1] ? Tensor::empty(g.shape(), g.dtype()) : Tensor{};
          const auto values = [](const Tensor& part) { return part.defined() ? part.data<T>() : std::span<T>{}; };
          kernels::group_norm_grad<T>(s, x.data<const T>(), gamma.data<const T>(), mean.data<const T>(),
                                      inv_std.data<const T>(), g.data<const T>(), values(grads[0]), values(g_hat));
          if (wanted[1]) grads[1] = sum_to(g_hat, gamma.shape());
          if (wanted[2]) grads[2] = sum_to(g, gamma.shape());
        });
        return grads;
      });
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                  const Tensor& running_variance, bool training, double momentum, double epsilon) {
  expect_channels("batch_norm", x, {&gamma, &beta, &running_mean, &running_variance});
  const Tensor rows = columns(x);
  const int64_t n = rows.shape()[0];
  if (training && n < 2)
    fail("batch_norm", "input {} has {} value a channel: statistics in training need at least 2 (use larger batches)",
         x.shape(), n);
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  return dispatch_float("batch_norm", x.dtype(), [&](auto t) {
    using T = decltype(t);
    const auto running_m = running_mean.data<T>(), running_v = running_variance.data<T>();
    std::vector<T> mean(running_m.begin(), running_m.end()), variance(running_v.begin(), running_v.end());
    if (training) {
      kernels::column_moments<T>(n, x.shape()[-1], rows.data<const T>(), mean, variance);
      const double unbiased = static_cast<double>(n) / static_cast<double>(n - 1);
      for (size_t c = 0; c < mean.size(); ++c) {
        running_m[c] += static_cast<T>(momentum * static_cast<double>(mean[c] - running_m[c]));
        running_v[c] += static_cast<T>(
            momentum * (unbiased * static_cast<double>(variance[c]) - static_cast<double>(running_v[c])));
      }
    }
    const std::vector<T> inv_std = inverse_root<T>(variance, epsilon);
    affine<T>(rows, mean, inv_std, gamma, beta, y);
    return with_grad("batch_norm", y, {x, gamma, beta},
                     [rows, mean, inv_std, gamma = gamma.detach(), training](const Tensor& g, Wanted wanted) {
                       return batch_norm_grad<T>(rows, mean, inv_std, gamma, training, g, wanted);
                     });
  });
}

Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon) {
  expect_channels("layer_norm", x, {&gamma, &beta});
  return group_norm_op("layer_norm", x, {x.shape().product(0, x.rank() - 1), 1, x.shape()[-1], 1}, gamma, beta,
                       epsilon);
}

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& gamma, const Tensor& beta, double epsilon) {
  expect_channels("group_norm", x, {&gamma, &beta});
  const int64_t channels = x.shape()[-1];
  if (groups < 1 || channels % groups != 0)
    fail("group_norm", "{} channels cannot be divided into {} groups", channels, groups);
  return group_norm_op("group_norm", x, {x.shape()[0], x.shape().product(1, x.rank() - 1), channels, groups}, gamma,
                       beta, epsilon);
}

Tensor dropout(const Tensor& x, double probability, Rng& rng) {
  if (!(probability >= 0 && probability < 1)) fail("dropout", "probability {} is not in [0, 1)", probability);
  const uint64_t key = rng.bits();
  if (probability == 0) return x;
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  // The mask is drawn again for the gradient: it depends on the key and the position alone, so nothing is kept.
  const auto apply = [key, probability](const Tensor& from, const Tensor& into) {
    dispatch_float("dropout", from.dtype(), [&](auto t) {
      using T = decltype(t);
      const auto limit = static_cast<uint64_t>(probability * 0x1.0p53);
      const T scale = static_cast<T>(1.0 / (1.0 - probability));
      const T* in = from.data<const T>().data();
      T* out = into.data<T>().data();
      parallel_for(from.numel(), elementwise_grain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          out[i] = (random_bits(key, static_cast<uint64_t>(i)) >> 11) < limit ? T{0} : in[i] * scale;
      });
    });
  };
  apply(x, y);
  return with_grad("dropout", y, {x}, [apply](const Tensor& g, Wanted) {
    Tensor gx = Tensor::empty(g.shape(), g.dtype());
    apply(g, gx);
    return Grads{gx};
  });
}

}  // namespace tandem
