// A network as it predicts.
#pragma once
#include <tandem/nn/sequential.h>

namespace tandem::nn {

/// A copy of a built network for prediction: batch norms are folded into the convolution or linear layer before them
/// and weights are laid out once. Its results differ from the network's by rounding alone. Later changes of `net` do
/// not reach it, and its parts bear other names. Its own weights must not be written to; training or building it makes
/// an ordinary network of it again.
[[nodiscard]] Sequential for_inference(const Sequential& net);

}  // namespace tandem::nn
