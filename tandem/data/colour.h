// Operations on the colours of one picture, as augmentation uses them.
#pragma once
#include <cstdint>
#include <span>

namespace tandem::data {

/// h x w x c floats 0 … 1, changed in place and kept within 0 … 1; c is 1 (grey) or 3 (RGB). Enough for one thread.
struct Pixels {
  std::span<float> values;
  int64_t h, w, c;
};

/// Towards (factor below 1) or away from black, the picture's mean grey, each pixel's own grey, and the picture
/// smoothed over 3 x 3 pixels (its border stays). A factor of 1 changes nothing; grey pictures have no saturation to
/// change.
void brightness(const Pixels& picture, float factor);
void contrast(const Pixels& picture, float factor);
void saturation(const Pixels& picture, float factor);
void sharpness(const Pixels& picture, float factor);

/// Turns every colour around the circle of hues (HSV), keeping its lightest and its darkest channel. Not of grey.
void hue(const Pixels& picture, float degrees);

/// Stretches each channel to 0 … 1; one that has a single value stays.
void autocontrast(const Pixels& picture);
/// Gives each channel as many pixels of every brightness, as far as 256 levels can be moved: a level goes to the share
/// of pixels darker than it, among those that are not of the brightest level.
void equalize(const Pixels& picture);
/// Keeps the highest `bits` (1 … 8) of each value's eight.
void posterize(const Pixels& picture, int bits);
/// Inverts the values that are at least `threshold`.
void solarize(const Pixels& picture, float threshold);

}  // namespace tandem::data
