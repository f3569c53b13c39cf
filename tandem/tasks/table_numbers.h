// What a column of numbers is encoded with, for who encodes it elsewhere too (deploy/onnx).
#pragma once
#include <tandem/tasks/table_input.h>

#include <array>
#include <utility>

namespace tandem::tasks {

/// Where standardised values are cut.
[[nodiscard]] std::pair<double, double> reach_of(const NumberInput& column);
/// Ranks are kept so far from 0 and 1.
[[nodiscard]] double rank_margin(const NumberInput& column);

/// Inverse of the standard normal distribution (Acklam's rational approximation, relative error below 1.2e-9). Of a
/// share p from `tail` to 1 - tail it is q · middle_above(q²) / middle_below(q²) with q = p - 1/2; in the lower tail
/// tail_above(q) / tail_below(q) with q = sqrt(-2 log p), in the upper one as much above 0. Polynomials by falling
/// power.
struct NormalQuantile {
  static constexpr double tail = 0.02425;
  static constexpr std::array middle_above{-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                                           1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
  static constexpr std::array middle_below{-5.447609879822406e+01, 1.615858368580409e+02,  -1.556989798598866e+02,
                                           6.680131188771972e+01,  -1.328068155288572e+01, 1.0};
  static constexpr std::array tail_above{-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                                         -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
  static constexpr std::array tail_below{7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                                         3.754408661907416e+00, 1.0};
};

}  // namespace tandem::tasks
