#include <tandem/base/error.h>
#include <tandem/data/digits.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

namespace tandem::data {
namespace {

constexpr int kSide = 28, kBox = 20;

/// A point of a stroke's polyline with the radius of the pen there.
struct Dot {
  double x = 0, y = 0, radius = 0;
};
using Line = std::vector<Dot>;

/// Smooths a stroke: a cubic through the knots whose slope at a knot is half the way between its neighbours
/// (Catmull-Rom); at a corner the slopes of both sides are their own.
Line smooth(const Stroke& knots) {
  constexpr int kSteps = 6;
  Line line;
  line.reserve(knots.size() * kSteps);
  const size_t last = knots.size() - 1;
  for (size_t i = 0; i < last; ++i) {
    const Knot &p = knots[i], &q = knots[i + 1];
    const Knot& before = i == 0 || p.corner ? p : knots[i - 1];
    const Knot& after = i + 1 == last || q.corner ? q : knots[i + 2];
    const double ux = (q.x - before.x) / 2, uy = (q.y - before.y) / 2;
    const double vx = (after.x - p.x) / 2, vy = (after.y - p.y) / 2;
    for (int k = 0; k < kSteps; ++k) {
      const double t = static_cast<double>(k) / kSteps, t2 = t * t, t3 = t2 * t;
      const double a = 2 * t3 - 3 * t2 + 1, b = t3 - 2 * t2 + t, c = 3 * t2 - 2 * t3, d = t3 - t2;
      line.push_back({a * p.x + b * ux + c * q.x + d * vx, a * p.y + b * uy + c * q.y + d * vy, 0});
    }
  }
  line.push_back({knots[last].x, knots[last].y, 0});
  return line;
}

/// What the hand and the paper do to every point alike: a smooth distortion (a few plane waves about as long as the
/// digit), then aspect, slant and rotation.
class Hand {
 public:
  explicit Hand(Rng& rng) {
    const double strength = rng.uniform(0.0, 0.045);
    for (Wave& w : waves_) {
      w.fx = rng.uniform(-6, 6);
      w.fy = rng.uniform(-6, 6);
      w.phase = rng.uniform(0, 2 * std::numbers::pi);
      w.dx = strength * rng.normal();
      w.dy = strength * rng.normal();
    }
    const double squat = rng.chance(0.07) ? rng.uniform(0.0, 0.5) : 0.0;
    const double aspect = std::exp(0.02 + squat + 0.14 * rng.normal());
    const double slant = 0.18 + 0.22 * rng.normal();
    const double turn = 0.09 * rng.normal();
    xx_ = std::cos(turn) * aspect;
    yx_ = std::sin(turn) * aspect;
    xy_ = -std::sin(turn) - slant * std::cos(turn);
    yy_ = std::cos(turn) - slant * std::sin(turn);
  }

  void move(Dot& dot) const {
    double x = dot.x, y = dot.y;
    for (const Wave& w : waves_) {
      const double s = std::sin(w.fx * dot.x + w.fy * dot.y + w.phase);
      x += w.dx * s;
      y += w.dy * s;
    }
    dot.x = xx_ * x + xy_ * y;
    dot.y = yx_ * x + yy_ * y;
  }

