// Every digit has one function, which first draws its proportions and then follows one of its forms. Coordinates are
// those of a digit that stands on the line: (0, 0) top left, y = 1 the base line. Angles are in degrees, 0 to the right
// and 90 down, so that a growing angle turns clockwise on the page. Numbers by chance go into named variables first,
// because the order in which a call evaluates its arguments is the compiler's choice.
#include <tandem/base/error.h>
#include <tandem/data/digit_strokes.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace tandem::data {
namespace {

class Pen {
 public:
  explicit Pen(Rng& rng) : rng_(rng), shake_(rng.uniform(0.004, 0.028)), round_corners_(rng.chance(0.2)) {}

  /// Sets the pen down for a new stroke; `to`, `corner` and `arc` go on from there.
  Pen& down() {
    strokes_.emplace_back();
    return *this;
  }
  /// Passes a point smoothly. Every knot is shaken a little, and some hands are steadier than others.
  Pen& to(double x, double y) { return add(x, y, false); }
  /// Turns sharply at a point; a hasty hand rounds all its corners.
  Pen& corner(double x, double y) { return add(x, y, !round_corners_); }
  /// Part of an ellipse; its radii change steadily by the factor `spiral` on the way, and it leans to the right by
  /// `tilt`.
  Pen& arc(double x, double y, double rx, double ry, double begin, double end, double spiral = 1, double tilt = 0) {
    const int steps = std::max(1, static_cast<int>(std::lround(std::abs(end - begin) / 45)));
    for (int i = 0; i <= steps; ++i) {
      const double t = static_cast<double>(i) / steps;
      const double angle = (begin + (end - begin) * t) * std::numbers::pi / 180;
      const double scale = 1 + (spiral - 1) * t;
      const double dy = ry * scale * std::sin(angle);
      to(x + rx * scale * std::cos(angle) - tilt * dy, y + dy);
    }
    return *this;
  }

  std::vector<Stroke> lift() { return std::move(strokes_); }

 private:
  Pen& add(double x, double y, bool sharp) {
    const double dx = shake_ * rng_.normal(), dy = shake_ * rng_.normal();
    strokes_.back().push_back({x + dx, y + dy, sharp});
    return *this;
  }

