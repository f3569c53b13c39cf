#include <tandem/base/error.h>
#include <tandem/data/augment.h>
#include <tandem/data/colour.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>
#include <vector>

namespace tandem::data {

void RandAugment::fields(Fields& f) {
  f("operations", operations, {0, 14});
  f("magnitude", magnitude, {0, 30});
}

namespace {

/// Each change has its own stream, so that one does not move the draws of another.
enum Stream : uint64_t {
  crop_stream,
  flip_stream,
  affine_stream,
  elastic_stream,
  erase_stream,
  noise_stream,
  colour_stream,
  rand_stream
};

/// Grows and never shrinks; one for each thread.
struct Scratch {
  std::vector<float> image, line, nodes, stretched, weights;
  std::vector<int32_t> first, corner;

  static float* floats(std::vector<float>& buffer, int64_t count) { return grown(buffer, count); }
  static int32_t* ints(std::vector<int32_t>& buffer, int64_t count) { return grown(buffer, count); }

 private:
  template <class T>
  static T* grown(std::vector<T>& buffer, int64_t count) {
    if (buffer.size() < static_cast<size_t>(count)) buffer.resize(static_cast<size_t>(count));
    return buffer.data();
  }
};

Scratch& scratch() {
  static thread_local Scratch instance;
  return instance;
}

/// Close to a standard normal: four uniform numbers of 16 bits (Irwin-Hall), never beyond 3.5.
float about_normal(uint64_t bits) {
  const auto sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
  return (static_cast<float>(static_cast<int32_t>(sum)) - 131070.0F) * (std::numbers::sqrt3_v<float> / 65536.0F);
}

/// … 2 1 0 1 2 … n-2 n-1 n-2 …, for one reflection.
int64_t reflected(int64_t i, int64_t n) { return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i; }

/// Crop and flip: writes rows of h x w x C floats, `stride` apart. dx, dy say where the cut begins.
template <int C>
void place(const uint8_t* image, int64_t h, int64_t w, int64_t dx, int64_t dy, bool flip, float* into, int64_t stride) {
  float* line = Scratch::floats(scratch().line, w * C);
  const int64_t inside = std::max<int64_t>(0, -dx);  // columns inside … end-1 lie in the image
  const int64_t end = std::min(w, w - dx);
  for (int64_t y = 0; y < h; ++y, into += stride) {
    const uint8_t* row = image + reflected(y + dy, h) * w * C;
    float* __restrict to = flip ? line : into;
    const auto border = [&](int64_t x) {
      for (int64_t c = 0; c < C; ++c) to[x * C + c] = static_cast<float>(row[reflected(x + dx, w) * C + c]) / 255.0F;
    };
    for (int64_t x = 0; x < inside; ++x) border(x);
    const uint8_t* from = row + dx * C;
    for (int64_t i = inside * C; i < end * C; ++i) to[i] = static_cast<float>(from[i]) / 255.0F;
    for (int64_t x = end; x < w; ++x) border(x);
    if (!flip) continue;
    for (int64_t x = 0; x < w; ++x) std::memcpy(into + x * C, line + (w - 1 - x) * C, C * sizeof(float));
  }
}

/// The way from a pixel of the result back to the source: x' = xx x + xy y + x0, y' = yx x + yy y + y0.
struct Affine {
  float xx = 1, xy = 0, x0 = 0, yx = 0, yy = 1, y0 = 0;
};

/// The matrix xx xy / yx yy about the centre, for a picture shifted by tx, ty afterwards.
Affine about_centre(double xx, double xy, double yx, double yy, double tx, double ty, int64_t h, int64_t w) {
  const double cx = static_cast<double>(w - 1) / 2;
  const double cy = static_cast<double>(h - 1) / 2;
  const auto f = [](double value) { return static_cast<float>(value); };
  return {f(xx), f(xy), f(cx - xx * (cx + tx) - xy * (cy + ty)), f(yx), f(yy), f(cy - yx * (cx + tx) - yy * (cy + ty))};
}

constexpr double degree = std::numbers::pi / 180;

Affine draw_affine(const Augment& a, int64_t h, int64_t w, Rng rng) {
  // The picture is scaled, sheared, turned about its centre, then shifted; this is the inverse.
  const double angle = rng.uniform(-a.rotate, a.rotate) * degree;
  const double size = 1 + rng.uniform(-a.scale, a.scale);
  const double slant = std::tan(rng.uniform(-a.shear, a.shear) * degree);
  const double tx = rng.uniform(-a.shift, a.shift);
  const double ty = rng.uniform(-a.shift, a.shift);
  const double c = std::cos(angle);
  const double s = std::sin(angle);
  return about_centre((c + slant * s) / size, (s - slant * c) / size, -s / size, c / size, tx, ty, h, w);
}

/// A smooth random displacement: normal values on a coarse grid under a cubic B-spline. A grid `sqrt(3) smooth` wide
/// has the blur of a Gaussian of `smooth` pixels; 0.479 is the spline's mean gain.
class Elastic {
 public:
  Elastic(const Augment& a, int64_t h, int64_t w, Rng rng) : w_(w) {
    Scratch& s = scratch();
    const double spacing = a.elastic_smooth * std::numbers::sqrt3;
    const auto nodes = [&](int64_t n) { return static_cast<int64_t>(static_cast<double>(n - 1) / spacing) + 4; };
    const int64_t down = nodes(h);
    const int64_t across = nodes(w);
    float* values = Scratch::floats(s.nodes, 2 * down * across);
    const auto amount = static_cast<float>(a.elastic / 0.479);
    for (int64_t i = 0; i < 2 * down * across; ++i) values[i] = amount * about_normal(rng.bits());

    first_ = Scratch::ints(s.first, w + h);
    weights_ = Scratch::floats(s.weights, 4 * (w + h));
    for (int64_t i = 0; i < w + h; ++i) {
      const double at = static_cast<double>(i < w ? i : i - w) / spacing;
      first_[i] = static_cast<int32_t>(at);
      const auto t = static_cast<float>(at - first_[i]);
      const float u = 1 - t;
      float* b = weights_ + 4 * i;
      b[0] = u * u * u / 6;
      b[3] = t * t * t / 6;
      b[1] = 2.0F / 3 - t * t * (2 - t) / 2;
      b[2] = 1 - b[0] - b[1] - b[3];
    }
    // Both fields stretched to the full width once; rows are mixed as they are needed.
    stretched_ = Scratch::floats(s.stretched, (2 * down + 2) * w);
    for (int64_t row = 0; row < 2 * down; ++row)
      for (int64_t x = 0; x < w; ++x) {
        const float* v = values + row * across + first_[x];
        const float* b = weights_ + 4 * x;
        stretched_[row * w + x] = b[0] * v[0] + b[1] * v[1] + b[2] * v[2] + b[3] * v[3];
      }
    row_ = stretched_ + 2 * down * w;
    second_ = down * w;
  }

