#include <tandem/autograd/tape.h>
#include <tandem/kernels/softmax.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/loss.h>
#include <tandem/ops/reduce.h>

#include <algorithm>
#include <cmath>

namespace tandem {
namespace {

void expect_pair(const char* name, const Tensor& x, const Tensor& target) {
  if (x.shape() != target.shape() || x.dtype() != target.dtype())
    fail(name, "input {} {} and target {} {} must have one shape and type", x.shape(), name_of(x.dtype()),
         target.shape(), name_of(target.dtype()));
  if (x.numel() == 0) fail(name, "the batch is empty");
}

// Targets of a classification are data: a gradient for them would be silently missing.
void expect_data(const char* name, const Tensor& target) {
  if (requires_grad(target)) fail(name, "the target gets no gradient: pass target.detach()");
}

// Mean over the elements of a loss given, for each, as value and slope. A loss of x - target sends the negative slope
// to the target.
template <class Fn>
Tensor pointwise(const char* name, const Tensor& x, const Tensor& target, bool of_difference, Fn&& value_and_slope) {
  expect_pair(name, x, target);
  if (!of_difference) expect_data(name, target);
  return dispatch_float(name, x.dtype(), [&](auto t) {
    using T = decltype(t);
    const auto xv = x.data<const T>(), tv = target.data<const T>();
    Tensor slope = Tensor::empty(x.shape(), x.dtype());
    const auto sv = slope.data<T>();
    const double n = static_cast<double>(x.numel());
    double total = 0;
    for (size_t i = 0; i < xv.size(); ++i) {
      const auto [value, d] = value_and_slope(static_cast<double>(xv[i]), static_cast<double>(tv[i]));
      total += value;
      sv[i] = static_cast<T>(d / n);
    }
    return with_grad(name, Tensor::full({}, total / n, x.dtype()), {x, target},
                     [slope](const Tensor& g, Wanted wanted) {
                       return Grads{wanted[0] ? slope * g : Tensor{}, wanted[1] ? slope * -g : Tensor{}};
                     });
  });
}

struct Point {
  double value, slope;
};

}  // namespace

namespace {

using Weights = std::vector<double>;

// What backward makes of a slope of a scalar loss; a factor of 1 costs no walk over what may be a whole vocabulary.
Grads scaled(const Tensor& slope, const Tensor& g) { return {g.item() == 1 ? slope : slope * g}; }

// The mean over rows of the entropy with labels, without weights: the loss of most networks, so it has a kernel.
Tensor label_entropy(const Tensor& logits, std::span<const int64_t> labels, double smoothing) {
  const char* name = "cross_entropy";
  return dispatch_float(name, logits.dtype(), [&](auto t) {
    using T = decltype(t);
    const Tensor slope = Tensor::empty(logits.shape(), logits.dtype());
    std::vector<double> losses(labels.size());
    kernels::softmax_entropy(labels, smoothing, logits.data<const T>(), losses, slope.data<T>());
    double total = 0;
    for (const double loss : losses) total += loss;
    return with_grad(name, Tensor::full({}, total / static_cast<double>(losses.size()), logits.dtype()), {logits},
                     [slope](const Tensor& g, Wanted) { return scaled(slope, g); });
  });
}

// `share(r, c)`: how much of row r's target is class c; `weigh(r, w)`: the mean of the weights w over these shares.
template <class Share, class Weigh>
Tensor entropy_of(const Tensor& logits, const CrossEntropyOptions& o, Share&& share, Weigh&& weigh) {
  const char* name = "cross_entropy";
  const int64_t n = logits.shape()[0], classes = logits.shape()[1];
  if (o.class_weights.defined() && o.class_weights.shape() != Shape{classes})
    fail(name, "class_weights {} do not fit {} classes", o.class_weights.shape(), classes);
  return dispatch_float(name, logits.dtype(), [&](auto t) {
    using T = decltype(t);
    const Tensor slope = Tensor::empty(logits.shape(), logits.dtype());  // first log p, then d loss / d logits
    const auto s = slope.data<T>();
    kernels::softmax(n, classes, true, logits.data<const T>(), s);
    Weights weight(static_cast<size_t>(classes), 1.0);
    if (o.class_weights.defined())
      for (size_t c = 0; c < weight.size(); ++c) weight[c] = o.class_weights.at(static_cast<int64_t>(c));
    // The target of class c is q_c = (1 - e) share_c + e / classes; the loss is -sum_c w_c q_c log p_c.
    const double spread = o.label_smoothing / static_cast<double>(classes);
    const auto target = [&](int64_t r, size_t c) {
      return weight[c] * (spread + (1.0 - o.label_smoothing) * share(r, c));
    };
    double total = 0, norm = 0;
    for (int64_t r = 0; r < n; ++r) norm += weigh(r, weight);
    for (int64_t r = 0; r < n; ++r) {
      T* row = s.data() + r * classes;
      double mass = 0;  // sum of w_c q_c
      for (size_t c = 0; c < weight.size(); ++c) {
        const double q = target(r, c);
        if (q != 0) total -= q * static_cast<double>(row[c]);
        mass += q;
      }
      for (size_t c = 0; c < weight.size(); ++c)
        row[c] = static_cast<T>((mass * std::exp(static_cast<double>(row[c])) - target(r, c)) / norm);
    }
    return with_grad(name, Tensor::full({}, total / norm, logits.dtype()), {logits},
                     [slope](const Tensor& g, Wanted) { return scaled(slope, g); });
  });
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& o) {
  const char* name = "cross_entropy";
  if (!(o.label_smoothing >= 0 && o.label_smoothing < 1))
    fail(name, "label_smoothing {} is not in [0, 1)", o.label_smoothing);
  if (logits.rank() == 2 && targets.rank() == 2) {
    expect_pair(name, logits, targets);
    expect_data(name, targets);
    return dispatch_float(name, targets.dtype(), [&](auto t) {
      const auto shares = targets.data<const decltype(t)>();
      const auto classes = static_cast<size_t>(logits.shape()[1]);
      const auto share = [&](int64_t r, size_t c) {
        return static_cast<double>(shares[static_cast<size_t>(r) * classes + c]);
      };
      return entropy_of(logits, o, share, [&](int64_t r, const Weights& w) {
        double sum = 0;
        for (size_t c = 0; c < classes; ++c) sum += w[c] * share(r, c);
        return sum;
      });
    });
  }
  if (logits.rank() != 2 || targets.rank() != 1 || logits.shape()[0] != targets.shape()[0])
    fail(name, "takes logits (n, classes) and labels (n) or shares (n, classes), got {} and {}", logits.shape(),
         targets.shape());
  if (targets.dtype() != DType::i32 && targets.dtype() != DType::i64)
    fail(name, "labels must be int32 or int64, got {}", name_of(targets.dtype()));
  const int64_t n = logits.shape()[0], classes = logits.shape()[1];
  if (n == 0) fail(name, "the batch is empty");
  const Tensor index = targets.to(DType::i64);
  const auto labels = index.data<const int64_t>();
  for (const int64_t y : labels)
    if (y < 0 || y >= classes) fail(ErrorKind::data, name, "label {} is outside 0 to {}", y, classes - 1);
  if (!o.class_weights.defined()) return label_entropy(logits, labels, o.label_smoothing);
  const auto label = [&](int64_t r) { return static_cast<size_t>(labels[static_cast<size_t>(r)]); };
  return entropy_of(
      logits, o, [&](int64_t r, size_t c) { return c == label(r) ? 1.0 : 0.0; },
      [&](int64_t r, const Weights& w) { return w[label(r)]; });
}

Tensor binary_cross_entropy(const Tensor& p, const Tensor& targets) {
  return pointwise("binary_cross_entropy", p, targets, false, [](double x, double t) {
    if (!(x >= 0 && x <= 1))
      fail(ErrorKind::numeric, "binary_cross_entropy",
           "{} is no probability: end the network with a sigmoid, or use the loss with logits", x);
    const double value = -(t * std::max(std::log(x), -100.0) + (1 - t) * std::max(std::log1p(-x), -100.0));
    return Point{value, (x - t) / std::max(x * (1 - x), 1e-12)};
  });
}

Tensor binary_cross_entropy_logits(const Tensor& z, const Tensor& targets) {
  return pointwise("binary_cross_entropy_logits", z, targets, false, [](double x, double t) {
    const double value = std::max(x, 0.0) - x * t + std::log1p(std::exp(-std::abs(x)));
    return Point{value, 1 / (1 + std::exp(-x)) - t};
  });
}

Tensor mse_loss(const Tensor& x, const Tensor& target) {
  return pointwise("mse_loss", x, target, true, [](double a, double b) {
    return Point{(a - b) * (a - b), 2 * (a - b)};
  });
}

Tensor l1_loss(const Tensor& x, const Tensor& target) {
  return pointwise("l1_loss", x, target, true, [](double a, double b) {
    return Point{std::abs(a - b), static_cast<double>((a > b) - (a < b))};
  });
}

Tensor huber_loss(const Tensor& x, const Tensor& target, double delta) {
  if (!(delta > 0)) fail("huber_loss", "delta {} must be positive", delta);
  return pointwise("huber_loss", x, target, true, [delta](double a, double b) {
    const double d = a - b;
    if (std::abs(d) <= delta) return Point{d * d / 2, d};
    return Point{delta * (std::abs(d) - delta / 2), d > 0 ? delta : -delta};
  });
}

}  // namespace tandem
