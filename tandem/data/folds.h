// Folds of a cross-validation.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace tandem::data {

/// The fold, 0 … count-1, of each example: folds of like size, in each of which every class has its share. With
/// `groups` (one number an example), all examples of a group lie in one fold, and classes are shared as well as that
/// allows. Seeded: another seed is another repetition. Throws a usage error for fewer than 2 folds and a data error
/// when a class or the groups are fewer than the folds.
[[nodiscard]] std::vector<int32_t> folds(std::span<const int32_t> labels, int64_t count, uint64_t seed,
                                         std::span<const int64_t> groups = {});

}  // namespace tandem::data
