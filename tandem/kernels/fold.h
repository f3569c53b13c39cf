// Reductions of contiguous numbers, shared by the kernels.
#pragma once
#include <algorithm>
#include <cstdint>

namespace tandem::kernels {

/// fn over x[0 … n-1], n > 0. 16 running values side by side: the compiler keeps them in vector registers, the order is
/// fixed, and a long sum loses less than in one running value.
template <class T, class Fn>
T fold(const T* x, int64_t n, Fn fn) {
  constexpr int64_t lanes = 16;
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
  T operator()(T a, T b) const { return a + b; }
};
// A NaN on either side stays.
struct Larger {
  template <class T>
  T operator()(T a, T b) const { return a < b || b != b ? b : a; }
};
struct Smaller {
  template <class T>
  T operator()(T a, T b) const { return b < a || b != b ? b : a; }
};

}  // namespace tandem::kernels
