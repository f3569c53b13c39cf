#include <tandem/base/threads.h>
#include <tandem/data/formats/image.h>
#include <tandem/tasks/image_input.h>

#include <algorithm>
#include <cmath>

namespace tandem::tasks {

void ImageInput::fields(Fields& f) {
  f("height", height, {1, 65536});
  f("width", width, {1, 65536});
  f("channels", channels, {1, 4});
  f("mean", mean);
  f("std", std);
}

void ImageInput::check(const std::string& where) const {
  const auto n = static_cast<size_t>(channels);
  bool good = height > 0 && width > 0 && height <= data::max_image_pixels / width && (channels == 1 || channels == 3) &&
              mean.size() == n && std.size() == n;
  for (const double s : std) good = good && s > 0;
  if (!good)
    fail(ErrorKind::data, where,
         "the preprocessing is not valid: expected sizes above 0 and at most {} pixels, 1 or 3 channels and a mean and "
         "a positive std for each",
         data::max_image_pixels);
}

ImageInput fit_input(const data::Dataset& set) {
  if (set.size() == 0) fail(ErrorKind::data, "preprocess", "the training part has no images");
  const Shape& s = set.pixels().shape();
  ImageInput out{s[1], s[2], s[3], {}, {}};
  // Counts of each byte value make the sums exact, whatever the order.
  const auto channels = static_cast<size_t>(s[3]);
  std::vector<int64_t> histogram(channels * 256, 0);
  const auto bytes = set.pixels().data<const uint8_t>();
  for (size_t i = 0; i < bytes.size(); ++i) ++histogram[i % channels * 256 + bytes[i]];
  for (size_t c = 0; c < channels; ++c) {
    double n = 0, sum = 0, squares = 0;
    for (size_t v = 0; v < 256; ++v) {
      const auto count = static_cast<double>(histogram[c * 256 + v]);
      const double x = static_cast<double>(v) / 255.0;
      n += count, sum += count * x, squares += count * x * x;
    }
    const double mean = sum / n;
    const double deviation = std::sqrt(std::max(squares / n - mean * mean, 0.0));
    out.mean.push_back(mean);
    out.std.push_back(deviation > 1e-6 ? deviation : 1.0);  // a constant channel stays what it is
  }
  return out;
}

Tensor make_batch(const ImageInput& input, const data::Dataset& set, std::span<const int64_t> indices,
                  const data::Augment& augment, const Rng& rng) {
  const Shape& s = set.pixels().shape();
  if (Shape{s[1], s[2], s[3]} != input.shape())
    fail(ErrorKind::data, "images", "pictures of {}x{}x{} were given, the network takes {}x{}x{}", s[1], s[2], s[3],
         input.height, input.width, input.channels);
  const auto n = static_cast<int64_t>(indices.size());
  Tensor out = Tensor::empty({n, s[1], s[2], s[3]});
  const auto size = static_cast<size_t>(s[1] * s[2] * s[3]);
  const auto channels = static_cast<size_t>(s[3]);
  std::vector<float> scale(channels), shift(channels);
  for (size_t c = 0; c < channels; ++c) {
    scale[c] = static_cast<float>(1.0 / input.std[c]);
    shift[c] = static_cast<float>(-input.mean[c] / input.std[c]);
  }
  const auto pixels = set.pixels().data<const uint8_t>();
  parallel_for(n, std::max<int64_t>(1, 8192 / static_cast<int64_t>(size)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto index = static_cast<size_t>(indices[static_cast<size_t>(i)]);
      const std::span<float> into = out.data<float>().subspan(static_cast<size_t>(i) * size, size);
      data::augment_into(augment, pixels.subspan(index * size, size), s[1], s[2], s[3], rng.split(index), into);
      for (size_t p = 0; p < size; p += channels)
        for (size_t c = 0; c < channels; ++c) into[p + c] = into[p + c] * scale[c] + shift[c];
    }
  });
  return out;
}

namespace {

// Where target pixel i lies between two source pixels.
struct Tap {
  int64_t low, high;
  float share;  // of `high`
};

std::vector<Tap> taps(int64_t from, int64_t to) {
  std::vector<Tap> out;
  for (int64_t i = 0; i < to; ++i) {
    const double at =
        std::clamp((static_cast<double>(i) + 0.5) * static_cast<double>(from) / static_cast<double>(to) - 0.5, 0.0,
                   static_cast<double>(from - 1));
    const auto low = static_cast<int64_t>(at);
    out.push_back({low, std::min(low + 1, from - 1), static_cast<float>(at - static_cast<double>(low))});
  }
  return out;
}

}  // namespace

Tensor resize_batch(const Tensor& batch, int64_t height, int64_t width) {
  if (batch.rank() != 4 || height < 1 || width < 1)
    fail("resize_batch", "takes (n, h, w, c) and sizes of at least 1, got {} to {}x{}", batch.shape(), height, width);
  const int64_t n = batch.size(0), h = batch.size(1), w = batch.size(2), c = batch.size(3);
  const std::vector<Tap> rows = taps(h, height), columns = taps(w, width);
  Tensor out = Tensor::empty({n, height, width, c});
  parallel_for(n, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* from = batch.data<const float>().data() + i * h * w * c;
      float* into = out.data<float>().data() + i * height * width * c;
      for (const Tap& y : rows)
        for (const Tap& x : columns)
          for (int64_t k = 0; k < c; ++k) {
            const auto at = [&](int64_t row, int64_t column) { return from[(row * w + column) * c + k]; };
            const float top = at(y.low, x.low) + x.share * (at(y.low, x.high) - at(y.low, x.low));
            const float bottom = at(y.high, x.low) + x.share * (at(y.high, x.high) - at(y.high, x.low));
            *into++ = top + y.share * (bottom - top);
          }
    }
  });
  return out;
}

}  // namespace tandem::tasks
