// What augmentation does to given pictures, for people to judge before a training.
#pragma once
#include <tandem/tasks/classification.h>

namespace tandem::tasks {

/// Each of `examples` of the training part in a row: first as it is, then as the network is given it in the epochs from
/// the first on, `columns` pictures in all, mixed with others of these examples where the task mixes. uint8 (H, W, C),
/// to be written with data::encode_png. Throws a usage error for what is no picture or not there.
[[nodiscard]] Tensor augmentation_sheet(const Classification& task, const data::Dataset& train,
                                        std::span<const int64_t> examples, int64_t columns, uint64_t seed);

}  // namespace tandem::tasks
