// Handwritten-looking digits drawn by a program: a data set that needs no file.
#pragma once
#include <tandem/base/random.h>
#include <tandem/data/digit_strokes.h>

#include <cstdint>
#include <span>
#include <vector>

namespace tandem::data {

/// Draws one digit 0 … 9 into 28 x 28 bytes (0 paper, 255 ink), row by row, laid out as in MNIST: the digit fits a box
/// of 20 x 20 pixels and its centre of mass lies in the middle. The picture is a function of the digit and the Rng
/// alone. Throws a usage error for any other digit.
void draw_digit(int digit, Rng& rng, std::span<uint8_t, 784> pixels);

/// The same hand, pen and layout for strokes of any sign; at least one stroke of at least two knots.
void draw_strokes(const std::vector<Stroke>& strokes, Rng& rng, std::span<uint8_t, 784> pixels);

}  // namespace tandem::data
