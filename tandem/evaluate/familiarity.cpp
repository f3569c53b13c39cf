#include <tandem/base/error.h>
#include <tandem/evaluate/familiarity.h>
#include <tandem/ops/linear.h>
#include <tandem/ops/shape.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace tandem::evaluate {
namespace {

/// A symmetric matrix (d, d), row-major, becomes its lower Cholesky factor L: A = L Lᵀ.
void cholesky(std::vector<double>& a, size_t d) {
  for (size_t i = 0; i < d; ++i)
    for (size_t j = 0; j <= i; ++j) {
      double sum = a[i * d + j];
      for (size_t k = 0; k < j; ++k) sum -= a[i * d + k] * a[j * d + k];
      if (i == j && !(sum > 0))
        fail(ErrorKind::numeric, "familiarity", "the covariance of the features is not positive");
      a[i * d + j] = i == j ? std::sqrt(sum) : sum / a[j * d + j];
    }
}

/// The inverse of a lower triangular matrix; zero above the diagonal.
std::vector<double> inverse_of_lower(const std::vector<double>& l, size_t d) {
  std::vector<double> out(d * d, 0);
  for (size_t i = 0; i < d; ++i) {
    out[i * d + i] = 1 / l[i * d + i];
    for (size_t k = 0; k < i; ++k) {
      const double factor = -l[i * d + k] / l[i * d + i];
      for (size_t j = 0; j <= k; ++j) out[i * d + j] += factor * out[k * d + j];
    }
  }
  return out;
}

/// Each row of features (n, d) scaled to length 1.
Tensor directions(const Tensor& features) {
  const auto d = static_cast<size_t>(features.size(1));
  const auto x = features.data<const float>();
  Tensor out = Tensor::empty(features.shape());
  const auto y = out.data<float>();
  for (size_t i = 0; i < static_cast<size_t>(features.size(0)); ++i) {
    double squares = 0;
    for (const float v : x.subspan(i * d, d)) squares += static_cast<double>(v) * static_cast<double>(v);
    const double length = std::sqrt(squares) + 1e-6;
    for (size_t j = 0; j < d; ++j) y[i * d + j] = static_cast<float>(static_cast<double>(x[i * d + j]) / length);
  }
  return out;
}

/// The distance that a share of 1 - `beyond` of the examples stays within.
double limit_of(std::vector<double> distances, double beyond) {
  std::ranges::sort(distances);
  const auto n = distances.size();
  const auto kept = static_cast<size_t>(std::ceil(static_cast<double>(n + 1) * (1 - beyond)));
  return std::max(distances[std::clamp<size_t>(kept, 1, n) - 1], 1e-12);
}

}  // namespace

ClassGaussians ClassGaussians::fit(const Tensor& features, std::span<const int32_t> labels, int64_t classes) {
  const int64_t n = features.size(0), d = features.size(1);
  const auto width = static_cast<size_t>(d);
  std::vector<double> sums(static_cast<size_t>(classes) * width, 0), counts(static_cast<size_t>(classes), 0);
  const auto x = features.data<const float>();
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto c = static_cast<size_t>(labels[i]);
    counts[c] += 1;
    for (size_t j = 0; j < width; ++j) sums[c * width + j] += static_cast<double>(x[i * width + j]);
  }
  Tensor means = Tensor::empty({classes, d}), centred = Tensor::empty({n, d});
  const auto some = static_cast<size_t>(std::ranges::find_if(counts, [](double c) { return c > 0; }) - counts.begin());
  for (size_t c = 0; c < counts.size(); ++c) {
    const size_t from = counts[c] > 0 ? c : some;  // a class without examples repeats another's mean
    for (size_t j = 0; j < width; ++j)
      means.data<float>()[c * width + j] = static_cast<float>(sums[from * width + j] / counts[from]);
  }
  for (size_t i = 0; i < labels.size(); ++i)
    for (size_t j = 0; j < width; ++j)
      centred.data<float>()[i * width + j] =
          x[i * width + j] - means.data<const float>()[static_cast<size_t>(labels[i]) * width + j];

  const Tensor products = matmul(permute(centred, {1, 0}), centred);
  std::vector<double> covariance(products.data<const float>().begin(), products.data<const float>().end());
  double trace = 0;
  for (size_t j = 0; j < width; ++j) trace += covariance[j * width + j];
  // A feature that hardly ever moves must not turn a rounding error into a great distance.
  const double least = std::max(1e-2 * trace / static_cast<double>(d), 1e-12);
  for (size_t j = 0; j < width; ++j) covariance[j * width + j] += least;
  for (double& value : covariance) value /= static_cast<double>(n);
  cholesky(covariance, width);

  ClassGaussians out;
  const std::vector<double> inverse = inverse_of_lower(covariance, width);
  out.whitening = Tensor::empty({d, d});
  std::ranges::transform(inverse, out.whitening.data<float>().begin(), [](double v) { return static_cast<float>(v); });
  out.means = linear(means, out.whitening, {});
  return out;
}