  /// The displacements of row y: w for x, then w for y.
  const float* row(int64_t y) const {
    const float* b = weights_ + 4 * (w_ + y);
    for (int field = 0; field < 2; ++field) {
      const float* v = stretched_ + field * second_ + first_[w_ + y] * w_;
      float* __restrict out = row_ + field * w_;
      for (int64_t x = 0; x < w_; ++x)
        out[x] = b[0] * v[x] + b[1] * v[w_ + x] + b[2] * v[2 * w_ + x] + b[3] * v[3 * w_ + x];
    }
    return row_;
  }

 private:
  int64_t w_, second_ = 0;
  int32_t* first_ = nullptr;
  float *weights_ = nullptr, *stretched_ = nullptr, *row_ = nullptr;
};

/// Bilinear resampling of `padded`, (h + 3) x (w + 3) x C with the image from row 1 and column 1 on and zeros around
/// it.
template <int C>
void resample(const float* padded, int64_t h, int64_t w, const Affine& m, const Elastic* elastic, float* out) {
  // Grey may look one pixel beyond the edge, where it is black; colours stay on the edge.
  constexpr float beyond = C == 1 ? 1.0F : 0.0F;
  const float left = 1 - beyond;
  const float right = static_cast<float>(w) + beyond;
  const float low = static_cast<float>(h) + beyond;
  const auto stride = static_cast<int32_t>((w + 3) * C);
  int32_t* __restrict corner = Scratch::ints(scratch().corner, w);
  float* __restrict fx = Scratch::floats(scratch().line, 2 * w);
  float* __restrict fy = fx + w;
  for (int64_t y = 0; y < h; ++y, out += w * C) {
    const float x0 = m.xy * static_cast<float>(y) + m.x0 + 1;
    const float y0 = m.yy * static_cast<float>(y) + m.y0 + 1;
    const float* moved = elastic ? elastic->row(y) : nullptr;
    for (int32_t x = 0; x < static_cast<int32_t>(w); ++x) {
      const float sx = m.xx * static_cast<float>(x) + x0 + (moved ? moved[x] : 0);
      const float sy = m.yx * static_cast<float>(x) + y0 + (moved ? moved[w + x] : 0);
      const float px = std::min(std::max(sx, left), right);
      const float py = std::min(std::max(sy, left), low);
      const auto ix = static_cast<int32_t>(px);
      const auto iy = static_cast<int32_t>(py);
      fx[x] = px - static_cast<float>(ix);
      fy[x] = py - static_cast<float>(iy);
      corner[x] = iy * stride + ix * C;
    }
    for (int64_t x = 0; x < w; ++x) {
      const float* p = padded + corner[x];
      const float* q = p + stride;
      for (int c = 0; c < C; ++c) {
        const float top = p[c] + fx[x] * (p[C + c] - p[c]);
        const float bottom = q[c] + fx[x] * (q[C + c] - q[c]);
        out[x * C + c] = top + fy[x] * (bottom - top);
      }
    }
  }
}

template <int C>
void erase(int64_t side, int64_t h, int64_t w, Rng rng, float* out) {
  std::array<float, C> colour{};
  if (C > 1) {
    for (int64_t i = 0; i < h * w; ++i)
      for (int c = 0; c < C; ++c) colour[static_cast<size_t>(c)] += out[i * C + c];
    for (float& value : colour) value /= static_cast<float>(h * w);
  }
  const int64_t top = rng.below(h) - side / 2;  // the centre lies anywhere; what is outside is cut off
  const int64_t left = rng.below(w) - side / 2;
  for (int64_t y = std::max<int64_t>(top, 0); y < std::min(top + side, h); ++y)
    for (int64_t x = std::max<int64_t>(left, 0); x < std::min(left + side, w); ++x)
      std::copy(colour.begin(), colour.end(), out + (y * w + x) * C);
}

/// One of the fourteen operations of RandAugment, with the ranges of AutoAugment (Cubuk et al. 2018) at magnitude 10.
template <int C>
void change(double magnitude, int64_t h, int64_t w, Rng& rng, float* out) {
  const Pixels picture{{out, static_cast<size_t>(h * w * C)}, h, w, C};
  const int64_t operation = rng.below(14);
  const double strength = magnitude / 10, amount = rng.chance(0.5) ? strength : -strength;
  const auto factor = static_cast<float>(std::max(0.0, 1 + 0.9 * amount));
  const auto warp = [&](double xx, double xy, double yx, double yy, double tx, double ty) {
    const int64_t stride = (w + 3) * C;
    float* padded = Scratch::floats(scratch().image, (h + 3) * stride);
    std::fill_n(padded, (h + 3) * stride, 0.0F);
    for (int64_t y = 0; y < h; ++y) std::copy_n(out + y * w * C, w * C, padded + (y + 1) * stride + C);
    resample<C>(padded, h, w, about_centre(xx, xy, yx, yy, tx, ty, h, w), nullptr, out);
  };
  const double angle = 30 * amount * degree, slant = 0.3 * amount;
  const double shift = 150.0 / 331 * amount;  // 150 pixels of pictures of 331
  switch (operation) {
    case 0: break;  // stays
    case 1: autocontrast(picture); break;
    case 2: equalize(picture); break;
    case 3: warp(std::cos(angle), std::sin(angle), -std::sin(angle), std::cos(angle), 0, 0); break;
    case 4: solarize(picture, static_cast<float>((1 - strength) * 256 / 255)); break;  // at 0 not even white
    case 5: posterize(picture, static_cast<int>(std::lround(8 - 4 * strength))); break;
    case 6: saturation(picture, factor); break;
    case 7: contrast(picture, factor); break;
    case 8: brightness(picture, factor); break;
    case 9: sharpness(picture, factor); break;
    case 10: warp(1, slant, 0, 1, 0, 0); break;
    case 11: warp(1, 0, slant, 1, 0, 0); break;
    case 12: warp(1, 0, 0, 1, shift * static_cast<double>(w), 0); break;
    default: warp(1, 0, 0, 1, 0, shift * static_cast<double>(h));
  }
}

void jitter(const Augment& a, const Pixels& picture, Rng rng) {
  const auto factor = [&](double reach) { return static_cast<float>(1 + rng.uniform(-reach, reach)); };
  const float lighter = factor(a.brightness), stronger = factor(a.contrast), richer = factor(a.saturation);
  const auto turned = static_cast<float>(rng.uniform(-a.hue, a.hue));
  if (a.brightness > 0) brightness(picture, lighter);
  if (a.contrast > 0) contrast(picture, stronger);
  if (a.saturation > 0) saturation(picture, richer);
  if (a.hue > 0) hue(picture, turned);
}

template <int C>
void augment(const Augment& a, const uint8_t* image, int64_t h, int64_t w, const Rng& rng, float* out) {
  int64_t dx = 0;
  int64_t dy = 0;
  if (a.crop > 0) {
    Rng r = rng.split(crop_stream);
    dx = r.below(2 * a.crop + 1) - a.crop;
    dy = r.below(2 * a.crop + 1) - a.crop;
  }
  const bool flip = a.flip && rng.split(flip_stream).chance(0.5);
  if (!a.warps()) {
    place<C>(image, h, w, dx, dy, flip, out, w * C);
  } else {
    const int64_t stride = (w + 3) * C;
    float* padded = Scratch::floats(scratch().image, (h + 3) * stride);
    std::fill_n(padded, (h + 3) * stride, 0.0F);
    place<C>(image, h, w, dx, dy, flip, padded + stride + C, stride);
    const Affine affine = draw_affine(a, h, w, rng.split(affine_stream));
    if (a.elastic > 0) {
      const Elastic elastic(a, h, w, rng.split(elastic_stream));
      resample<C>(padded, h, w, affine, &elastic, out);
    } else {
      resample<C>(padded, h, w, affine, nullptr, out);
    }
  }
  Rng drawn = rng.split(rand_stream);
  for (int64_t i = 0; i < a.rand_augment.operations; ++i) change<C>(a.rand_augment.magnitude, h, w, drawn, out);
  if (a.colours()) jitter(a, {{out, static_cast<size_t>(h * w * C)}, h, w, C}, rng.split(colour_stream));
  if (a.erase > 0) erase<C>(a.erase, h, w, rng.split(erase_stream), out);
  if (a.noise > 0) {
    Rng r = rng.split(noise_stream);
    const auto amount = static_cast<float>(a.noise);
    for (int64_t i = 0; i < h * w * C; ++i) out[i] = std::clamp(out[i] + amount * about_normal(r.bits()), 0.0F, 1.0F);
  }
}

}  // namespace

void check(const Augment& a, int64_t h, int64_t w) {
  const auto within = [](std::string_view name, double value, double low, double high) {
    if (!(value >= low && value <= high)) fail("augment", "{} is {}: give {} to {}", name, value, low, high);
  };
  const auto side = static_cast<double>(std::max(h, w));
  within("shift", a.shift, 0, side);
  within("rotate", a.rotate, 0, 180);
  within("scale", a.scale, 0, 0.9);
  within("shear", a.shear, 0, 80);
  within("elastic", a.elastic, 0, side);
  if (a.elastic > 0) within("elastic_smooth", a.elastic_smooth, 0.5, side);
  within("noise", a.noise, 0, 1);
  within("crop", static_cast<double>(a.crop), 0, static_cast<double>(std::min(h, w) - 1));
  within("erase", static_cast<double>(a.erase), 0, side);
  within("brightness", a.brightness, 0, 1);
  within("contrast", a.contrast, 0, 1);
  within("saturation", a.saturation, 0, 1);
  within("hue", a.hue, 0, 180);
  within("rand_augment.operations", static_cast<double>(a.rand_augment.operations), 0, 14);
  within("rand_augment.magnitude", a.rand_augment.magnitude, 0, 30);
}

void augment_into(const Augment& a, std::span<const uint8_t> image, int64_t h, int64_t w, int64_t c, Rng rng,
                  std::span<float> out) {
  if (h < 1 || w < 1 || (c != 1 && c != 3) || h > 16384 || w > 16384)
    fail("augment", "takes images of 1 or 3 channels and sides of 1 to 16384, got {} x {} x {}", h, w, c);
  const auto count = static_cast<size_t>(h * w * c);
  if (image.size() != count || out.size() != count)
    fail("augment", "{} x {} x {} is {} values, got {} bytes and room for {} floats", h, w, c, count, image.size(),
         out.size());
  check(a, h, w);
  if (c == 1)
    augment<1>(a, image.data(), h, w, rng, out.data());
  else
    augment<3>(a, image.data(), h, w, rng, out.data());
}

}  // namespace tandem::data
