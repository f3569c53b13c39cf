#include <tandem/data/sheet.h>
#include <tandem/tasks/augmentation_sheet.h>

#include <algorithm>
#include <cmath>

namespace tandem::tasks {
namespace {

/// The pixels that a network's input was made of.
void to_bytes(const ImageInput& input, const Tensor& x, uint8_t* into) {
  const auto values = x.data<const float>();
  const auto channels = static_cast<size_t>(input.channels);
  for (size_t i = 0; i < values.size(); ++i) {
    const double pixel = static_cast<double>(values[i]) * input.std[i % channels] + input.mean[i % channels];
    into[i] = static_cast<uint8_t>(std::lround(255 * std::clamp(pixel, 0.0, 1.0)));
  }
}

}  // namespace

Tensor augmentation_sheet(const Classification& task, const data::Dataset& train, std::span<const int64_t> examples,
                          int64_t columns, uint64_t seed) {
  if (examples.empty() || columns < 2 || columns > 200)
    fail("augmentation sheet", "takes one example or more and 2 to 200 columns, got {} and {}", examples.size(),
         columns);
  for (const int64_t i : examples)
    if (i < 0 || i >= train.size())
      fail("augmentation sheet", "example {} is not in the training part, which has 0 to {}", i, train.size() - 1);
  const ImageInput& input = task.model().image();
  const int64_t n = std::ssize(examples), size = input.shape().numel();
  Tensor pictures = Tensor::empty({n * columns, input.height, input.width, input.channels}, DType::u8);
  std::vector<int64_t> cells;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t example = examples[static_cast<size_t>(i)];
    std::ranges::copy(train.pixels().rows(example, example + 1).data<const uint8_t>(),
                      pictures.rows(i, i + 1).data<uint8_t>().begin());
    for (int64_t column = 0; column < columns; ++column) cells.push_back(column * n + i);
  }
  for (int64_t epoch = 0; epoch + 1 < columns; ++epoch) {
    const Tensor x = task.read(examples, {seed, epoch, 0, 1}).batch.x;
    to_bytes(input, x, pictures.data<uint8_t>().data() + (epoch + 1) * n * size);
  }
  return data::image_grid(pictures, cells, {.columns = columns});
}

}  // namespace tandem::tasks
