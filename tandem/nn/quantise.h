// From a network that has learned to one that predicts in 8-bit integers.
#pragma once
#include <tandem/nn/sequential.h>

namespace tandem::nn {

/// The range of inputs that 0 … 127 stand for: x = scale * (q - zero).
struct Int8Range {
  float scale = 1;
  int32_t zero = 0;
};
/// The range with the least mean square error over numbers of which `counts` lie in each of equal bins from `low` to
/// `high`: a rounding step gets smaller as the range does, and what lies beyond it is cut. 0 is one of its numbers.
[[nodiscard]] Int8Range best_range(double low, double high, std::span<const int64_t> counts);

/// A copy of a built network for prediction: batch norms are folded into the layer before them, then each linear layer
/// and each convolution without groups works in int8. Weights are scaled for each output channel by the largest,
/// inputs by best_range() over what comes in while `examples` runs: it is called twice and is to send the same batches
/// through the network it is given, with the pass it is given. Other layers stay as they are. The copy is not built:
/// read and build what its write() gives, and assign its named() tensors. Throws when nothing can become int8, or a
/// layer has met no example.
[[nodiscard]] Sequential quantised(const Sequential& net,
                                   const std::function<void(const Sequential& net, Pass& pass)>& examples);

}  // namespace tandem::nn