 private:
  struct Wave {
    double fx = 0, fy = 0, phase = 0, dx = 0, dy = 0;
  };
  std::array<Wave, 3> waves_;
  double xx_ = 1, xy_ = 0, yx_ = 0, yy_ = 1;
};

/// Gives the dots their pen radius in pixels and scales the digit, pen included, into the box of 20 pixels.
void fit(std::vector<Line>& lines, double radius, double blur, Rng& rng) {
  const double reach = radius + blur / 2 - 0.5;
  double x0 = 1e9, x1 = -1e9, y0 = 1e9, y1 = -1e9;
  for (const Line& line : lines)
    for (const Dot& dot : line) {
      x0 = std::min(x0, dot.x), x1 = std::max(x1, dot.x);
      y0 = std::min(y0, dot.y), y1 = std::max(y1, dot.y);
    }
  const double scale = (kBox - 2 * reach) / std::max({x1 - x0, y1 - y0, 1e-3});
  const double margin = (kSide - kBox) / 2.0 + reach;
  const double press = rng.uniform(0.0, 0.2), direction = rng.uniform(0, 2 * std::numbers::pi);
  const double rough = rng.uniform(0.0, 0.12);
  const double wx = 0.35 * std::cos(direction), wy = 0.35 * std::sin(direction), phase = rng.uniform(0, 6);
  for (Line& line : lines)
    for (Dot& dot : line) {
      dot.x = margin + (dot.x - x0) * scale;
      dot.y = margin + (dot.y - y0) * scale;
      const double wave = wx * dot.x + wy * dot.y + phase;
      dot.radius = radius * (1 + press * std::sin(wave) + rough * std::sin(5 * wave));
    }
}

/// Adds a capsule from a to b: the ink of a pixel is how far its centre lies inside the edge, ramped over `blur`
/// pixels.
void ink_segment(const Dot& a, const Dot& b, double blur, std::array<float, kSide * kSide>& ink) {
  const double reach = std::max(a.radius, b.radius) + blur / 2;
  const auto low = [&](double v) { return std::clamp(static_cast<int>(std::ceil(v - reach - 0.5)), 0, kSide); };
  const auto high = [&](double v) { return std::clamp(static_cast<int>(std::floor(v + reach + 0.5)), 0, kSide); };
  const int row0 = low(std::min(a.y, b.y)), row1 = high(std::max(a.y, b.y));
  const int col0 = low(std::min(a.x, b.x)), col1 = high(std::max(a.x, b.x));
  const double dx = b.x - a.x, dy = b.y - a.y, inverse = 1 / std::max(dx * dx + dy * dy, 1e-12);
  for (int row = row0; row < row1; ++row)
    for (int col = col0; col < col1; ++col) {
      const double px = col + 0.5 - a.x, py = row + 0.5 - a.y;
      const double t = std::clamp((px * dx + py * dy) * inverse, 0.0, 1.0);
      const double ex = px - t * dx, ey = py - t * dy;
      const double depth = a.radius + (b.radius - a.radius) * t - std::sqrt(ex * ex + ey * ey);
      float& pixel = ink[static_cast<size_t>(row * kSide + col)];
      pixel = std::max(pixel, static_cast<float>(depth / blur + 0.5));
    }
}

}  // namespace

void draw_digit(int digit, Rng& rng, std::span<uint8_t, 784> pixels) {
  draw_strokes(write_digit(digit, rng), rng, pixels);
}

void draw_strokes(const std::vector<Stroke>& strokes, Rng& rng, std::span<uint8_t, 784> pixels) {
  const Hand hand(rng);
  std::vector<Line> lines;
  for (const Stroke& stroke : strokes) {
    lines.push_back(smooth(stroke));
    for (Dot& dot : lines.back()) hand.move(dot);
  }
  const double radius = std::clamp(1.25 * std::exp(0.28 * rng.normal()), 0.6, 3.2);
  const double blur = rng.uniform(0.9, 1.5);
  fit(lines, radius, blur, rng);

  std::array<float, kSide * kSide> ink{};
  for (const Line& line : lines)
    for (size_t i = 0; i + 1 < line.size(); ++i) ink_segment(line[i], line[i + 1], blur, ink);

  // As in MNIST the centre of mass goes to the middle by whole pixels, as far as the ink stays inside.
  double mass = 0, mass_x = 0, mass_y = 0;
  int left = kSide, right = -1, top = kSide, bottom = -1;
  for (int row = 0; row < kSide; ++row)
    for (int col = 0; col < kSide; ++col) {
      float& pixel = ink[static_cast<size_t>(row * kSide + col)];
      pixel = std::clamp(pixel, 0.0f, 1.0f);
      if (pixel <= 0) continue;
      mass += pixel, mass_x += pixel * (col + 0.5), mass_y += pixel * (row + 0.5);
      left = std::min(left, col), right = std::max(right, col);
      top = std::min(top, row), bottom = std::max(bottom, row);
    }
  const int dx = std::clamp(static_cast<int>(std::lround(kSide / 2.0 - mass_x / mass)), -left, kSide - 1 - right);
  const int dy = std::clamp(static_cast<int>(std::lround(kSide / 2.0 - mass_y / mass)), -top, kSide - 1 - bottom);
  std::fill(pixels.begin(), pixels.end(), uint8_t{0});
  for (int row = top; row <= bottom; ++row)
    for (int col = left; col <= right; ++col)
      pixels[static_cast<size_t>((row + dy) * kSide + col + dx)] =
          static_cast<uint8_t>(std::lround(255 * ink[static_cast<size_t>(row * kSide + col)]));
}

}  // namespace tandem::data
