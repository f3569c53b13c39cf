// The same example twice: within a part, or in two parts, where it leaks the answer.
#pragma once
#include <tandem/data/dataset.h>

namespace tandem::data {

/// Two examples that are equal: bytes of pictures and texts, of rows the columns that are learned from. `second` comes
/// later in its set.
struct Duplicate {
  int64_t first = 0, second = 0;
};

/// Within one set: each example that equals an earlier one, with the earliest such.
[[nodiscard]] std::vector<Duplicate> duplicates(const Dataset& set);
/// Across two sets: each example of `second` that is in `first` too, with the earliest there. Pictures of other sizes
/// are never equal.
[[nodiscard]] std::vector<Duplicate> duplicates(const Dataset& first, const Dataset& second);

}  // namespace tandem::data