  Rng& rng_;
  double shake_;
  bool round_corners_;
  std::vector<Stroke> strokes_;
};

void zero(Pen& pen, Rng& rng) {
  const double rx = rng.uniform(0.22, 0.55), start = rng.uniform(-150, 0);
  const double overlap = rng.chance(0.12) ? rng.uniform(40, 100) : rng.uniform(-35, 40);
  const double spiral = rng.uniform(0.85, 1.12);
  const double turn = rng.chance(0.88) ? -1 : 1;  // most begin to the left
  pen.down();
  if (rng.chance(0.25)) pen.to(0.5 - turn * rx * 0.9, rng.uniform(-0.12, 0.12));  // a lead-in from outside
  pen.arc(0.5, 0.5, rx, 0.5, start, start + turn * (360 + overlap), spiral);
  if (rng.chance(0.1)) {  // ends inside
    const double x = rng.uniform(-0.3, 0.3), y = rng.uniform(0.2, 0.5);
    pen.to(0.5 + rx * x, y);
  }
}

void one(Pen& pen, Rng& rng) {
  const double bow = 0.03 * rng.normal();
  const double form = rng.uniform();
  pen.down();
  if (form > 0.66) {  // flag
    const double reach = rng.uniform(0.06, 0.4), drop = rng.uniform(0.05, 0.4);
    pen.to(-reach, drop).corner(0, 0);
  } else {
    pen.to(0, 0);
  }
  pen.to(bow, 0.5).to(0, 1);
  if (form > 0.92 || form < 0.02) {  // base
    const double left = rng.uniform(0.1, 0.35), right = rng.uniform(0.1, 0.35);
    pen.down().to(-left, 1.0).to(right, 1.0);
  }
}

void two(Pen& pen, Rng& rng) {
  const double width = rng.uniform(0.42, 0.8), head = rng.uniform(0.15, 0.42), start = rng.uniform(150, 250);
  const double cx = width * rng.uniform(0.42, 0.62), rx = width * rng.uniform(0.28, 0.52);
  const double foot = rng.uniform(-0.15, 0.1), end = rng.uniform(0.78, 1.12);
  double reach = width * rng.uniform(0.7, 1.8);
  const double sag = rng.uniform(-0.06, 0.05);
  const double bend = head < 0.24 ? rng.uniform(365, 410) : rng.uniform(370, 450);
  pen.down();
  if (rng.chance(0.12)) pen.to(cx - rx * 0.6, head * rng.uniform(0.9, 1.5));  // a hook before the arch
  if (rng.chance(0.1)) {
    // like a Z
    pen.to(cx - rx, rng.uniform(0, 0.15)).to(cx, 0).corner(cx + rx, rng.uniform(0.02, 0.15));
  } else {
    pen.arc(cx, head, rx, head, start, bend);
  }
  if (head < 0.3) {
    const double waist = rng.uniform(0.25, 0.55), waist_y = rng.uniform(0.64, 0.78);
    pen.to(foot + (cx + rx - foot) * waist, waist_y);
  }
  if (rng.chance(0.35)) {  // angular foot
    pen.corner(foot, rng.uniform(0.9, 1.0));
    pen.to((foot + reach) * 0.55, (0.97 + end) / 2 + sag);
  } else {  // the pen loops clockwise through the foot and leaves across its own line to the right
    const double wide = rng.uniform(0.03, 0.3), high = rng.uniform(0.03, 0.26);
    const double enter = rng.uniform(20, 100), leave = rng.uniform(285, 330);
    pen.arc(foot + wide, 0.98 - high, wide, high, enter, leave);
    reach = std::max(reach, foot + 2 * wide + 0.05);
    if (rng.chance(0.5)) pen.to((foot + 2 * wide + reach) / 2, (1 - high + end) / 2 + sag);
  }
  pen.to(reach, end);
}

void three(Pen& pen, Rng& rng) {
  const double upper = rng.uniform(0.17, 0.3), lower = 0.5 - upper + rng.uniform(-0.02, 0.03);
  const double rx1 = rng.uniform(0.18, 0.4), rx2 = rng.uniform(0.18, 0.44);
  const double waist_x = rng.uniform(-0.1, 0.25), waist_y = 2 * upper + rng.uniform(-0.05, 0.03);
  const double cx1 = rng.uniform(0.05, 0.28), cx2 = rng.uniform(0.03, 0.28), end = rng.uniform(60, 195);
  pen.down();
  if (rng.chance(0.18)) {  // flat top
    const double left = rng.uniform(-0.25, 0.0), right = rng.uniform(0.3, 0.6);
    pen.to(left, rng.uniform(-0.03, 0.1)).corner(right, 0);
  } else {
    pen.arc(cx1, upper, rx1, upper, rng.uniform(170, 250), 410);
  }
  const double form = rng.uniform();
  if (form < 0.65) {
    pen.corner(waist_x, waist_y);
  } else if (form < 0.82) {  // round waist
    pen.to(waist_x, waist_y);
  } else {  // a small loop
    const double loop = rng.uniform(0.04, 0.1);
    pen.to(waist_x, waist_y + loop * 0.4).to(waist_x - loop, waist_y).to(waist_x, waist_y - loop * 0.7);
  }
  pen.arc(cx2, 1 - lower, rx2, lower, -60, end, rng.uniform(0.9, 1.15));
}

void four(Pen& pen, Rng& rng) {
  const double bar = rng.uniform(0.42, 0.68), stem_top = rng.uniform(0.34, 0.7);
  const double stem_foot = stem_top - 0.04 + 0.09 * rng.normal(), stem_x = (stem_top + stem_foot) / 2;
  const double overshoot = rng.chance(0.35) ? rng.uniform(-0.03, 0.04) : rng.uniform(0.05, 0.3);
  const double tilt = rng.uniform(-0.1, 0.06), at_bar = stem_top + (stem_foot - stem_top) * bar;
  const double form = rng.uniform();
  if (form < 0.5) {  // open, two strokes
    const double top_x = rng.uniform(-0.03, 0.28), start = rng.uniform(-0.12, 0.15), bow = rng.uniform(-0.03, 0.04);
    pen.down().to(top_x, start).to(top_x / 2 - bow, (bar + start) / 2).corner(0, bar);
    pen.to(at_bar / 2, bar + tilt / 2 + rng.uniform(-0.02, 0.03)).to(at_bar + overshoot, bar + tilt);
    pen.down().to(stem_top, rng.uniform(-0.1, 0.4)).to(stem_x, 0.6).to(stem_foot, 1);
  } else if (form < 0.7) {  // closed
    const double gap = rng.chance(0.7) ? 0 : rng.uniform(0.02, 0.12);
    pen.down().to(stem_top - gap, 0).to((stem_top - gap) * 0.45, bar * 0.55).corner(0, bar);
    pen.to(at_bar + overshoot, bar + tilt);
    pen.down().to(stem_top, rng.uniform(-0.05, 0.08)).to(stem_x, 0.55).to(stem_foot, 1);
  } else if (form < 0.82) {  // a rounded cup, then the stem; one stroke
    const double start = rng.uniform(-0.08, 0.12), top = rng.uniform(-0.05, 0.3), deep = bar + rng.uniform(-0.05, 0.05);
    pen.down().to(rng.uniform(-0.02, 0.12), start).to(0, (start + deep) / 2).to(at_bar * 0.3, deep);
    pen.to(at_bar * 0.75, deep - 0.06).corner(stem_top, top).to(stem_x, (top + 1) / 2).to(stem_foot, 1);
  } else {  // a cornered cup, then the stem
    const double start = rng.uniform(-0.1, 0.1), top = rng.uniform(-0.05, 0.35);
    pen.down().to(rng.uniform(0, 0.2), start).corner(0, bar).corner(at_bar, bar + tilt).corner(stem_top, top);
    pen.to(stem_x, (top + 1) / 2).to(stem_foot, 1);
  }
}

void five(Pen& pen, Rng& rng) {
  const double neck = rng.uniform(0.25, 0.52), left = rng.uniform(-0.02, 0.2);
  const double neck_x = left - rng.uniform(-0.03, 0.15);
  const double ry = (1 - neck) / 2 * rng.uniform(1.0, 1.15), rx = rng.uniform(0.18, 0.42);
  const double cx = neck_x + rx * rng.uniform(0.3, 0.95), end = rng.uniform(80, 215);
  const double bar = left + rng.uniform(0.22, 0.95), rise = rng.uniform(-0.16, 0.08);
  const double form = rng.uniform();
  pen.down();
  if (form < 0.5) {  // the bar apart, maybe detached
    const double gap_x = rng.chance(0.5) ? 0 : rng.uniform(-0.08, 0.2);
    const double gap_y = rng.chance(0.5) ? 0 : rng.uniform(-0.12, 0.08);
    pen.to(left + gap_x, gap_y).to((left + gap_x + bar) / 2, gap_y + rise * 0.4).to(bar, gap_y + rise);
    pen.down().to(left, 0);
  } else if (form < 0.82) {  // one stroke from the right end of the bar
    pen.to(bar, rise).to((bar + left) / 2, rise * 0.5 + rng.uniform(-0.04, 0.03)).corner(left, 0.02);
  } else {  // like an S
    pen.to(bar, rise + 0.05).to((bar + left) / 2, 0).to(left, 0.1);
    pen.to(neck_x, neck * 0.85).to(cx, 1 - 2 * ry + 0.05);
    pen.arc(cx, 1 - ry, rx, ry, -50, end, rng.uniform(0.95, 1.1));
    return;
  }
  pen.to((left + neck_x) / 2, neck / 2).corner(neck_x, neck);
  const double begin = rng.uniform(-125, -65), spiral = rng.uniform(0.9, 1.1);
  pen.arc(cx, 1 - ry, rx, ry, begin, end, spiral);
}

void six(Pen& pen, Rng& rng) {
  const double ry = rng.uniform(0.15, 0.33), rx = rng.uniform(0.12, 0.38);
  const double lean = rng.uniform(-0.1, 0.5) + std::max(0.0, ry - 0.22);
  const double bow = rng.uniform(-0.04, 0.15), spiral = rng.uniform(0.6, 1.1), tilt = rng.uniform(-0.1, 0.5);
  const double close = rng.chance(0.7) ? rng.uniform(-10, 75) : rng.uniform(-100, -10);
  const double top_x = -rx + lean, cy = 1 - ry;
  pen.down();
  if (rng.chance(0.2)) {  // the stem begins with a hook
    const double hook = rng.uniform(0.08, 0.2), drop = rng.uniform(0, 0.12);
    pen.to(top_x + hook, drop);
  }
  pen.to(top_x, 0);
  pen.to(-rx + lean * 0.5 - bow * 0.7, cy * 0.33).to(-rx + lean * 0.15 - bow * 0.6, cy * 0.68);
  pen.arc(0, cy, rx, ry, 180, -180 - close, spiral, tilt);
}

void seven(Pen& pen, Rng& rng) {
  const double width = rng.uniform(0.4, 0.9), rise = rng.uniform(-0.1, 0.2), wave = rng.uniform(-0.05, 0.05);
  const double foot = width * rng.uniform(-0.05, 0.95), bow = rng.uniform(-0.05, 0.1);
  pen.down();
  if (rng.chance(0.4)) {  // a serif at the left
    const double serif_x = rng.uniform(-0.1, 0.06);
    pen.to(serif_x, rise + rng.uniform(0.08, 0.5)).corner(0, rise);
  } else {
    pen.to(0, rise);
  }
  pen.to(width / 2, rise / 2 + wave);
  if (rng.chance(0.7)) {
    pen.corner(width, 0);
  } else {
    pen.to(width - 0.06, 0).to(width, 0.07);
  }
  pen.to((width + foot) / 2 - bow, 0.5).to(foot, 1);
  if (rng.chance(0.2)) {  // cross bar
    const double y = rng.uniform(0.38, 0.62), x = width + (foot - width) * y - bow;
    const double left = rng.uniform(0.1, 0.32), right = rng.uniform(0.1, 0.32), tilt = rng.uniform(-0.1, 0.06);
    pen.down().to(x - left, y).to(x + right, y + tilt);
  }
}

void eight(Pen& pen, Rng& rng) {
  const double upper = rng.uniform(0.16, 0.34), lower = 0.5 - upper, waist = 2 * upper;
  const double rx1 = rng.uniform(0.55, 1.25) * std::sqrt(upper / 4);
  const double rx2 = rng.uniform(0.5, 1.25) * std::sqrt(lower / 4);
  const double shift = rng.uniform(-0.08, 0.1), end = rng.uniform(-0.25, 0.25);
  const double form = rng.uniform();
  pen.down();
  if (form < 0.76) {  // an S from the upper right, back across the waist
    const double side = rng.chance(0.87) ? 1 : -1;
    const double from = rng.chance(0.8) ? rng.uniform(-80, 40) : rng.uniform(-185, -80);
    if (rng.chance(0.12)) {  // a lead-in from the right
      const double reach = rng.uniform(1.0, 2.0), y = rng.uniform(-0.2, 0.6);
      pen.to(shift + side * rx1 * reach, upper * y);
    }
    pen.arc(shift, upper, side * rx1, upper, from, -200).to(0, waist);
    pen.arc(0, 1 - lower, side * rx2, lower, -35, 215).to(0, waist);
    if (rng.chance(0.5)) {  // closes the upper round
      const double reach = rng.uniform(0.8, 1.15);
      pen.to(shift + side * rx1 * 0.85 * reach, upper * 0.8 + end * 0.4).to(shift + side * rx1 * reach, end);
    } else {  // leaves it open like a ribbon, to the upper right
      pen.to(shift + side * rx1 * rng.uniform(0.8, 2.2), end);
    }
  } else if (form < 0.8) {  // a ribbon with its ends at the foot
    const double left = rng.uniform(0.5, 1.2), right = rng.uniform(0.5, 1.2);
    pen.to(-rx2 * left, 1).to(0, waist).arc(shift, upper, rx1, upper, 20, -200).to(0, waist).to(rx2 * right, 1);
  } else {  // two rounds
    const double start = rng.uniform(0, 360), turn = rng.chance(0.7) ? -1 : 1, wide = rng.uniform(1.0, 1.3);
    pen.arc(shift, upper, wide * rx1, upper, start, start + turn * rng.uniform(330, 390));
    const double start2 = rng.uniform(-120, -60);
    pen.down().arc(0, 1 - lower, wide * rx2, lower, start2, start2 + rng.uniform(340, 390));
  }
}

void nine(Pen& pen, Rng& rng) {
  const double ry = rng.uniform(0.13, 0.4), rx = rng.uniform(0.14, 0.38), start = rng.uniform(-110, 10);
  const double foot = rx + rng.uniform(-0.4, 0.12), bow = rng.uniform(-0.04, 0.07);
  const double close = rng.uniform(-50, 25), tilt = rng.uniform(-0.15, 0.6), top = rng.uniform(-0.05, 0.28);
  pen.down();
  pen.arc(0, ry, rx, ry, start, -360 + close, rng.uniform(0.85, 1.12), tilt);
  const double form = rng.uniform();
  if (form < 0.5) {  // up into the corner, then down
    pen.corner(rx * rng.uniform(0.9, 1.2), top);
  } else if (form < 0.75) {  // round into the stem
    pen.to(rx * rng.uniform(0.95, 1.1), ry + 0.05);
  } else {  // a stem of its own
    const double x = rng.uniform(0.8, 1.15), y = rng.uniform(-0.08, 0.25);
    pen.down().to(rx * x, y);
  }
  pen.to((rx + foot) / 2 + bow, std::max(0.62, ry + 0.3));
  if (rng.chance(0.2)) {  // curled tail
    const double curl = rng.uniform(0.15, 0.4);
    pen.to(foot + 0.05, 0.88).to(foot - curl * 0.4, 1).to(foot - curl, rng.uniform(0.8, 0.98));
  } else {
    pen.to(foot, 1);
  }
}

}  // namespace

std::vector<Stroke> write_digit(int digit, Rng& rng) {
  using Form = void (*)(Pen&, Rng&);
  constexpr Form forms[] = {zero, one, two, three, four, five, six, seven, eight, nine};
  if (digit < 0 || digit > 9) fail("draw_digit", "digit {} is not one of 0 … 9", digit);
  Pen pen(rng);
  forms[digit](pen, rng);
  return pen.lift();
}

}  // namespace tandem::data
