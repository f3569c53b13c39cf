#include <tandem/ops/arithmetic.h>
#include <tandem/ops/linear.h>
#include <tandem/ops/loss.h>
#include <tandem/ops/reduce.h>
#include <tandem/ops/sequence.h>
#include <tandem/ops/shape.h>
#include <tandem/tasks/sampled_softmax.h>

#include <algorithm>
#include <cmath>

namespace tandem::tasks {

SampledSoftmax::SampledSoftmax(const data::TokenStream& text, int64_t vocabulary, int64_t candidates)
    : candidates_(candidates), share_(static_cast<size_t>(vocabulary)) {
  std::vector<int32_t> piece;
  for (int64_t first = 0; first < text.size(); first += std::ssize(piece)) {
    piece.resize(static_cast<size_t>(std::min<int64_t>(65536, text.size() - first)));
    text.read(first, piece);
    for (const int32_t token : piece) ++share_[static_cast<size_t>(token)];
  }
  double sum = 0;
  for (double& count : share_) {
    sum += std::pow(std::max(count, 0.5), 0.75);  // what never comes must be told from what does
    cumulative_.push_back(sum);
    count /= static_cast<double>(text.size());
  }
}

SampledSoftmax::Loss SampledSoftmax::loss(const Tensor& features, const Tensor& weight, const Tensor& bias,
                                          std::span<const int32_t> next, Rng rng, bool bf16) const {
  std::vector<int32_t> scored(next.begin(), next.end());
  for (int64_t i = 0; i < candidates_; ++i) {
    const auto at = std::ranges::upper_bound(cumulative_, rng.uniform() * cumulative_.back());
    scored.push_back(static_cast<int32_t>(std::min(at, cumulative_.end() - 1) - cumulative_.begin()));
  }
  std::ranges::sort(scored);
  scored.erase(std::unique(scored.begin(), scored.end()), scored.end());

  const auto count = std::ssize(scored);
  std::vector<float> shift;
  for (const int32_t token : scored) {
    const auto t = static_cast<size_t>(token);
    const double chance = (cumulative_[t] - (t > 0 ? cumulative_[t - 1] : 0)) / cumulative_.back();
    const double missed = static_cast<double>(candidates_) * std::log1p(-chance) +
                          static_cast<double>(next.size()) * std::log1p(-share_[t]);
    shift.push_back(static_cast<float>(-std::log(-std::expm1(missed))));
  }
  const Tensor ids = Tensor::from(scored, {count});
  Tensor added = Tensor::from(shift, {count});
  if (bias.defined()) added = added + reshape(embedding(reshape(bias, {bias.size(0), 1}), ids), {count});
  const Tensor scores = linear(features, embedding(weight, ids), added, std::nullopt, bf16);

  std::vector<int32_t> right;
  for (const int32_t token : next)
    right.push_back(static_cast<int32_t>(std::ranges::lower_bound(scored, token) - scored.begin()));
  Loss out{cross_entropy(scores, Tensor::from(right, {std::ssize(right)}))};
  const Tensor best = arg_max(scores.detach(), -1);
  for (size_t i = 0; i < right.size(); ++i) out.correct += best.data<const int64_t>()[i] == right[i] ? 1 : 0;
  return out;
}

}  // namespace tandem::tasks
