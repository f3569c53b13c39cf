#include <tandem/ops/loss.h>

#include <cmath>

#include "tests/ops/table.h"

namespace tandem::testing {
namespace {

using Tensors = std::vector<Tensor>;
using Arrays = std::vector<Array>;

// Cross-entropy against a share of each class, over the sum of the weighted shares.
double entropy(const Array& logits, const Array& shares, const std::vector<double>& weights, double smoothing) {
  const int64_t n = logits.size(0), classes = logits.size(1);
  double loss = 0, norm = 0;
  for (int64_t r = 0; r < n; ++r) {
    double sum = 0;
    for (int64_t c = 0; c < classes; ++c) sum += std::exp(logits({r, c}));
    for (int64_t c = 0; c < classes; ++c) {
      const double w = weights[static_cast<size_t>(c)], share = shares({r, c});
      loss -=
          w * ((1 - smoothing) * share + smoothing / static_cast<double>(classes)) * (logits({r, c}) - std::log(sum));
      norm += w * share;
    }
  }
  return loss / norm;
}

// Labels as shares.
Array one_hot(const Array& labels, int64_t classes) {
  Array out(Shape{labels.size(0), classes});
  for (size_t r = 0; r < labels.v.size(); ++r)
    out.v[r * static_cast<size_t>(classes) + static_cast<size_t>(labels.v[r])] = 1;
  return out;
}

std::vector<Case> entropy_cases() {
  std::vector<Case> cases;
  const auto add = [&](const std::string& name, const Shape& shape, const auto& target, bool labels) {
    for (const double smoothing : {0.0, 0.1})
      for (const bool weighted : {false, true}) {
        std::vector<double> weights(static_cast<size_t>(shape[1]), 1.0);
        for (size_t c = 0; weighted && c < weights.size(); ++c) weights[c] = 0.5 + static_cast<double>(c % 5);
        cases.push_back({name + (smoothing > 0 ? "_smooth" : "") + (weighted ? "_weighted" : ""),
                         {{shape, uniform(-1.5, 1.5)}, target},
                         [=](const Tensors& in) {
                           CrossEntropyOptions options{.label_smoothing = smoothing};
                           if (weighted) options.class_weights = Tensor::from(weights, {shape[1]}).to(in[0].dtype());
                           return cross_entropy(in[0], in[1], options);
                         },
                         [=](const Arrays& in) {
                           Array y(Shape{});
                           y.v[0] = entropy(in[0], labels ? one_hot(in[1], shape[1]) : in[1], weights, smoothing);
                           return y;
                         },
                         false,
                         6,
                         shape[1] == 1 ? 1.0 : 0.0});  // the loss is 0 there, as the difference of two logits
      }
  };
  for (const Shape& shape :
       {Shape{1, 1}, Shape{1, 2}, Shape{3, 17}, Shape{17, 3}, Shape{33, 10}, Shape{2, 129}, Shape{5000, 10}})
    for (const DType type : {DType::i32, DType::i64}) {
      const Draw label = [classes = shape[1]](Rng& rng, int64_t, int64_t) {
        return static_cast<double>(rng.below(classes));
      };
      add(text(shape) + "_" + std::string(name_of(type)), shape, Input{{shape[0]}, label, false, type}, true);
    }
  for (const Shape& shape : {Shape{1, 1}, Shape{3, 17}, Shape{33, 10}, Shape{2000, 10}})
    add("shares_" + text(shape), shape, Input{shape, uniform(0, 1), false}, false);
  return cases;
}

// `target_gradient`: whether the target is differentiable as well.
std::vector<Case> pair_cases(const std::string& prefix, const Draw& x, const Draw& target, bool target_gradient,
                             const std::function<Tensor(const Tensor&, const Tensor&)>& call,
                             const std::function<double(double, double)>& reference) {
  std::vector<Shape> shapes{Shape{}, Shape{2, 3, 5}, Shape{many}};
  for (const int64_t n : awkward_sizes)
    if (n > 0) shapes.push_back({n});
  std::vector<Case> cases;
  for (const Shape& shape : shapes)
    cases.push_back({prefix + text(shape),
                     {{shape, x}, {shape, target, target_gradient}},
                     [=](const Tensors& in) { return call(in[0], in[1]); },
                     [=](const Arrays& in) {
                       Array y(Shape{});
                       for (size_t i = 0; i < in[0].v.size(); ++i)
                         y.v[0] += reference(in[0].v[i], in[1].v[i]) / static_cast<double>(in[0].v.size());
                       return y;
                     },
                     false,
                     6});
  return cases;
}

double log_loss(double p, double t) { return -(t * std::log(p) + (1 - t) * std::log(1 - p)); }

}  // namespace

std::vector<Row> loss_rows() {
  using T = const Tensor&;
  const Draw probability = uniform(0.2, 0.8), share = uniform(0, 1);
  // Multiples of a tenth against odd multiples of a twentieth: no difference is near 0, 0.5 or 1, where slopes jump.
  const Draw tenths = [](Rng& rng, int64_t, int64_t) { return 0.1 * static_cast<double>(rng.below(41) - 20); };
  const Draw between = [](Rng& rng, int64_t, int64_t) { return 0.05 + 0.1 * static_cast<double>(rng.below(41) - 20); };
  const auto huber = [](double delta) {
    return [=](double x, double t) {
      const double d = std::abs(x - t);
      return d < delta ? d * d / 2 : delta * d - delta * delta / 2;
    };
  };
  const Tolerance tight{2e-7, 3e-7, 0.05};
  const std::string summed = "sums run in double precision; the result and the slopes are rounded";
  Row huber_row{"huber_loss", tight, summed,
                pair_cases(
                    "delta_1_", tenths, between, true, [](T x, T t) { return huber_loss(x, t); }, huber(1))};
  for (Case& c : pair_cases(
           "delta_half_", tenths, between, true, [](T x, T t) { return huber_loss(x, t, 0.5); }, huber(0.5)))
    huber_row.cases.push_back(std::move(c));
  return {{"cross_entropy",
           {1e-6, 2e-6, 0.5},
           "the logarithm of the softmax is in float, and p - q cancels",
           entropy_cases()},
          {"binary_cross_entropy", tight, summed,
           pair_cases("", probability, share, false, binary_cross_entropy, log_loss)},
          {"binary_cross_entropy_logits", tight, summed,
           pair_cases("", uniform(-8, 8), share, false, binary_cross_entropy_logits,
                      [](double z, double t) { return log_loss(1 / (1 + std::exp(-z)), t); })},
          {"mse_loss", tight, summed,
           pair_cases("", uniform(-2, 2), uniform(-2, 2), true, mse_loss,
                      [](double x, double t) { return (x - t) * (x - t); })},
          {"l1_loss", tight, summed,
           pair_cases("", tenths, between, true, l1_loss, [](double x, double t) { return std::abs(x - t); })},
          huber_row};
}

}  // namespace tandem::testing
