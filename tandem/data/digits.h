// Handwritten-looking digits drawn by a program: a data set that needs no file.
#pragma once
#include <cstdint>
#include <span>

#include <tandem/base/random.h>

namespace tandem::data {

/// Draws one digit 0 … 9 into 28 x 28 bytes (0 paper, 255 ink), row by row, laid out as in MNIST: the digit fits a box
/// of 20 x 20 pixels and its centre of mass lies in the middle. The picture is a function of the digit and the Rng
/// alone. Throws a usage error for any other digit.
void draw_digit(int digit, Rng& rng, std::span<uint8_t, 784> pixels);

}  // namespace tandem::data
