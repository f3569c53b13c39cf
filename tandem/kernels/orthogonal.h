// The nearest matrix with orthonormal rows or columns.
#pragma once
#include <cstdint>
#include <span>

namespace tandem::kernels {

/// out ~ U Vᵀ for the rows x cols matrix x = U S Vᵀ, row-major: five Newton-Schulz steps with the coefficients of
/// Jordan et al. 2024 ("Muon"), which bring singular values between about 0.7 and 1.2, not to 1 exactly. A matrix of
/// zeros stays zero. `out` must not overlap x. With `bf16` the operands of its products are rounded to bfloat16, as
/// Jordan et al. do it.
void orthogonalize(int64_t rows, int64_t cols, std::span<const float> x, std::span<float> out, bool bf16 = false);

}  // namespace tandem::kernels
