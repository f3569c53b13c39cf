// Matrix products.
#pragma once
#include <tandem/base/bfloat16.h>

#include <cstdint>
#include <span>

namespace tandem::kernels {

/// C = op(A) · op(B) (+ bias on every row), all row-major. op(A) is m x k, op(B) is k x n; a transposed operand is
/// stored as k x m or n x k. bias is empty or has n values. C must not overlap an operand. Empty sizes are fine:
/// k = 0 gives the bias or zeros. float packs B and keeps tiles of C in registers (Goto and van de Geijn 2008), on the
/// instruction set chosen at run time; double is the plain loop. `backwards` lets few rows of A go through B's columns
/// from the last on: a caller that changes direction from call to call finds the columns that it left last in a near
/// cache. The result is the same.
struct MatmulShape {
  int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  bool backwards = false;
};
void matmul(const MatmulShape& shape, std::span<const float> a, std::span<const float> b, std::span<const float> bias,
            std::span<float> c);
void matmul(const MatmulShape& shape, std::span<const double> a, std::span<const double> b,
            std::span<const double> bias, std::span<double> c);

/// The same of operands in bfloat16, summed in float, by oneDNN; where the processor has no instruction for it they are
/// widened. `backwards` changes nothing.
void matmul(const MatmulShape& shape, std::span<const BFloat16> a, std::span<const BFloat16> b,
            std::span<const float> bias, std::span<float> c);

}  // namespace tandem::kernels
