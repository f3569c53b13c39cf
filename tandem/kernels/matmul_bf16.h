// What matrix products of bfloat16 offer besides matmul().
#pragma once
#include <tandem/base/bfloat16.h>

#include <cstdint>
#include <span>

namespace tandem::kernels {

/// C += A · B on the calling thread: A is m x k, B is k x n, all row-major and dense. Sums are float.
void add_product(int64_t m, int64_t n, int64_t k, std::span<const BFloat16> a, std::span<const BFloat16> b,
                 std::span<float> c);

}  // namespace tandem::kernels
