// The number of a classifier that an explanation explains: the output of one class's unit, before softmax.
#pragma once
#include <tandem/tasks/classifier.h>

#include <memory>
#include <string>
#include <vector>

namespace tandem::people {

/// A copy whose tensors share the memory of the network, without its tape.
[[nodiscard]] std::shared_ptr<nn::Sequential> off_the_tape(const nn::Sequential& net);

/// Of outputs (n, classes) the target's -> (n). With one output: its value, turned round for the first class.
[[nodiscard]] Tensor unit_of(const Tensor& outputs, int32_t target);

/// Throws a usage error for a method that is none of `methods`, with the nearest name, and for a class (-1: none asked
/// for) that the model does not have.
void check_asked(const tasks::Classifier& model, const std::string& method, const std::vector<std::string>& methods,
                 int64_t target);

/// How far values that promise to sum to `change` are off, as a share of it.
[[nodiscard]] double gap_of(double total, double change);

}  // namespace tandem::people
