#include <tandem/train/pruning.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tandem::train {
namespace {

/// Sets the smallest of all elements to zero, until `share` of them are. Of equals the earlier goes first, so that the
/// number is exact.
void cut(const std::vector<Tensor>& weights, double share) {
  struct Place {
    float size;
    uint32_t tensor;
    uint64_t index;
    auto operator<=>(const Place&) const = default;
  };
  int64_t all = 0;
  for (const Tensor& w : weights) all += w.numel();
  const auto wanted = std::llround(share * static_cast<double>(all));
  std::vector<Place> left;
  for (uint32_t t = 0; t < weights.size(); ++t) {
    const auto values = weights[t].data<const float>();
    for (uint64_t i = 0; i < values.size(); ++i)
      if (values[i] != 0) left.push_back({std::abs(values[i]), t, i});
  }
  const int64_t more = wanted - (all - std::ssize(left));
  if (more <= 0) return;
  std::ranges::nth_element(left, left.begin() + (more - 1));
  for (int64_t i = 0; i < more; ++i) {
    const Place& p = left[static_cast<size_t>(i)];
    weights[p.tensor].data<float>()[p.index] = 0;
  }
}

}  // namespace

void PruneOptions::fields(Fields& f) {
  f("share", share, {0, 0.99});
  f("by", by, {"network", "layer"});
  f("until", until, {0, 0.9});
  f("every", every, {1, 1e6});
}

double PruneOptions::at(double done) const {
  if (done >= until) return share;
  const double left = 1 - done / until;
  return share * (1 - left * left * left);
}

Pruning::Pruning(const PruneOptions& options, const std::vector<Tensor>& parameters) : options_(options) {
  for (const Tensor& p : parameters)
    if (p.rank() >= 2) weights_.push_back(p.detach());
  if (weights_.empty()) fail("train.prune", "no tensor that learns has two axes: there is no weight to take out");
}

void Pruning::step(int64_t step, double done, const std::function<void()>& move) {
  std::vector<Tensor> before;
  for (const Tensor& w : weights_) before.push_back(w.clone());
  move();
  for (size_t i = 0; i < weights_.size(); ++i) keep_zeros(before[i], weights_[i]);
  if (step % options_.every != 0 && !complete(done)) return;
  if (options_.by == "network") return cut(weights_, options_.at(done));
  for (const Tensor& w : weights_) cut({w}, options_.at(done));
}

void keep_zeros(const Tensor& weight, const Tensor& mean) {
  const auto from = weight.data<const float>();
  const auto into = mean.data<float>();
  for (size_t i = 0; i < into.size(); ++i)
    if (from[i] == 0) into[i] = 0;
}

}  // namespace tandem::train
