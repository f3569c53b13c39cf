#include <tandem/autograd/tape.h>
#include <tandem/base/random.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/reduce.h>
#include <tandem/ops/shape.h>
#include <tandem/people/attribution.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tandem::people {
namespace {

constexpr int64_t batch = 64;  // inputs that are asked about at once

void check_pair(std::string_view where, const Tensor& x, const Tensor& baseline) {
  if (x.shape() != baseline.shape())
    fail(where, "the input has shape {}, its baseline {}: give a baseline of the same shape", x.shape(),
         baseline.shape());
}

Shape batched(int64_t n, const Shape& one) { return one.inserted(0, n); }

/// Scores of `count` inputs of shape `one`, made by fill(i, memory) a batch at a time.
std::vector<double> scores(const Score& score, int64_t count, const Shape& one,
                           const std::function<void(int64_t, std::span<float>)>& fill) {
  const NoGrad off;
  std::vector<double> out;
  for (int64_t first = 0; first < count; first += batch) {
    const int64_t n = std::min(batch, count - first);
    Tensor inputs = Tensor::empty(batched(n, one));
    for (int64_t i = 0; i < n; ++i) fill(first + i, inputs.rows(i, i + 1).data<float>());
    const Tensor got = score(inputs);
    if (got.numel() != n) fail("explain", "a score of {} inputs gave shape {}: expected ({})", n, got.shape(), n);
    for (int64_t i = 0; i < n; ++i) out.push_back(got.at(i));
  }
  return out;
}

/// Sum over i < count of the gradient at fill(i), in double.
std::vector<double> summed_gradients(const Score& score, int64_t count, const Shape& one,
                                     const std::function<void(int64_t, std::span<float>)>& fill) {
  std::vector<double> sum(static_cast<size_t>(one.numel()), 0);
  for (int64_t first = 0; first < count; first += batch) {
    const int64_t n = std::min(batch, count - first);
    Tensor inputs = Tensor::empty(batched(n, one));
    for (int64_t i = 0; i < n; ++i) fill(first + i, inputs.rows(i, i + 1).data<float>());
    const Tensor g = gradient(score, inputs);
    const auto values = g.data<const float>();
    for (size_t k = 0; k < values.size(); ++k) sum[k % sum.size()] += static_cast<double>(values[k]);
  }
  return sum;
}

/// `factor` times values, times (x - baseline).
Tensor times_difference(const std::vector<double>& values, double factor, const Tensor& x, const Tensor& baseline) {
  Tensor out = Tensor::empty(x.shape());
  const auto at = x.data<const float>(), from = baseline.data<const float>();
  for (size_t k = 0; k < values.size(); ++k)
    out.data<float>()[k] =
        static_cast<float>(factor * values[k] * (static_cast<double>(at[k]) - static_cast<double>(from[k])));
  return out;
}

}  // namespace

Tensor gradient(const Score& score, const Tensor& inputs) {
  Tensor x = inputs.clone();
  require_grad(x);
  const Tensor out = score(x);
  if (out.numel() != x.size(0))
    fail("explain", "a score of {} inputs gave shape {}: expected ({})", x.size(0), out.shape(), x.size(0));
  if (!out.node()) return Tensor::zeros(x.shape());  // it does not depend on its input
  backward(sum(out));
  const Tensor g = grad_of(x);
  return g.defined() ? g : Tensor::zeros(x.shape());
}

Tensor gradient_input(const Score& score, const Tensor& x, const Tensor& baseline) {
  check_pair("gradient_input", x, baseline);
  return gradient(score, x.view(batched(1, x.shape()))).view(x.shape()) * (x.detach() - baseline.detach());
}

Integrated integrated_gradients(const Score& score, const Tensor& x, const Tensor& baseline, double gap,
                                int64_t most_steps) {
  check_pair("integrated_gradients", x, baseline);
  const auto end = x.data<const float>(), begin = baseline.data<const float>();
  const std::vector<double> ends = scores(score, 2, x.shape(), [&](int64_t i, std::span<float> into) {
    std::ranges::copy(i == 0 ? begin : end, into.begin());
  });
  Integrated out;
  out.change = ends[1] - ends[0];
  for (out.steps = std::min<int64_t>(32, most_steps);; out.steps = std::min(2 * out.steps, most_steps)) {
    const auto sum = summed_gradients(score, out.steps, x.shape(), [&](int64_t i, std::span<float> into) {
      const auto share = static_cast<float>((static_cast<double>(i) + 0.5) / static_cast<double>(out.steps));
      for (size_t k = 0; k < into.size(); ++k) into[k] = begin[k] + share * (end[k] - begin[k]);
    });
    out.values = times_difference(sum, 1 / static_cast<double>(out.steps), x, baseline);
    double total = 0;
    for (const float v : out.values.data<const float>()) total += static_cast<double>(v);
    out.gap = std::abs(total - out.change) / std::max(std::abs(out.change), 1e-6);
    if (out.gap <= gap || out.steps >= most_steps) return out;
  }
}

