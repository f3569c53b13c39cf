#include <tandem/base/threads.h>
#include <tandem/tasks/mixing.h>

#include <algorithm>
#include <cmath>

namespace tandem::tasks {

constexpr double most_alpha = 100;

void MixingOptions::fields(Fields& f) {
  f("mixup", mixup, {0, most_alpha});
  f("cutmix", cutmix, {0, most_alpha});
}

namespace {

/// The logarithm of a draw from Gamma(shape, 1): Marsaglia and Tsang 2000, and for shapes below 1 theirs of shape + 1.
double log_gamma(double shape, Rng& rng) {
  if (shape < 1) return log_gamma(shape + 1, rng) + std::log1p(-rng.uniform()) / shape;
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double z = rng.normal(), v = std::pow(1 + c * z, 3);
    if (v > 0 && std::log1p(-rng.uniform()) < z * z / 2 + d * (1 - v + std::log(v))) return std::log(d * v);
  }
}

/// Of Beta(alpha, alpha). In logarithms, since small shapes draw numbers that are 0 in double.
double beta(double alpha, Rng& rng) {
  const double shape = std::max(alpha, 1e-6);  // below, all there is are 0 and 1
  const double a = log_gamma(shape, rng), b = log_gamma(shape, rng);
  return 1 / (1 + std::exp(b - a));
}

/// Puts a rectangle of `from` into `into`, both h x w x c, and returns the share of pixels that stay. Its sides are
/// sqrt(1 - keep) of the picture's, its centre lies anywhere, and what is outside is cut off.
double cut_in(const float* from, float* into, int64_t h, int64_t w, int64_t c, double keep, Rng& rng) {
  const double side = std::sqrt(1 - keep);
  const auto along = [&](int64_t size) {
    const int64_t length = std::lround(side * static_cast<double>(size)), first = rng.below(size) - length / 2;
    return std::pair{std::clamp<int64_t>(first, 0, size), std::clamp<int64_t>(first + length, 0, size)};
  };
  const auto [top, bottom] = along(h);
  const auto [left, right] = along(w);
  for (int64_t y = top; y < bottom; ++y)
    std::copy_n(from + (y * w + left) * c, (right - left) * c, into + (y * w + left) * c);
  return 1 - static_cast<double>((bottom - top) * (right - left)) / static_cast<double>(h * w);
}

}  // namespace

Tensor Mixture::of(const Tensor& targets) const {
  const auto classes = static_cast<size_t>(targets.size(1));
  Tensor out = Tensor::empty(targets.shape());
  const auto from = targets.data<const float>();
  const auto into = out.data<float>();
  for (size_t i = 0; i < partner.size(); ++i)
    for (size_t k = 0; k < classes; ++k)
      into[i * classes + k] =
          share[i] * from[i * classes + k] + (1 - share[i]) * from[static_cast<size_t>(partner[i]) * classes + k];
  return out;
}

MixedBatch mixed(const MixingOptions& options, const Tensor& x, const Rng& rng) {
  if (!options.any()) fail("mixing", "mixup and cutmix are 0: give one of them");
  if (!(options.mixup <= most_alpha && options.cutmix <= most_alpha))
    fail("mixing", "mixup {} or cutmix {} is above {}", options.mixup, options.cutmix, most_alpha);
  if (x.dtype() != DType::f32) fail("mixing", "takes float32, got {}", name_of(x.dtype()));
  if (x.rank() != 4 && (x.rank() != 2 || options.cutmix > 0))
    fail("mixing", "takes pictures (n, h, w, c){}, got {}", options.cutmix > 0 ? "" : " or rows (n, width)", x.shape());
  const int64_t n = x.size(0), size = n > 0 ? x.numel() / n : 0;
  if (n > 0 && size == 0) fail("mixing", "there is nothing in examples of shape {}", x.shape());
  MixedBatch out{Tensor::empty(x.shape()),
                 {rng.split("partners").permutation(n), std::vector<float>(static_cast<size_t>(n), 1)}};
  const float* const from = x.data<const float>().data();
  float* const into = out.x.data<float>().data();
  parallel_for(n, std::max<int64_t>(1, 8192 / std::max<int64_t>(size, 1)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Rng own = rng.split(static_cast<uint64_t>(i));
      const bool cut = own.chance(0.5) ? options.cutmix > 0 : options.mixup <= 0;
      const double keep = beta(cut ? options.cutmix : options.mixup, own);
      const float* const mine = from + i * size;
      const float* const other = from + out.mixture.partner[static_cast<size_t>(i)] * size;
      float* const to = into + i * size;
      auto& share = out.mixture.share[static_cast<size_t>(i)];
      if (cut) {
        std::copy_n(mine, size, to);
        share = static_cast<float>(cut_in(other, to, x.size(1), x.size(2), x.size(3), keep, own));
      } else {
        share = static_cast<float>(keep);
        for (int64_t k = 0; k < size; ++k) to[k] = share * mine[k] + (1 - share) * other[k];
      }
    }
  });
  return out;
}

Tensor one_hot(const std::vector<int32_t>& labels, int64_t classes) {
  Tensor out = Tensor::zeros({std::ssize(labels), classes});
  for (size_t i = 0; i < labels.size(); ++i)
    out.data<float>()[i * static_cast<size_t>(classes) + static_cast<size_t>(labels[i])] = 1;
  return out;
}

}  // namespace tandem::tasks
