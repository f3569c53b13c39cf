// Reductions of contiguous numbers, shared by the kernels.
#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>

namespace tandem::kernels {

// What a fold does with two numbers. `ordered` may lose a NaN, which `operator()` keeps on either side: it is the form
// that compiles to one instruction. Bitwise or, since a branch would keep the compiler from using vectors.
struct Add {
  static constexpr bool may_lose_nan = false;
  template <class T>
  static T ordered(T a, T b) {
    return a + b;
  }
  template <class T>
  T operator()(T a, T b) const {
    return a + b;
  }
};
struct Larger {
  static constexpr bool may_lose_nan = true;
  template <class T>
  static T ordered(T a, T b) {
    return a < b ? b : a;
  }
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<int>(a < b) | static_cast<int>(b != b) ? b : a;
  }
};
struct Smaller {
  static constexpr bool may_lose_nan = true;
  template <class T>
  static T ordered(T a, T b) {
    return b < a ? b : a;
  }
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<int>(b < a) | static_cast<int>(b != b) ? b : a;
  }
};

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
  if constexpr (Fn::may_lose_nan) {
    int lost = 0;
    for (int64_t i = 0; i < n; ++i) lost |= static_cast<int>(x[i] != x[i]);
    if (lost) return std::numeric_limits<T>::quiet_NaN();
  }
  T acc[lanes];
  std::copy_n(x, lanes, acc);
  int64_t i = lanes;
  for (; i + lanes <= n; i += lanes)
    for (int64_t l = 0; l < lanes; ++l) acc[l] = fn.ordered(acc[l], x[i + l]);
  for (int64_t l = 0; i + l < n; ++l) acc[l] = fn.ordered(acc[l], x[i + l]);
  for (int64_t width = lanes / 2; width > 0; width /= 2)
    for (int64_t l = 0; l < width; ++l) acc[l] = fn.ordered(acc[l], acc[l + width]);
  return acc[0];
}

}  // namespace tandem::kernels
