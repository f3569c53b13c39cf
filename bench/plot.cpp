#include <bench/report.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tandem::bench {
namespace {

constexpr double width = 640, height = 360, left = 64, right = 120, top = 36, bottom = 48;

// A logarithmic axis from `low` to `high` over [from, to] pixels.
struct Axis {
  double low, high, from, to;
  [[nodiscard]] double at(double value) const {
    return from + (to - from) * std::log(value / low) / std::log(high / low);
  }
};

std::string number(double value) { return value >= 1 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value); }

}  // namespace

std::string plot(const std::string& title, const std::string& x_label, const std::string& y_label,
                 const std::vector<Curve>& curves) {
  double x_high = 2, y_low = 1e300, y_high = 0;
  for (const Curve& c : curves)
    for (size_t i = 0; i < c.x.size(); ++i) {
      x_high = std::max(x_high, c.x[i]);
      y_low = std::min(y_low, c.y[i]), y_high = std::max(y_high, c.y[i]);
    }
  const Axis x{1, x_high, left, width - right};
  const Axis y{std::pow(10, std::floor(std::log10(y_low))), std::pow(10, std::ceil(std::log10(y_high * 1.0001))),
               height - bottom, top};
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n"
      "<style>text{{fill:#333}} .grid{{stroke:#ccc}} path{{fill:none;stroke-width:2}}"
      "@media(prefers-color-scheme:dark){{text{{fill:#ddd}} .grid{{stroke:#444}}}}</style>\n"
      "<text x=\"{}\" y=\"20\" font-size=\"15\">{}</text>\n",
      width, height, left, title);
  for (double tick = x.low; tick <= x.high * 1.001; tick *= 2)
    out += fmt::format(
        "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>"
        "<text x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\">{4}</text>\n",
        x.at(tick), y.from, y.to, y.from + 16, number(tick));
  for (double tick = y.low; tick <= y.high * 1.001; tick *= 10)
    out += fmt::format(
        "<line class=\"grid\" x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>"
        "<text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
        x.from, x.to, y.at(tick), x.from - 6, y.at(tick) + 4, number(tick));
  out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n<text x=\"8\" y=\"{}\">{}</text>\n",
                     (x.from + x.to) / 2, height - 10, x_label, top - 2, y_label);
  // Colours that stand out on white and on black.
  const char* colours[] = {"#3b82f6", "#f97316", "#10b981", "#d946ef", "#eab308"};
  for (size_t k = 0; k < curves.size(); ++k) {
    const Curve& c = curves[k];
    if (c.x.empty()) continue;
    const char* colour = colours[k % std::size(colours)];
    std::string path;
    for (size_t i = 0; i < c.x.size(); ++i)
      path += fmt::format("{}{:.1f} {:.1f}", i ? "L" : "M", x.at(c.x[i]), y.at(c.y[i]));
    out += fmt::format("<path d=\"{}\" stroke=\"{}\"/><text x=\"{:.1f}\" y=\"{:.1f}\" style=\"fill:{}\">{}</text>\n",
                       path, colour, x.at(c.x.back()) + 6, y.at(c.y.back()) + 4, colour, c.name);
  }
  return out + "</svg>\n";
}

}  // namespace tandem::bench
