#include <tandem/base/eigen.h>
#include <tandem/nn/conv.h>
#include <tandem/nn/parts.h>
#include <tandem/nn/whitening.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tandem::nn {
namespace {

using Vector = std::vector<double>;

bool is_whitened(const Module& layer) {
  const auto* conv = dynamic_cast<const Conv2d*>(&layer);
  return conv != nullptr && conv->init == "whitened";
}

// The mean of x xᵀ over all patches x, whose numbers lie as a filter's: (channel, row, column).
std::vector<Vector> second_moment(const Tensor& images, int64_t kernel) {
  const int64_t n = images.size(0), h = images.size(1), w = images.size(2), c = images.size(3);
  const auto size = static_cast<size_t>(c * kernel * kernel);
  const auto pixels = images.data<const float>();
  std::vector<Vector> sum(size, Vector(size, 0.0));
  Vector patch(size);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t y = 0; y + kernel <= h; ++y)
      for (int64_t x = 0; x + kernel <= w; ++x) {
        for (int64_t k = 0; k < c; ++k)
          for (int64_t p = 0; p < kernel * kernel; ++p)
            patch[static_cast<size_t>(k * kernel * kernel + p)] = static_cast<double>(
                pixels[static_cast<size_t>(((i * h + y + p / kernel) * w + x + p % kernel) * c + k)]);
        for (size_t a = 0; a < size; ++a)
          for (size_t b = 0; b <= a; ++b) sum[a][b] += patch[a] * patch[b];
      }
  const auto count = static_cast<double>(n * (h - kernel + 1) * (w - kernel + 1));
  for (size_t a = 0; a < size; ++a)
    for (size_t b = 0; b <= a; ++b) sum[b][a] = sum[a][b] /= count;
  return sum;
}

}  // namespace

bool begins_whitened(Sequential& net) {
  bool found = false;
  each_part(net, [&](const std::string& at, Module& layer) {
    if (!is_whitened(layer)) return;
    if (at != "0.")
      fail("conv", "init: whitened is made of the pictures themselves: only the network's first layer can have it");
    found = true;
  });
  return found;
}

void whiten(Sequential& net, const Tensor& images) {
  auto* first = net.layers().empty() ? nullptr : dynamic_cast<Conv2d*>(net.layers().front().get());
  if (first == nullptr || images.rank() != 4 || images.dtype() != DType::f32 || images.size(1) < first->kernel ||
      images.size(2) < first->kernel || images.size(0) == 0)
    fail("whiten",
         "takes float32 pictures (n, h, w, c) that a patch fits in, and a network that begins with conv; got {}",
         images.shape());
  Conv2d& conv = *first;
  const int64_t size = images.size(3) * conv.kernel * conv.kernel;
  if (conv.groups != 1 || conv.filters % 2 != 0 || conv.filters > 2 * size)
    fail("conv",
         "init: whitened takes an even number of filters up to {} (2 · channels · kernel²) and one group, got {} in {}",
         2 * size, conv.filters, conv.groups);
  Vector values;
  std::vector<Vector> vectors;
  symmetric_eigen(second_moment(images, conv.kernel), values, vectors);
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater(), [&](size_t i) { return values[i]; });
  const auto weight = conv.weight.data<float>();
  const auto half = static_cast<size_t>(conv.filters / 2), length = static_cast<size_t>(size);
  const double least = 5e-4 * values[order[0]];  // directions in which pictures hardly differ are noise
  for (size_t f = 0; f < half; ++f)
    for (size_t k = 0; k < length; ++k) {
      const double v = vectors[k][order[f]] / std::sqrt(std::max(values[order[f]], 0.0) + least + 1e-12);
      weight[f * length + k] = static_cast<float>(v);
      weight[(half + f) * length + k] = static_cast<float>(-v);
    }
}

}  // namespace tandem::nn
