#include <tandem/ops/activation.h>

#include <cmath>
#include <numbers>

#include "tests/ops/table.h"

namespace tandem::testing {
namespace {

double phi(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
double logistic(double x) { return 1 / (1 + std::exp(-x)); }

// Along one axis, each line in turn.
Array lines(const Array& x, int axis, bool logarithm) {
  const int a = axis < 0 ? axis + x.shape.rank() : axis;
  const int64_t n = x.shape[a], inner = x.shape.product(a + 1, x.shape.rank());
  Array y(x.shape);
  for (int64_t o = 0; o < x.shape.product(0, a); ++o)
    for (int64_t j = 0; j < inner; ++j) {
      const auto at = [&](int64_t i) { return static_cast<size_t>((o * n + i) * inner + j); };
      double sum = 0;
      for (int64_t i = 0; i < n; ++i) sum += std::exp(x.v[at(i)]);
      for (int64_t i = 0; i < n; ++i) y.v[at(i)] = logarithm ? x.v[at(i)] - std::log(sum) : std::exp(x.v[at(i)]) / sum;
    }
  return y;
}

std::vector<Case> softmax_cases(Tensor (*call)(const Tensor&, int), bool logarithm) {
  std::vector<std::pair<Shape, int>> list{{{2, 3, 4}, 0},  {{2, 3, 4}, 1},  {{2, 3, 4}, 2},  {{2, 3, 4}, -1},
                                          {{2, 3, 4}, -3}, {{5}, 0},        {{0, 4}, 1},     {{4, 0}, 1},
                                          {{0, 4}, 0},     {{3, 1}, 1},     {{700, 101}, 1}, {{101, 700}, 0},
                                          {{2, 40000}, 1}, {{129, 3, 3}, 0}};
  for (const int64_t n : awkward_sizes) list.emplace_back(Shape{3, n}, -1);
  std::vector<Case> cases;
  for (const auto& [shape, axis] : list)
    cases.push_back({text(shape) + (axis < 0 ? "_axis_m" : "_axis_") + std::to_string(std::abs(axis)),
                     {{shape, uniform(-4, 4)}},
                     [call, axis = axis](const std::vector<Tensor>& in) { return call(in[0], axis); },
                     [axis = axis, logarithm](const std::vector<Array>& in) { return lines(in[0], axis, logarithm); }});
  // One name twice: {3, 4, ...} does not occur, so shape and axis tell the cases apart.
  return cases;
}

}  // namespace

std::vector<Row> activation_rows() {
  using T = const Tensor&;
  const Draw wide = uniform(-8, 8);
  std::vector<Row> rows;
  rows.push_back({"relu",
                  {0, 0},
                  "exact",
                  pointwise_cases("", away_from_zero(2), relu, [](double x) { return x > 0 ? x : 0; }),
                  {{0}, {}, "exact"}});
  rows.push_back({"leaky_relu",
                  {1.2e-7, 1.2e-7},
                  "the slope and the product are rounded",
                  pointwise_cases(
                      "", away_from_zero(2), [](T x) { return leaky_relu(x, 0.2); },
                      [](double x) { return x > 0 ? x : 0.2 * x; })});
  rows.push_back({"sigmoid",
                  {3e-7, 6e-7, 0, 0, 0.25},
                  "exponential, sum and quotient; 1 - y cancels where y is near 1",
                  pointwise_cases("", wide, sigmoid, logistic)});
  rows.push_back({"tanh",
                  {5e-7, 2.2e-6, 0, 0, 0.25},
                  "a rational fit within 5 units in the last place (6e-8 each); 1 - y^2 cancels and doubles them",
                  pointwise_cases(
                      "", uniform(-5, 5), [](T x) { return tanh(x); }, [](double x) { return std::tanh(x); })});
  // The fit of the tail is good to 5e-9 of its value, the exponential in it to the rounding of its argument (up to 32).
  rows.push_back(
      {"gelu",
       {4e-6, 4e-6, 0, 1e-6, 0.25},
       "the rounding of x^2 / 2 in the exponential of its tail",
       pointwise_cases("", wide, gelu, [](double x) { return x * phi(x); }),
       {{0}, {1.01 * one_rounding, 1.01 * one_rounding, 0, 1e-6, 0.25}, "calculated in float, rounded once"}});
  rows.push_back({"gelu_tanh",
                  {3e-6, 1e-6, 0, 0, 1},
                  "the argument of the exponential is up to 17; the gradient is a difference",
                  pointwise_cases("", uniform(-5, 5), gelu_tanh, [](double x) {
                    // (1 + tanh u) / 2, without its cancellation for negative u
                    return x * logistic(2 * std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x));
                  })});
  rows.push_back({"silu", {4e-7, 6e-7, 0, 0, 0.25}, "as sigmoid", pointwise_cases("", wide, silu, [](double x) {
                    return x * logistic(x);
                  })});
  rows.push_back({"softplus",
                  {4e-7, 4e-7},
                  "Highway's Exp and Log1p, a few units in the last place",
                  pointwise_cases("", uniform(-15, 15), softplus,
                                  [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); })});
  rows.push_back({"softmax",
                  {1e-6, 1e-6, 0, 0, 0.5},
                  "x - max is rounded to 8 * 6e-8; the gradient is a difference",
                  softmax_cases(softmax, false),
                  {{0}, {1e-6, one_rounding, 0, 0, 0.5}, "a float32 result; the gradient is rounded"}});
  rows.push_back({"log_softmax",
                  {1e-6, 1e-6, 0, 4},
                  "as softmax; the logarithm and the sum of the gradient are of size 4 to 16",
                  softmax_cases(log_softmax, true),
                  {{0}, {1e-6, one_rounding, 0, 4}, "a float32 result; the gradient is rounded"}});
  return rows;
}

}  // namespace tandem::testing
