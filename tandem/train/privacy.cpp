#include <tandem/autograd/tape.h>
#include <tandem/base/threads.h>
#include <tandem/nn/example_gradients.h>
#include <tandem/train/fault.h>
#include <tandem/train/privacy.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace tandem::train {

void PrivacyOptions::fields(Fields& f) {
  f("epsilon", epsilon, {0, 1e3});
  f("delta", delta, {1e-30, 0.5});
  f("clip", clip, {1e-9, 1e9});
  f("repeatable", repeatable);
}

constexpr int64_t most_order = 1 << 16;  // a sum has as many terms

double renyi(double rate, double noise, int64_t alpha) {
  if (!(rate > 0 && rate <= 1) || !(noise > 0) || alpha < 2 || alpha > most_order)
    fail("privacy", "rate {} is not in (0, 1], noise {} not above 0, or order {} not in 2 to {}", rate, noise, alpha,
         most_order);
  const auto a = static_cast<double>(alpha);
  if (rate == 1) return a / (2 * noise * noise);
  // log of sum_k C(alpha, k) (1 - q)^(alpha - k) q^k exp((k^2 - k) / (2 noise^2)), over alpha - 1
  std::vector<double> logs;
  for (int64_t i = 0; i <= alpha; ++i) {
    const auto k = static_cast<double>(i);
    logs.push_back(std::lgamma(a + 1) - std::lgamma(k + 1) - std::lgamma(a - k + 1) + (a - k) * std::log1p(-rate) +
                   k * std::log(rate) + (k * k - k) / (2 * noise * noise));
  }
  const double most = std::ranges::max(logs);
  double sum = 0;
  for (const double l : logs) sum += std::exp(l - most);
  return (most + std::log(sum)) / (a - 1);
}

double epsilon_spent(double rate, double noise, int64_t steps, double delta) {
  if (steps < 0 || !(delta > 0 && delta < 1))
    fail("privacy", "steps {} are below 0, or delta {} is not in (0, 1)", steps, delta);
  if (steps == 0) return 0;
  double best = std::numeric_limits<double>::infinity();
  for (int64_t alpha = 2; alpha <= 512; alpha += alpha < 64 ? 1 : alpha) {  // 2, 3 … 64, 128, 256, 512
    const auto a = static_cast<double>(alpha);
    const double spent = static_cast<double>(steps) * renyi(rate, noise, alpha);
    best = std::min(best, spent + std::log1p(-1 / a) - (std::log(delta) + std::log(a)) / (a - 1));
  }
  return std::max(best, 0.0);
}

double noise_for(double epsilon, double delta, double rate, int64_t steps) {
  if (!(epsilon > 0)) fail("privacy", "epsilon {} is not above 0", epsilon);
  double low = 0.05, high = 1e4;
  if (epsilon_spent(rate, high, steps, delta) > epsilon)
    fail("privacy", "no noise spends only epsilon {} at delta {} in {} steps: allow more, or train for less", epsilon,
         delta, steps);
  for (int i = 0; i < 60; ++i) {
    const double middle = std::sqrt(low * high);
    (epsilon_spent(rate, middle, steps, delta) > epsilon ? low : high) = middle;
  }
  return high;
}

std::vector<int64_t> poisson_sample(int64_t n, double rate, Rng rng) {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < n; ++i)
    if (rng.chance(rate)) out.push_back(i);
  return out;
}

namespace {

struct Piece {  // what some of the examples add up to
  std::vector<Tensor> sums;
  double loss = 0;
  int64_t correct = 0;
};

// The network with parameters that collect no gradient: ExampleGradients finds them without the tape.
nn::Sequential detached(nn::Sequential net) {
  net.visit("", [](const std::string& name, Tensor& t, bool trained) {
    if (!trained)
      fail("privacy", "{} is a statistic of the batch, in which examples mix: use group_norm or layer_norm", name);
    t = t.detach();
  });
  return net;
}

Piece clipped_sum(nn::Sequential net, const tasks::LossOptions& options, const Tensor& x,
                  const std::vector<int32_t>& labels, double clip, const Rng& rng) {
  nn::ExampleGradients gradients(net);
  const Tensor outputs = gradients.forward(x, {true, rng});
  const Tensor loss = tasks::loss(options, outputs, labels, {});  // the mean: times n it is the sum
  const auto n = static_cast<double>(labels.size());
  backward(loss, Tensor::full(loss.shape(), n));
  std::vector<float> weights;
  for (const double squared : gradients.squared_norms()) {
    const double norm = std::sqrt(squared);
    if (!std::isfinite(norm))
      fail(ErrorKind::numeric, "privacy", "the gradient of an example became {}: lower optimizer.lr", shown(norm));
    weights.push_back(static_cast<float>(norm > clip ? clip / norm : 1));
  }
  Piece out{gradients.sum(weights), loss.item() * n};
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    const auto row = outputs.rows(at, at + 1).data<const float>();
    const int64_t guess = row.size() > 1 ? std::ranges::max_element(row) - row.begin()
                                         : row[0] > (options.type == "binary_cross_entropy" ? 0.5F : 0.0F);
    out.correct += guess == labels[i] ? 1 : 0;
  }
  return out;
}

}  // namespace

PrivateGradients private_gradients(const nn::Sequential& net, const tasks::LossOptions& loss, const Tensor& x,
                                   const std::vector<int32_t>& labels, double clip, double noise, double expected,
                                   const Rng& rng) {
  // Batches have a different size each; pieces of one size let convolutions use again what they prepared for it.
  constexpr int64_t a_piece = 128;
  const auto n = static_cast<int64_t>(labels.size());
  if (x.size(0) != n)
    fail("privacy", "{} rows came for {} examples: only networks whose rows are the examples can be trained so",
         x.size(0), n);
  nn::Sequential own = detached(net);
  PrivateGradients out;
  own.visit("", [&](const std::string&, Tensor& t, bool) { out.grads.push_back(Tensor::zeros(t.shape())); });

  std::vector<Piece> pieces(static_cast<size_t>((n + a_piece - 1) / a_piece));
  parallel_tasks(std::ssize(pieces), [&](int64_t task) {
    const int64_t first = task * a_piece, last = std::min(n, first + a_piece);
    pieces[static_cast<size_t>(task)] =
        clipped_sum(own, loss, x.rows(first, last), {labels.begin() + first, labels.begin() + last}, clip,
                    rng.split("dropout").split(static_cast<uint64_t>(task)));
  });

  for (const Piece& piece : pieces) {  // in order: the same sum for any number of threads
    out.loss += piece.loss / static_cast<double>(n);
    out.correct += piece.correct;
    for (size_t p = 0; p < out.grads.size(); ++p) {
      const auto from = piece.sums[p].data<float>(), into = out.grads[p].data<float>();
      for (size_t j = 0; j < into.size(); ++j) into[j] += from[j];
    }
  }
  for (size_t p = 0; p < out.grads.size(); ++p) {
    Rng draw = rng.split("noise").split(p);
    for (float& g : out.grads[p].data<float>())
      g = static_cast<float>((static_cast<double>(g) + noise * clip * draw.normal()) / expected);
  }
  return out;
}

}  // namespace tandem::train
