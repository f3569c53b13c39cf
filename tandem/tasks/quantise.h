// A classifier whose network predicts in 8-bit integers.
#pragma once
#include <tandem/tasks/classifier.h>

namespace tandem::tasks {

struct QuantiseOptions {
  int64_t examples = 512;  // of the training part, which show what comes into each layer
  uint64_t seed = 1;       // of their choice
};

/// The same model with nn::quantised() layers; how it reads examples, its confidence and its threshold stay. Throws a
/// usage error when the network is one of integers already, or nothing of it can become one.
[[nodiscard]] Classifier quantised(const Classifier& model, const data::Dataset& train,
                                   const QuantiseOptions& options = {});

/// How many of a network's numbers are 8-bit integers.
[[nodiscard]] int64_t int8_numbers(const nn::Sequential& net);

}  // namespace tandem::tasks
