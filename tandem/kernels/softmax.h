// Softmax and its logarithm over rows, and the cross entropy of a softmax with labels.
#pragma once
#include <cstdint>
#include <span>

namespace tandem::kernels {

/// y[r, :] = softmax(x[r, :]) or its logarithm; the row's maximum is taken off first, so nothing overflows. y may be x.
void softmax(int64_t rows, int64_t columns, bool logarithm, std::span<const float> x, std::span<float> y);
void softmax(int64_t rows, int64_t columns, bool logarithm, std::span<const double> x, std::span<double> y);

/// loss[r] = -sum_c q_c log softmax(x[r, :])_c for the target q_c = (1 - smoothing) [c == label[r]] + smoothing /
/// columns, and slope[r, :] = (softmax(x[r, :]) - q) / rows: the gradient of the losses' mean. Labels are in range.
void softmax_entropy(std::span<const int64_t> label, double smoothing, std::span<const float> x, std::span<double> loss,
                     std::span<float> slope);
void softmax_entropy(std::span<const int64_t> label, double smoothing, std::span<const double> x,
                     std::span<double> loss, std::span<double> slope);

}  // namespace tandem::kernels
