// Which examples a person should label first.
#pragma once
#include <tandem/tasks/classifier.h>

namespace tandem::people {

/// Up to `count` indices into `pool`, most useful first: BADGE (Ash et al. 2020). Each example stands at the gradient
/// that its likeliest label would send into the last layer: long where the network is unsure, and pointing elsewhere
/// for examples of another kind; k-means++ seeding takes some that are long and far from each other. Deterministic by
/// seed.
[[nodiscard]] std::vector<int64_t> most_useful(const tasks::Classifier& model, const data::Dataset& pool, int64_t count,
                                               uint64_t seed);

/// The same where there is no network yet: examples far from each other and from those already `chosen` (k-means++
/// seeding on the pixels, on the share of words that two texts have in common, on the encoded columns of rows).
[[nodiscard]] std::vector<int64_t> most_diverse(const data::Dataset& pool, std::span<const int64_t> chosen,
                                                int64_t count, uint64_t seed);

}  // namespace tandem::people
