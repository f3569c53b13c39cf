// Normalisation of rows by their root mean square. Highway vectors for float and double alike.
#pragma once
#include <cstdint>
#include <span>

namespace tandem::kernels {

// Contract: x, y and their gradients are rows x columns, gamma has a value a column, inv_rms one a row; outputs overlap
// no input.

/// y = x * inv_rms * gamma with inv_rms = 1 / sqrt(mean(x^2) + epsilon), which is filled in.
template <class T>
void rms_norm(int64_t rows, int64_t columns, double epsilon, std::span<const T> x, std::span<const T> gamma,
              std::span<T> y, std::span<T> inv_rms);

/// gx from gy, and the gradient of gamma, summed over pieces of rows in order. An empty output is not computed.
template <class T>
void rms_norm_grad(int64_t rows, int64_t columns, std::span<const T> x, std::span<const T> gamma,
                   std::span<const T> inv_rms, std::span<const T> gy, std::span<T> gx, std::span<T> g_gamma);

}  // namespace tandem::kernels
