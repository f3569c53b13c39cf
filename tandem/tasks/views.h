// Test-time augmentation: a picture is looked at in several ways, and the mean of what the network says counts.
#pragma once
#include <tandem/base/config.h>
#include <tandem/tensor/tensor.h>

#include <vector>

namespace tandem::tasks {

struct Views {
  bool flip = false;  // its mirror image too
  int64_t shift = 0;  // moved by so many pixels towards two opposite corners too; 0: not moved
  void fields(Fields& f);

  /// How many views there are: 1, 2, 3 or 6.
  [[nodiscard]] int64_t count() const { return (flip ? 2 : 1) * (shift > 0 ? 3 : 1); }
  /// View `index` of a batch (n, h, w, c); 0 is the batch itself. Moved pictures keep their edge.
  [[nodiscard]] Tensor of(const Tensor& batch, int64_t index) const;
};

}  // namespace tandem::tasks
