#include <tandem/autograd/tape.h>
#include <tandem/kernels/batch_norm.h>
#include <tandem/kernels/dropout.h>
#include <tandem/kernels/elementwise.h>
#include <tandem/kernels/group_norm.h>
#include <tandem/kernels/rms_norm.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/cast.h>
#include <tandem/ops/check.h>
#include <tandem/ops/norm.h>

#include <algorithm>
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

template <class T>
std::vector<T> inverse_root(std::span<const T> variance, double epsilon) {
  std::vector<T> out(variance.size());
  for (size_t c = 0; c < out.size(); ++c)
    out[c] = static_cast<T>(1.0 / std::sqrt(static_cast<double>(variance[c]) + epsilon));
  return out;
}

// What the gradient of a batch norm keeps: y = x * scale + shift, of which scale = gamma * inv_std. S is the type that
// x is stored in, T that of the parameters.
template <class S, class T = Wide<S>>
struct BatchNormKept {
  Tensor rows;
  std::vector<T> mean, inv_std, scale, shift;
  bool training;
};

// `relu`: g counts only where x * scale + shift is above 0.
template <class S, class T>
Grads batch_norm_grad(const BatchNormKept<S, T>& k, bool relu, const Tensor& g, Wanted wanted) {
  const Tensor& rows = k.rows;
  const int64_t n = rows.shape()[0], channels = rows.shape()[1];
  const Tensor sum_g = Tensor::empty({channels}, dtype_v<T>), sum_gh = Tensor::empty({channels}, dtype_v<T>);
  const kernels::ColumnGrad<S> s{n, channels, g.data<const S>(), rows.data<const S>(), k.scale, k.shift, relu};
  const auto sg = sum_g.data<T>(), sgh = sum_gh.data<T>();
  kernels::column_grad_sums<S>(s, k.mean, k.inv_std, sg, sgh);
  Grads grads{Tensor{}, sum_gh, sum_g};
  if (!wanted[0]) return grads;
  // gx = scale (g - mean(g) - x_hat mean(g x_hat)) = scale g + b x + d by channel; outside training the means drop out.
  std::vector<T> b(k.mean.size()), d(k.mean.size());
  for (size_t c = 0; k.training && c < b.size(); ++c) {
    const T mean_g = sg[c] / static_cast<T>(n), mean_gh = sgh[c] / static_cast<T>(n);
    b[c] = -k.scale[c] * mean_gh * k.inv_std[c];
    d[c] = -k.scale[c] * mean_g - b[c] * k.mean[c];
  }
  grads[0] = Tensor::empty(g.shape(), g.dtype());
  kernels::column_blend<S>(s, k.scale, b, d, grads[0].data<S>());
  return grads;
}

// relu(batch_norm(x) + added) or batch_norm(x); `added` may be none.
Tensor batch_norm_op(const char* name, const Tensor& x, const BatchNormParts& p, const Tensor& added, bool relu) {
  expect_channels(name, x, {&p.gamma, &p.beta, &p.running_mean, &p.running_variance});
  if (added.defined() && added.shape() != x.shape())
    fail(name, "what is added has shape {}, expected the input's {}", added.shape(), x.shape());
  if (added.defined() && added.dtype() != x.dtype())
    fail(name, "the input is {} but what is added is {}: cast one", name_of(x.dtype()), name_of(added.dtype()));
  const Tensor rows = columns(x);
  const int64_t n = rows.shape()[0];
  if (p.training && n < 2)
    fail(name, "input {} has {} value a channel: statistics in training need at least 2 (use larger batches)",
         x.shape(), n);
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  return dispatch_stored(name, x.dtype(), [&](auto t) {
    using S = decltype(t);
    using T = Wide<S>;
    const auto running_m = p.running_mean.data<T>(), running_v = p.running_variance.data<T>();
    std::vector<T> mean(running_m.begin(), running_m.end()), variance(running_v.begin(), running_v.end());
    if (p.training) {
      kernels::column_moments<S>(n, x.shape()[-1], rows.data<const S>(), mean, variance);
      const double unbiased = static_cast<double>(n) / static_cast<double>(n - 1);
      for (size_t c = 0; c < mean.size(); ++c) {
        running_m[c] += static_cast<T>(p.momentum * static_cast<double>(mean[c] - running_m[c]));
        running_v[c] += static_cast<T>(
            p.momentum * (unbiased * static_cast<double>(variance[c]) - static_cast<double>(running_v[c])));
      }
    }
    BatchNormKept<S> kept{rows, std::move(mean), inverse_root<T>(variance, p.epsilon), {}, {}, p.training};
    for (size_t c = 0; c < kept.mean.size(); ++c) {
      kept.scale.push_back(p.gamma.data<T>()[c] * kept.inv_std[c]);
      kept.shift.push_back(p.beta.data<T>()[c] - kept.mean[c] * kept.scale[c]);
    }
    if (n > 0)
      kernels::column_affine<S>(n, x.shape()[-1], rows.data<const S>(), kept.scale, kept.shift,
                                added.defined() ? added.data<const S>() : std::span<const S>{}, relu, y.data<S>());
    if (!added.defined())
      return with_grad(name, y, {x, p.gamma, p.beta}, [kept = std::move(kept), relu](const Tensor& g, Wanted wanted) {
        return batch_norm_grad(kept, relu, g, wanted);
      });
    return with_grad(name, y, {x, p.gamma, p.beta, added}, [kept = std::move(kept), y](const Tensor& g, Wanted wanted) {
      const Tensor counted = Tensor::empty(g.shape(), g.dtype());  // what goes to x and to `added`
      kernels::unary_grad(kernels::Unary::relu, 0, y.data<const S>(), g.data<const S>(), counted.data<S>());
      Grads grads = batch_norm_grad(kept, false, counted, wanted);
      grads.push_back(counted);
      return grads;
    });
  });
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
  return with_grad(name, y, {x, gamma, beta},
                   [name, s, x = x.detach(), gamma = gamma.detach(), mean, inv_std](const Tensor& g, Wanted wanted) {
                     Grads grads(3);
                     dispatch_float(name, g.dtype(), [&](auto t) {
                       using T = decltype(t);
                       const auto make = [&](size_t i, const Shape& shape) {
                         if (wanted[i]) grads[i] = Tensor::empty(shape, g.dtype());
                         return wanted[i] ? grads[i].template data<T>() : std::span<T>{};
                       };
                       const auto gx = make(0, g.shape()), g_gamma = make(1, gamma.shape()),
                                  g_beta = make(2, gamma.shape());
                       kernels::group_norm_grad<T>(s, x.data<const T>(), gamma.data<const T>(), mean.data<const T>(),
                                                   inv_std.data<const T>(), g.data<const T>(), gx, g_gamma, g_beta);
                     });
                     return grads;
                   });
}

}  // namespace

