// Reductions of contiguous numbers, shared by the kernels.
#pragma once
#include <algorithm>
#include <cstdint>

namespace tandem::kernels {

/// fn over x[0 … n-1], n > 0. Halves of long arrays apart, so that the error of a sum grows with the logarithm of n;
/// then 16 running values side by side, which the compiler keeps in vector registers. The order is fixed.
template <class T, class Fn>
T fold(const T* x, int64_t n, Fn fn) {
  constexpr int64_t lanes = 16, run = 1024;
  if (n > run) {
    const int64_t half = (n / 2 + run - 1) / run * run;
    return fn(fold(x, half, fn), fold(x + half, n - half, fn));
  }
  if (n < lanes) {
    T acc = x[0];
    for (int64_t i = 1; i < n; ++i) acc = fn(acc, x[i]);
    return acc;
  }
  T acc[lanes];
  std::copy_n(x, lanes, acc);
  int64_t i = lanes;
  for (; i + lanes <= n; i += lanes)
    for (int64_t l = 0; l < lanes; ++l) acc[l] = fn(acc[l], x[i + l]);
  for (int64_t l = 0; i + l < n; ++l) acc[l] = fn(acc[l], x[i + l]);
  for (int64_t width = lanes / 2; width > 0; width /= 2)
    for (int64_t l = 0; l < width; ++l) acc[l] = fn(acc[l], acc[l + width]);
  return acc[0];
}

struct Add {
  template <class T>
  T operator()(T a, T b) const {
    return a + b;
  }
};
// A NaN on either side stays.
struct Larger {
  template <class T>
  T operator()(T a, T b) const {
    return a < b || b != b ? b : a;
  }
};
struct Smaller {
  template <class T>
  T operator()(T a, T b) const {
    return b < a || b != b ? b : a;
  }
};

}  // namespace tandem::kernels
