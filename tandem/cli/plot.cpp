#include <fmt/format.h>
#include <tandem/cli/plot.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace tandem::cli {
namespace {

constexpr std::array colours{"36", "33", "35", "32", "34", "31"};

// U+2800 and the bits of its eight dots, as UTF-8.
std::string braille(unsigned dots) {
  const unsigned code = 0x2800 + dots;
  return {static_cast<char>(0xe0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 63)),
          static_cast<char>(0x80 | (code & 63))};
}

constexpr unsigned bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

}  // namespace

std::string plot(const std::vector<PlotLine>& lines, size_t columns, size_t rows, bool colour) {
  double x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY;
  for (const PlotLine& l : lines)
    for (size_t i = 0; i < l.x.size(); ++i)
      if (std::isfinite(l.y[i]))
        x0 = std::min(x0, l.x[i]), x1 = std::max(x1, l.x[i]), y0 = std::min(y0, l.y[i]), y1 = std::max(y1, l.y[i]);
  if (!(x0 <= x1)) return "nothing to plot\n";
  if (x0 == x1) x0 -= 0.5, x1 += 0.5;
  if (y0 == y1) y0 -= 0.5, y1 += 0.5;

  const size_t wide = 2 * columns, high = 4 * rows;
  std::vector<unsigned> dots(columns * rows);
  std::vector<int> owner(columns * rows, -1);
  std::vector<char> mark(columns * rows, 0);
  const auto place = [](double v, double low, double top, size_t n) {
    return std::clamp((v - low) / (top - low), 0.0, 1.0) * static_cast<double>(n - 1);
  };
  for (size_t k = 0; k < lines.size(); ++k) {
    const PlotLine& l = lines[k];
    double px = std::nan(""), py = 0;
    for (size_t i = 0; i < l.x.size(); ++i) {
      if (!std::isfinite(l.y[i])) {
        px = std::nan("");
        continue;
      }
      const double qx = place(l.x[i], x0, x1, wide), qy = static_cast<double>(high - 1) - place(l.y[i], y0, y1, high);
      const double from_x = std::isnan(px) ? qx : px, from_y = std::isnan(px) ? qy : py;
      const int steps = std::max(1, static_cast<int>(std::max(std::abs(qx - from_x), std::abs(qy - from_y))));
      size_t cell = 0;
      for (int s = 0; s <= steps; ++s) {
        const double share = static_cast<double>(s) / steps;
        const auto x = static_cast<size_t>(std::lround(from_x + share * (qx - from_x)));
        const auto y = static_cast<size_t>(std::lround(from_y + share * (qy - from_y)));
        cell = y / 4 * columns + x / 2;
        dots[cell] |= bits[y % 4][x % 2];
        owner[cell] = static_cast<int>(k);
      }
      if (!colour && lines.size() > 1 && i + 1 == l.x.size()) mark[cell] = static_cast<char>('a' + k % 26);
      px = qx, py = qy;
    }
  }

  const auto number = [](double v) { return fmt::format("{:.4g}", v); };
  const size_t margin = std::max(number(y0).size(), number(y1).size());
  std::string out;
  for (size_t r = 0; r < rows; ++r) {
    out += fmt::format("{:>{}} │", r == 0 ? number(y1) : r + 1 == rows ? number(y0) : "", margin);
    int now = -1;
    for (size_t c = 0; c < columns; ++c) {
      const size_t cell = r * columns + c;
      if (colour && dots[cell] && owner[cell] != now) {
        now = owner[cell];
        out += fmt::format("\x1b[{}m", colours[static_cast<size_t>(now) % colours.size()]);
      }
      out += mark[cell] ? std::string(1, mark[cell]) : dots[cell] ? braille(dots[cell]) : " ";
    }
    if (now >= 0) out += "\x1b[0m";
    while (out.ends_with(' ')) out.pop_back();
    out += '\n';
  }
  std::string rule;
  for (size_t c = 0; c < columns; ++c) rule += "─";
  out += fmt::format("{:>{}} └{}\n", "", margin, rule);
  out += fmt::format("{:>{}}  {:<{}}{:>{}}\n", "", margin, number(x0), columns / 2, number(x1), columns - columns / 2);
  for (size_t k = 0; k < lines.size() && lines.size() > 1; ++k)
    out += colour ? fmt::format("  \x1b[{}m──\x1b[0m {}\n", colours[k % colours.size()], lines[k].name)
                  : fmt::format("  {}  {}\n", static_cast<char>('a' + k % 26), lines[k].name);
  return out;
}

}  // namespace tandem::cli
