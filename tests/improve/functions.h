// Test functions of the field, to be made small, over their usual ranges.
#pragma once
#include <tandem/improve/space.h>

#include <array>
#include <cmath>
#include <numbers>

namespace tandem::testing {

using improve::Parameter;
using improve::Point;
using improve::Space;

inline Space box(size_t n, double low, double high) {
  std::vector<Parameter> all;
  for (size_t i = 0; i < n; ++i) all.push_back({.name = "x" + std::to_string(i + 1), .low = low, .high = high});
  return Space(all);
}

/// Branin: least value 0.397887, at three places. x1 in [-5, 10], x2 in [0, 15].
inline double branin(const Point& x) {
  const double pi = std::numbers::pi, a = x[1] - 5.1 / (4 * pi * pi) * x[0] * x[0] + 5 / pi * x[0] - 6;
  return a * a + 10 * (1 - 1 / (8 * pi)) * std::cos(x[0]) + 10;
}
inline Space branin_space() {
  return Space({{.name = "x1", .low = -5, .high = 10}, {.name = "x2", .low = 0, .high = 15}});
}

/// Hartmann in six dimensions: least value -3.32237. [0, 1]^6.
inline double hartmann6(const Point& x) {
  constexpr std::array<double, 4> alpha{1.0, 1.2, 3.0, 3.2};
  constexpr double a[4][6] = {{10, 3, 17, 3.5, 1.7, 8},
                              {0.05, 10, 17, 0.1, 8, 14},
                              {3, 3.5, 1.7, 10, 17, 8},
                              {17, 8, 0.05, 10, 0.1, 14}};
  constexpr double p[4][6] = {{0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886},
                              {0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991},
                              {0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650},
                              {0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381}};
  double out = 0;
  for (size_t i = 0; i < 4; ++i) {
    double sum = 0;
    for (size_t j = 0; j < 6; ++j) sum += a[i][j] * (x[j] - p[i][j]) * (x[j] - p[i][j]);
    out -= alpha[i] * std::exp(-sum);
  }
  return out;
}

/// Rosenbrock's valley: least value 0, at (1, …, 1). [-2, 2]^n.
inline double rosenbrock(const Point& x) {
  double out = 0;
  for (size_t i = 0; i + 1 < x.size(); ++i)
    out += 100 * (x[i + 1] - x[i] * x[i]) * (x[i + 1] - x[i] * x[i]) + (1 - x[i]) * (1 - x[i]);
  return out;
}

}  // namespace tandem::testing