Tensor batch_norm(const Tensor& x, const BatchNormParts& parts) {
  return batch_norm_op("batch_norm", x, parts, {}, false);
}

Tensor batch_norm_relu(const Tensor& x, const BatchNormParts& parts, const Tensor& added) {
  return batch_norm_op("batch_norm_relu", x, parts, added, true);
}

Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon) {
  expect_channels("layer_norm", x, {&gamma, &beta});
  return group_norm_op("layer_norm", widened(x), {x.shape().product(0, x.rank() - 1), 1, x.shape()[-1], 1}, gamma, beta,
                       epsilon);
}

Tensor rms_norm(const Tensor& given, const Tensor& gamma, double epsilon) {
  expect_channels("rms_norm", given, {&gamma});
  const Tensor x = widened(given);
  const int64_t rows = x.shape().product(0, x.rank() - 1), columns = x.shape()[-1];
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  const Tensor inv_rms = Tensor::empty({rows}, x.dtype());
  dispatch_float("rms_norm", x.dtype(), [&](auto t) {
    using T = decltype(t);
    kernels::rms_norm<T>(rows, columns, epsilon, x.data<const T>(), gamma.data<const T>(), y.data<T>(),
                         inv_rms.data<T>());
  });
  return with_grad("rms_norm", y, {x, gamma},
                   [=, x = x.detach(), gamma = gamma.detach()](const Tensor& g, Wanted wanted) {
                     Grads grads(2);
                     dispatch_float("rms_norm", g.dtype(), [&](auto t) {
                       using T = decltype(t);
                       const auto make = [&](size_t i, const Shape& shape) {
                         if (wanted[i]) grads[i] = Tensor::empty(shape, g.dtype());
                         return wanted[i] ? grads[i].template data<T>() : std::span<T>{};
                       };
                       const auto gx = make(0, g.shape()), g_gamma = make(1, gamma.shape());
                       kernels::rms_norm_grad<T>(rows, columns, x.data<const T>(), gamma.data<const T>(),
                                                 inv_rms.data<const T>(), g.data<const T>(), gx, g_gamma);
                     });
                     return grads;
                   });
}

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& gamma, const Tensor& beta, double epsilon) {
  expect_channels("group_norm", x, {&gamma, &beta});
  const int64_t channels = x.shape()[-1];
  if (groups < 1 || groups > std::max<int64_t>(1, channels) || channels % groups != 0)
    fail("group_norm", "{} channels cannot be divided into {} groups", channels, groups);
  return group_norm_op("group_norm", widened(x), {x.shape()[0], x.shape().product(1, x.rank() - 1), channels, groups},
                       gamma, beta, epsilon);
}

Tensor dropout(const Tensor& x, double probability, Rng& rng) {
  if (!(probability >= 0 && probability < 1)) fail("dropout", "probability {} is not in [0, 1)", probability);
  const uint64_t key = rng.bits();
  if (probability == 0) return x;
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  // The mask is drawn again for the gradient: it depends on the key and the position alone, so nothing is kept.
  const auto apply = [key, probability](const Tensor& from, const Tensor& into) {
    dispatch_stored("dropout", from.dtype(), [&](auto t) {
      using S = decltype(t);
      kernels::dropout(key, probability, from.data<const S>(), into.data<S>());
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
