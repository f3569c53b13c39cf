// How exact the functions of floats are, in units of the last place of the true value.
#include <gtest/gtest.h>
#include <tandem/kernels/elementwise.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

#include "tests/kernels/testing.h"

namespace tandem::testing {
namespace {

using kernels::Unary;

double logistic(double x) { return 1 / (1 + std::exp(-x)); }
double phi(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

double unit_of(double value) {
  const auto size = std::abs(static_cast<float>(value));
  return static_cast<double>(std::nextafter(size, std::numeric_limits<float>::infinity())) - static_cast<double>(size);
}

struct Worst {
  double units = 0, at = 0;
};

// Over numbers spread evenly between low and high, and over as many that come near to 0.
Worst worst(Unary op, const std::function<double(double)>& want, double low, double high) {
  constexpr int64_t n = 100'000;
  std::vector<float> x;
  for (int64_t i = 0; i < n; ++i) {
    x.push_back(static_cast<float>(low + (high - low) * static_cast<double>(i) / n));
    x.push_back(static_cast<float>((i % 2 ? low : high) * std::exp2(-30.0 * static_cast<double>(i) / n)));
  }
  std::vector<float> y(x.size());
  kernels::unary(op, 0, x, y);
  Worst out;
  for (size_t i = 0; i < x.size(); ++i) {
    const double right = want(x[i]), units = std::abs(y[i] - right) / unit_of(right);
    if (units > out.units) out = {units, x[i]};
  }
  return out;
}

TEST(KernelMath, IsExactToAFewUnitsInTheLastPlace) {
  struct Row {
    const char* name;
    Unary op;
    std::function<double(double)> want;
    double low, high, units;
  };
  // gelu: the rounding of x to x / sqrt 2 log e alone costs x^2 / 2 units in the exponential.
  const Row rows[] = {{"exp", Unary::exp, [](double x) { return std::exp(x); }, -87.3, 88.7, 1.5},
                      {"tanh", Unary::tanh, [](double x) { return std::tanh(x); }, -12, 12, 5},
                      {"sigmoid", Unary::sigmoid, logistic, -80, 80, 3},
                      {"gelu near", Unary::gelu, [](double x) { return x * phi(x); }, -1, 30, 4},
                      {"gelu far", Unary::gelu, [](double x) { return x * phi(x); }, -10, 0, 64}};
  for (const Row& row : rows) {
    const Worst w = worst(row.op, row.want, row.low, row.high);
    EXPECT_LE(w.units, row.units) << row.name << " at " << w.at;
    RecordProperty(row.name, std::to_string(w.units));
  }
}

// Never beyond their limits, which would turn the sign of a gradient.
TEST(KernelMath, StaysWithinItsRange) {
  std::vector<float> x(200'001), y(x.size());
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) * 1e-4F - 10;
  kernels::unary(Unary::tanh, 0, x, y);
  for (const float v : y) EXPECT_LE(std::abs(v), 1);
  kernels::unary(Unary::sigmoid, 0, x, y);
  for (const float v : y) EXPECT_TRUE(v >= 0 && v <= 1);
}

}  // namespace
}  // namespace tandem::testing
