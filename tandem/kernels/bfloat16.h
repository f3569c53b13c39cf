// Between float and bfloat16, for whole arrays.
#pragma once
#include <tandem/base/bfloat16.h>
#include <tandem/base/memory.h>

#include <span>

namespace tandem::kernels {

// Contract: both spans have one length and do not overlap.
void widen(std::span<const BFloat16> from, std::span<float> to);
void narrow(std::span<const float> from, std::span<BFloat16> to);

/// to[j * to_step + i] = from[i * step + j] for i < rows and j < columns.
void transpose(const BFloat16* from, int64_t step, int64_t rows, int64_t columns, BFloat16* to, int64_t to_step);

/// The same where each row of `from` lies by itself, null being a row of zeros; to[j * to_step + i].
inline constexpr int64_t transposed_rows = 32;  // a cache line of the result
void transpose(std::span<const BFloat16* const, transposed_rows> from, int64_t columns, BFloat16* to, int64_t to_step,
               int64_t rows = transposed_rows);

/// A copy in float, or room for one.
class Widened {
 public:
  explicit Widened(size_t count) : block_(count * sizeof(float)), count_(count) {}
  explicit Widened(std::span<const BFloat16> from) : Widened(from.size()) { widen(from, values()); }
  [[nodiscard]] std::span<float> values() const { return {block_.as<float>(), count_}; }

 private:
  Block block_;
  size_t count_;
};

}  // namespace tandem::kernels
