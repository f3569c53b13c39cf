// How pixels become a network's input: the part of preprocessing that must be the same in training and in service.
#pragma once
#include <tandem/base/config.h>
#include <tandem/data/augment.h>
#include <tandem/data/dataset.h>

#include <string>
#include <vector>

namespace tandem::tasks {

/// Size of the pictures and the normalisation fitted on the training part: x = (pixel / 255 - mean) / std by channel.
struct ImageInput {
  int64_t height = 0, width = 0, channels = 0;
  std::vector<double> mean, std;
  void fields(Fields& f);
  /// Throws a data error naming `where` when the values cannot be: sizes, as many means as channels, positive std.
  void check(const std::string& where) const;
  [[nodiscard]] Shape shape() const { return {height, width, channels}; }
};

/// Mean and standard deviation of each channel over all pixels of `set`.
[[nodiscard]] ImageInput fit_input(const data::Dataset& set);

/// Examples `indices` of `set` as (n, h, w, c) float32, normalised, each changed by `augment` with the stream
/// rng.split(index). Throws when the pictures do not have the input's size.
[[nodiscard]] Tensor make_batch(const ImageInput& input, const data::Dataset& set, std::span<const int64_t> indices,
                                const data::Augment& augment, const Rng& rng);

/// A batch (n, h, w, c) brought to another height and width: bilinear between pixel centres, without smoothing.
[[nodiscard]] Tensor resize_batch(const Tensor& batch, int64_t height, int64_t width);

}  // namespace tandem::tasks