Tensor smooth_grad(const Score& score, const Tensor& x, const Tensor& baseline, double noise, int64_t samples,
                   uint64_t seed) {
  check_pair("smooth_grad", x, baseline);
  if (samples < 1 || noise < 0) fail("smooth_grad", "{} samples with noise {}: give at least 1 and 0", samples, noise);
  const Rng rng(seed, "smooth_grad");
  const auto at = x.data<const float>();
  const auto sum = summed_gradients(score, samples, x.shape(), [&](int64_t i, std::span<float> into) {
    Rng draw = rng.split(static_cast<uint64_t>(i));
    for (size_t k = 0; k < into.size(); ++k) into[k] = at[k] + static_cast<float>(noise * draw.normal());
  });
  return times_difference(sum, 1 / static_cast<double>(samples), x, baseline);
}

Tensor grad_cam(const Score& rest, const Tensor& activations) {
  if (activations.rank() != 3)
    fail("grad_cam", "takes the activations (h, w, c) of a layer, got shape {}", activations.shape());
  const Tensor g = gradient(rest, activations.view(batched(1, activations.shape())));
  const int64_t pixels = activations.size(0) * activations.size(1);
  const auto channels = static_cast<size_t>(activations.size(2));
  const auto a = activations.data<const float>(), slope = g.data<const float>();
  std::vector<double> weight(channels, 0);
  for (size_t k = 0; k < slope.size(); ++k)
    weight[k % channels] += static_cast<double>(slope[k]) / static_cast<double>(pixels);
  Tensor out = Tensor::empty({activations.size(0), activations.size(1)});
  for (size_t p = 0; p < static_cast<size_t>(pixels); ++p) {
    double sum = 0;
    for (size_t c = 0; c < channels; ++c) sum += weight[c] * static_cast<double>(a[p * channels + c]);
    out.data<float>()[p] = static_cast<float>(std::max(sum, 0.0));
  }
  return out;
}

Tensor occlusion(const Score& score, const Tensor& x, const Tensor& baseline, int64_t window, int64_t stride) {
  check_pair("occlusion", x, baseline);
  if (x.rank() != 3 || window < 1 || stride < 1 || window > x.size(0) || window > x.size(1))
    fail("occlusion", "a square of {} pixels, moved by {}, does not fit a picture (h, w, c) of shape {}", window,
         stride, x.shape());
  const int64_t h = x.size(0), w = x.size(1), c = x.size(2);
  const auto starts = [&](int64_t length) {  // the last one ends at the edge
    std::vector<int64_t> out;
    for (int64_t at = 0; at < length - window; at += stride) out.push_back(at);
    out.push_back(length - window);
    return out;
  };
  std::vector<std::pair<int64_t, int64_t>> corners;
  for (const int64_t row : starts(h))
    for (const int64_t column : starts(w)) corners.emplace_back(row, column);

  const auto from = x.data<const float>(), empty = baseline.data<const float>();
  const auto count = std::ssize(corners);
  const auto got = scores(score, count + 1, x.shape(), [&](int64_t i, std::span<float> into) {
    std::ranges::copy(from, into.begin());
    if (i == count) return;  // the picture itself comes last
    const auto [row, column] = corners[static_cast<size_t>(i)];
    for (int64_t y = row; y < row + window; ++y)
      std::copy_n(empty.begin() + (y * w + column) * c, window * c, into.begin() + (y * w + column) * c);
  });
  std::vector<double> sum(static_cast<size_t>(h * w), 0), covered(sum.size(), 0);
  for (size_t i = 0; i < corners.size(); ++i)
    for (int64_t y = corners[i].first; y < corners[i].first + window; ++y)
      for (int64_t z = corners[i].second; z < corners[i].second + window; ++z) {
        sum[static_cast<size_t>(y * w + z)] += got.back() - got[i];
        covered[static_cast<size_t>(y * w + z)] += 1;
      }
  Tensor out = Tensor::zeros({h, w});
  for (size_t p = 0; p < sum.size(); ++p)
    if (covered[p] > 0) out.data<float>()[p] = static_cast<float>(sum[p] / covered[p]);
  return out;
}

std::vector<int64_t> ranking_of(const Tensor& map) {
  std::vector<int64_t> order(static_cast<size_t>(map.numel()));
  std::iota(order.begin(), order.end(), int64_t{0});
  const auto value = map.data<const float>();
  std::ranges::stable_sort(
      order, [&](int64_t a, int64_t b) { return value[static_cast<size_t>(a)] > value[static_cast<size_t>(b)]; });
  return order;
}

Faithfulness faithfulness(const Score& score, const Tensor& x, const Tensor& baseline, std::span<const int64_t> ranking,
                          int64_t width, int64_t steps) {
  check_pair("faithfulness", x, baseline);
  const auto positions = std::ssize(ranking);
  if (width < 1 || steps < 1 || positions * width != x.numel())
    fail("faithfulness", "{} positions of {} numbers do not make an input of shape {}", positions, width, x.shape());
  const auto from = x.data<const float>(), empty = baseline.data<const float>();
  const auto curve = [&](std::span<const float> start, std::span<const float> end) {
    return scores(score, steps + 1, x.shape(), [&](int64_t i, std::span<float> into) {
      std::ranges::copy(start, into.begin());
      for (const int64_t p : ranking.first(static_cast<size_t>(positions * i / steps)))
        std::copy_n(end.begin() + p * width, width, into.begin() + p * width);
    });
  };
  const auto mean_of = [](const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  };
  Faithfulness out{.deletion = curve(from, empty), .insertion = curve(empty, from)};
  out.deletion_area = mean_of(out.deletion);
  out.insertion_area = mean_of(out.insertion);
  return out;
}

}  // namespace tandem::people
