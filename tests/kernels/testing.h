// What the tests of kernels share.
#pragma once
#include <tandem/base/bfloat16.h>
#include <tandem/base/random.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace tandem::testing {

/// n numbers in [-1, 1].
inline std::vector<float> random(int64_t n, const char* stream) {
  Rng rng(1, stream);
  std::vector<float> out(static_cast<size_t>(n));
  for (float& x : out) x = static_cast<float>(rng.uniform(-1, 1));
  return out;
}

/// Stored as bfloat16, and back.
inline std::vector<BFloat16> narrow(const std::vector<float>& v) {
  std::vector<BFloat16> out;
  for (const float x : v) out.emplace_back(x);
  return out;
}
inline std::vector<float> widen(const std::vector<BFloat16>& v) {
  std::vector<float> out;
  for (const BFloat16 x : v) out.push_back(static_cast<float>(x));
  return out;
}

/// The largest difference, relative to the largest number wanted.
inline double worst_error(const std::vector<float>& got, const std::vector<double>& want) {
  double worst = 0, largest = 1e-30;
  for (size_t i = 0; i < want.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(got[i]) - want[i]));
    largest = std::max(largest, std::abs(want[i]));
  }
  return worst / largest;
}

}  // namespace tandem::testing