std::vector<double> ClassGaussians::distances(const Tensor& features) const {
  if (features.rank() != 2 || features.size(1) != whitening.size(0))
    fail("familiarity", "takes features (n, {}), got {}", whitening.size(0), features.shape());
  const Tensor white = linear(features.detach(), whitening, {});
  const auto d = static_cast<size_t>(white.size(1));
  const auto x = white.data<const float>(), m = means.data<const float>();
  std::vector<double> out(static_cast<size_t>(white.size(0)), std::numeric_limits<double>::infinity());
  for (size_t i = 0; i < out.size(); ++i)
    for (size_t c = 0; c * d < m.size(); ++c) {
      double sum = 0;
      for (size_t j = 0; j < d; ++j) {
        const double off = static_cast<double>(x[i * d + j]) - static_cast<double>(m[c * d + j]);
        sum += off * off;
      }
      out[i] = std::min(out[i], std::sqrt(sum));
    }
  return out;
}

Familiarity Familiarity::fit(const Tensor& features, std::span<const int32_t> labels, int64_t classes) {
  if (features.rank() != 2 || labels.empty() || features.size(0) != std::ssize(labels))
    fail("familiarity", "takes features (n, d) and n labels, at least one; got {} and {}", features.shape(),
         labels.size());
  if (features.size(1) < 1 || features.size(1) > most_features)
    fail("familiarity", "the layer before the last gives {} numbers, at most {} can be fitted", features.size(1),
         most_features);
  return {ClassGaussians::fit(features, labels, classes), ClassGaussians::fit(directions(features), labels, classes)};
}

void Familiarity::set_limits(const Tensor& features, double share) {
  plain.limit = limit_of(plain.distances(features), share / 2);
  direction.limit = limit_of(direction.distances(directions(features)), share / 2);
}

std::vector<double> Familiarity::strangeness(const Tensor& features) const {
  std::vector<double> out = plain.distances(features);
  const std::vector<double> turned = direction.distances(directions(features));
  for (size_t i = 0; i < out.size(); ++i) out[i] = std::max(out[i] / plain.limit, turned[i] / direction.limit);
  return out;
}

void Familiarity::fields(Fields& f) {
  f("plain", plain.limit, {1e-12, 1e30});
  f("direction", direction.limit, {1e-12, 1e30});
}

std::vector<std::pair<std::string, Tensor>> Familiarity::tensors() const {
  return {{"confidence.plain.means", plain.means},
          {"confidence.plain.whitening", plain.whitening},
          {"confidence.direction.means", direction.means},
          {"confidence.direction.whitening", direction.whitening}};
}

bool Familiarity::take(const std::vector<std::pair<std::string, Tensor>>& from, int64_t classes, int64_t features) {
  const auto taken = [&](const char* name, const Shape& shape, Tensor& into) {
    for (const auto& [key, tensor] : from)
      if (key == name) into = tensor;
    return into.defined() && into.shape() == shape && into.dtype() == DType::f32 &&
           std::ranges::all_of(into.data<const float>(), [](float v) { return std::isfinite(v); });
  };
  const Shape means{classes, features}, square{features, features};
  return taken("confidence.plain.means", means, plain.means) &&
         taken("confidence.plain.whitening", square, plain.whitening) &&
         taken("confidence.direction.means", means, direction.means) &&
         taken("confidence.direction.whitening", square, direction.whitening);
}

}  // namespace tandem::evaluate
