// Numbers that went wrong: which there are, and where the first of them comes from.
#pragma once
#include <tandem/tasks/task.h>

#include <cmath>
#include <string>

namespace tandem::train {

/// Beyond this a loss, a gradient or a weight is as bad as one that is no number: optimisers and batch norms add up
/// squares in float32, which end at 3.4e38.
inline constexpr double too_large = 1e18;
[[nodiscard]] inline bool sound(double value) { return std::abs(value) <= too_large; }
/// Such a number for a reader: NaN's sign, which compilers and processors choose, says nothing.
[[nodiscard]] std::string shown(double value);
/// Of all numbers of a tensor together: whether its norm is sound. Integers always are.
[[nodiscard]] bool sound(const Tensor& tensor);

/// Goes through the batch once more and says where such numbers come from, if from the forward pass, and with which
/// examples: "layer 2 (linear) gives the first: such stand in its 2.weight; examples 12, 5, 77, …".
[[nodiscard]] std::string first_fault(tasks::Task& task, std::span<const int64_t> batch, const tasks::Moment& at,
                                      nn::Pass pass);

}  // namespace tandem::train
