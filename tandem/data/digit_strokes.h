// The ways people write the ten digits, as pen strokes.
#pragma once
#include <vector>

#include <tandem/base/random.h>

namespace tandem::data {

/// A point the pen passes; at a corner it stops and changes direction.
struct Knot {
  double x = 0, y = 0;
  bool corner = false;
};

/// Knots in the order the pen passes them, from pen down to pen up.
using Stroke = std::vector<Knot>;

/// One way to write the digit 0 … 9, drawn by chance: about one unit tall, x to the right, y down. Neither slant nor
/// thickness is in it yet.
[[nodiscard]] std::vector<Stroke> write_digit(int digit, Rng& rng);

}  // namespace tandem::data
