// Clocks and the few statistics that the tables need.
#pragma once
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <vector>

namespace tandem::bench {

class Clock {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// The value that a share `q` of all values do not exceed. `values` is not empty.
[[nodiscard]] inline double quantile(std::vector<double> values, double q) {
  const auto at = static_cast<size_t>(std::ceil(q * static_cast<double>(values.size() - 1)));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

/// Median and extremes of several measurements of one thing.
struct Spread {
  double median = 0, low = 0, high = 0;
};
[[nodiscard]] inline Spread spread(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t n = values.size();
  const double median = n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
  return {median, values.front(), values.back()};
}

/// Seconds that one call of `fn` takes: the best of `rounds` rounds of as many calls as last `round_seconds`,
/// as the machine's peaks are the best of several: other programs and the host only ever add time.
template <class Fn>
[[nodiscard]] double seconds_per_call(Fn&& fn, double round_seconds = 0.02, int rounds = 7) {
  fn();  // kernels are made and memory is fetched at the first call
  int64_t calls = 1;
  double took = 0;
  for (;; calls *= 2) {
    const Clock clock;
    for (int64_t i = 0; i < calls; ++i) fn();
    took = clock.seconds();
    if (took > round_seconds / 2) break;
  }
  calls = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(calls) * round_seconds / took));
  std::vector<double> times;
  for (int r = 0; r < rounds; ++r) {
    const Clock clock;
    for (int64_t i = 0; i < calls; ++i) fn();
    times.push_back(clock.seconds() / static_cast<double>(calls));
  }
  return *std::ranges::min_element(times);
}

}  // namespace tandem::bench
