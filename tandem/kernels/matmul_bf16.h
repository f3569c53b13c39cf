// What matrix products of bfloat16 offer besides matmul().
#pragma once
#include <tandem/base/bfloat16.h>
#include <tandem/base/memory.h>

#include <cstdint>
#include <span>

namespace tandem::kernels {
namespace onednn {
struct Prepared;
}

/// C += A · B on the calling thread: A is m x k, B is k x n, all row-major and dense. Sums are float.
void add_product(int64_t m, int64_t n, int64_t k, std::span<const BFloat16> a, std::span<const BFloat16> b,
                 std::span<float> c);

/// Products of m rows with one B (k x n, or its transpose n x k), which is rounded to bfloat16 and packed once. Needs
/// has_bf16_dot().
class PackedProduct {
 public:
  struct Sizes {
    int64_t m, n, k;
    bool transpose_b = false, adds = false;
  };
  PackedProduct(const Sizes& sizes, std::span<const float> b);
  /// C = A · B, or C += A · B where it `adds`, on the calling thread; any number of threads may call.
  void run(const BFloat16* a, float* c) const;

 private:
  const onednn::Prepared& op_;
  Block packed_;
};

}  // namespace tandem::kernels
