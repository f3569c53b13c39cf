// Vectors to be asked for those most alike: those that point the same way.
#pragma once
#include <tandem/tensor/tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace tandem::evaluate {

/// Each row of float32 (n, d) at length 1; a row of zeros stays. In place.
void normalise_rows(Tensor& vectors);

class Nearest {
 public:
  Nearest() = default;
  /// (n, d) float32, of any length.
  explicit Nearest(const Tensor& vectors);

  struct Found {
    int64_t index = 0;      // the row
    double similarity = 0;  // cosine: 1 is the same direction; 0 with a vector of zeros
  };
  /// The `count` rows most alike to one vector (d), the nearest first; equals in order of index. Throws a usage error
  /// for a vector of another width. Same numbers for any number of threads.
  [[nodiscard]] std::vector<Found> to(std::span<const float> vector, int64_t count) const;
  [[nodiscard]] int64_t size() const { return vectors_.defined() ? vectors_.size(0) : 0; }

 private:
  Tensor vectors_;  // each of length 1
};

}  // namespace tandem::evaluate
