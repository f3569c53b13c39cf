#include <tandem/base/error.h>
#include <tandem/base/threads.h>
#include <tandem/evaluate/nearest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tandem::evaluate {
namespace {

/// What brings a vector to length 1; 0 for one of zeros.
double scale_of(std::span<const float> vector) {
  double squares = 0;
  for (const float v : vector) squares += static_cast<double>(v) * static_cast<double>(v);
  return squares > 0 ? 1 / std::sqrt(squares) : 0;
}

}  // namespace

void normalise_rows(Tensor& vectors) {
  const auto d = static_cast<size_t>(vectors.size(1));
  const auto x = vectors.data<float>();
  for (size_t at = 0; at < x.size(); at += d) {
    const double scale = scale_of(x.subspan(at, d));
    for (float& v : x.subspan(at, d)) v = static_cast<float>(static_cast<double>(v) * scale);
  }
}

Nearest::Nearest(const Tensor& vectors) : vectors_(vectors.clone()) { normalise_rows(vectors_); }

std::vector<Nearest::Found> Nearest::to(std::span<const float> vector, int64_t count) const {
  const auto d = static_cast<size_t>(vectors_.size(1));
  if (vector.size() != d) fail("nearest", "a vector of {} numbers was given, those known have {}", vector.size(), d);
  const double scale = scale_of(vector);
  const auto x = vectors_.data<const float>();
  std::vector<double> similarity(static_cast<size_t>(size()));
  parallel_for(size(), 1024, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      double sum = 0;
      for (size_t j = 0; j < d; ++j) sum += static_cast<double>(x[i * d + j]) * static_cast<double>(vector[j]);
      similarity[i] = sum * scale;
    }
  });
  std::vector<int64_t> order(similarity.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  const auto most = std::clamp<int64_t>(count, 0, size());
  std::ranges::partial_sort(order, order.begin() + most, [&](int64_t a, int64_t b) {
    const double left = similarity[static_cast<size_t>(a)], right = similarity[static_cast<size_t>(b)];
    return left > right || (left == right && a < b);
  });
  std::vector<Found> out;
  for (const int64_t i : std::span(order).first(static_cast<size_t>(most)))
    out.push_back({i, similarity[static_cast<size_t>(i)]});
  return out;
}

}  // namespace tandem::evaluate
