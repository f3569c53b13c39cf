// Drawings and scans of a sign as a network of digits knows them: in the form of MNIST.
#pragma once
#include <tandem/tensor/tensor.h>

namespace tandem::data {

struct Ink {
  Tensor pixels;  // uint8 (height, width, 1): white ink on black
  /// The part of the given picture that became `pixels`, in its pixels; may reach beyond its edges.
  double left = 0, top = 0, width = 0, height = 0;
};

/// Brings a grey picture, uint8 (H, W, 1), to the form of MNIST's digits (LeCun et al. 1998): the ink is scaled,
/// keeping its proportions, into a box of 20/28 of the shorter side, and its centre of mass goes to the middle by whole
/// pixels as far as the ink stays inside. What most of the border shows is paper; ink may be brighter or darker than
/// it. A picture without ink becomes black. A picture of the wanted size stays as it is, but for dark ink, which is
/// turned round. Throws a usage error for another rank or type, or a size below 1.
[[nodiscard]] Ink centre_ink(const Tensor& picture, int64_t height, int64_t width);

}  // namespace tandem::data
