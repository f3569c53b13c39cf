// Softmax and its logarithm over rows.
#pragma once
#include <cstdint>
#include <span>

namespace tandem::kernels {

/// y[r, :] = softmax(x[r, :]) or its logarithm; the row's maximum is taken off first, so nothing overflows. y may be x.
void softmax(int64_t rows, int64_t columns, bool logarithm, std::span<const float> x, std::span<float> y);
void softmax(int64_t rows, int64_t columns, bool logarithm, std::span<const double> x, std::span<double> y);

}  // namespace tandem::kernels
