// Dropout: numbers left out at random.
#pragma once
#include <tandem/base/bfloat16.h>

#include <cstdint>
#include <span>

namespace tandem::kernels {

/// y[i] = x[i] / (1 - probability), or 0 where the i-th random number under `key` (random_bits of base/random.h, as a
/// number in [0, 1) of 53 bits) is below `probability`. y may be x.
void dropout(uint64_t key, double probability, std::span<const float> x, std::span<float> y);
void dropout(uint64_t key, double probability, std::span<const double> x, std::span<double> y);
void dropout(uint64_t key, double probability, std::span<const BFloat16> x, std::span<BFloat16> y);

}  // namespace tandem::kernels
