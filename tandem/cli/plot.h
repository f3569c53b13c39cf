// Curves in a terminal, of braille dots.
#pragma once
#include <string>
#include <vector>

namespace tandem::cli {

struct PlotLine {
  std::string name;
  std::vector<double> x, y;  // NaN: a gap
};

/// `columns` x `rows` characters with axes; a legend below when there are several lines. Colours when asked for; without
/// them lines are told apart by a mark at their ends: a, b, c, …
[[nodiscard]] std::string plot(const std::vector<PlotLine>& lines, size_t columns, size_t rows, bool colour);

}  // namespace tandem::cli
