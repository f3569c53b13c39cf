// A picture as a client sent it, brought to what the network takes.
#pragma once
#include <tandem/deploy/served_model.h>

#include <optional>
#include <string_view>

namespace tandem::deploy {

/// How a picture becomes the network's: `whole` is scaled, as `tandem predict` does; of `ink` the sign alone is taken
/// and put in the middle, as the digits of MNIST are (data/ink.h).
enum class Form { whole, ink };

/// "ink" or "picture"; "" is `picture`. Throws Refused 400 for another word.
[[nodiscard]] Form form_of(std::string_view word);

struct Picture {
  Tensor pixels;  // uint8 (h, w, c)
  /// The part of the sent picture that became `pixels`, in its pixels; may reach beyond its edges.
  double left = 0, top = 0, width = 0, height = 0;
};

/// Reads a PNG or JPEG. Throws Refused 400 when the bytes are no picture that can be read, or ink is asked of a network
/// that takes colours, and 413 when it has too many pixels.
[[nodiscard]] Picture read_picture_file(const ServedModel& model, std::string_view bytes, Form form);

/// Bytes as ServedModel::predict and the batcher take them.
[[nodiscard]] std::vector<float> floats_of(const Tensor& pixels);

}  // namespace tandem::deploy
