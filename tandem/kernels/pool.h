// Maximum and average over windows of an N,H,W,C image.
#pragma once
#include <tandem/base/bfloat16.h>

#include <cstdint>
#include <span>

namespace tandem::kernels {

/// Input n x h x w x c, output n x oh() x ow() x c. Padding counts neither for the maximum nor for the average.
struct PoolShape {
  int64_t n = 0, h = 0, w = 0, c = 0;
  int64_t kernel_h = 2, kernel_w = 2, stride_h = 2, stride_w = 2, pad_h = 0, pad_w = 0;
  [[nodiscard]] int64_t oh() const { return (h + 2 * pad_h - kernel_h) / stride_h + 1; }
  [[nodiscard]] int64_t ow() const { return (w + 2 * pad_w - kernel_w) / stride_w + 1; }
};

/// y, cut at 0 from below where `relu`, and, unless `where` is empty, the position (y * w + x) of the first largest
/// input of its image.
template <class T>
void max_pool(const PoolShape& s, std::span<const T> x, bool relu, std::span<T> y, std::span<int32_t> where);
/// gx gets gy at `where`, summed where windows overlap. These two take bfloat16 as well.
template <class T>
void max_pool_grad(const PoolShape& s, std::span<const int32_t> where, std::span<const T> gy, std::span<T> gx);

template <class T>
void average_pool(const PoolShape& s, std::span<const T> x, std::span<T> y);
template <class T>
void average_pool_grad(const PoolShape& s, std::span<const T> gy, std::span<T> gx);

}  // namespace tandem::kernels
