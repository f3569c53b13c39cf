// Pictures that show no digit: letters and signs drawn with the digits' pen, and noise. What a network of digits should
// refuse to answer.
#pragma once
#include <tandem/base/random.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tandem::data {

/// Letters and signs that cannot be read as a digit (no O, I, Z, S, B, …).
[[nodiscard]] const std::vector<std::string>& shape_names();

/// Draws shape `index` of shape_names() into 28 x 28 bytes as draw_digit draws a digit.
void draw_shape(int64_t index, Rng& rng, std::span<uint8_t, 784> pixels);

/// "pixels": each for itself; "specks": a few bright pixels on black; "clouds": smooth spots about a quarter of the
/// picture wide.
[[nodiscard]] const std::vector<std::string>& noise_names();

/// Fills 28 x 28 bytes with noise `index` of noise_names().
void draw_noise(int64_t index, Rng& rng, std::span<uint8_t, 784> pixels);

}  // namespace tandem::data
