// Filters that make the patches of pictures white, as the first layer of a network that is to learn fast.
#pragma once
#include <tandem/nn/sequential.h>

namespace tandem::nn {

/// Whether `net` begins with a convolution whose init is "whitened"; throws a usage error when another layer has it.
[[nodiscard]] bool begins_whitened(Sequential& net);

/// Makes that convolution's weight from the patches of `images` (n, h, w, c), as the network is given them: the
/// strongest principal directions of the patches, each divided by the deviation along it, then the same with the other
/// sign. What such a filter says has mean square 1, less where pictures hardly differ (Coates and Ng 2012; Page 2018).
/// Throws a usage error for groups, and for an odd number of filters or more than 2 · channels · kernel².
void whiten(Sequential& net, const Tensor& images);

}  // namespace tandem::nn
