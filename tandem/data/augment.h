// Random changes of an image that do not change what it shows.
#pragma once
#include <tandem/base/config.h>
#include <tandem/base/random.h>

#include <cstdint>
#include <span>

namespace tandem::data {

/// RandAugment (Cubuk et al. 2019): for each image that many operations of fourteen are drawn and done one after
/// another: none, autocontrast, equalize, rotate, solarize, posterize, saturation, contrast, brightness, sharpness,
/// shear and shift along either axis.
struct RandAugment {
  int64_t operations = 0;  // 0: not at all
  double magnitude = 9;  // of all of them; 10: 30 degrees, 45 % of a side, factors of 0.1 or 1.9, 4 bits, all inverted
  void fields(Fields& f);
};

/// What may happen to an image; 0 and false mean never. Amounts are drawn uniformly from -x … x.
struct Augment {
  double shift = 0;           // pixels, each way
  double rotate = 0;          // degrees
  double scale = 0;           // fraction: 0.1 makes it 0.9 … 1.1 times as large; below 1
  double shear = 0;           // degrees, below 90
  double elastic = 0;         // pixels: standard deviation of a smooth random displacement
  double elastic_smooth = 4;  // pixels: how far that displacement stays alike (standard deviation of its blur)
  double noise = 0;           // standard deviation of noise on every value, where white is 1
  int64_t crop = 0;           // pixels of mirrored border, then a random cut of the old size; below height and width
  bool flip = false;          // left and right change places, half of the time
  int64_t erase = 0;  // side in pixels of a square put anywhere: black in grey images, the mean colour in others
  double brightness = 0, contrast = 0, saturation = 0;  // fractions: 0.3 makes it 0.7 … 1.3 times as bright; at most 1
  double hue = 0;                                       // degrees around the circle of hues, at most 180
  RandAugment rand_augment = {};

  [[nodiscard]] bool warps() const { return shift > 0 || rotate > 0 || scale > 0 || shear > 0 || elastic > 0; }
  [[nodiscard]] bool colours() const { return brightness > 0 || contrast > 0 || saturation > 0 || hue > 0; }
  [[nodiscard]] bool any() const {
    return warps() || colours() || rand_augment.operations > 0 || noise > 0 || crop > 0 || flip || erase > 0;
  }
};

/// Throws a usage error naming the setting when a value is negative, not finite or too large for h x w images.
void check(const Augment& augment, int64_t h, int64_t w);

/// One image (H,W,C bytes) to floats 0 … 1 (pixel / 255), changed at random. Crop and flip come first, then one
/// bilinear resampling for shift, rotation, scale, shear and elastic together (outside lies black in grey images, the
/// nearest edge in others), then RandAugment, brightness, contrast, saturation and hue, then erase, then noise. The
/// result depends on the arguments alone, and each change has its own draws: turning one on leaves the others as they
/// were. Any number of threads may call it. Allocates nothing once warm.
void augment_into(const Augment& augment, std::span<const uint8_t> image, int64_t h, int64_t w, int64_t c, Rng rng,
                  std::span<float> out);

}  // namespace tandem::data
