#include <tandem/train/pruning.h>

#include <algorithm>
#include <cmath>

namespace tandem::train {
namespace {

/// Sets the smallest of all elements to zero, until `share` of them are. Of equals the earlier goes first, so that the
/// number is exact.
void cut(const std::vector<Tensor>& weights, double share) {
  int64_t all = 0;
  std::vector<float> sizes;  // of those that are left
  for (const Tensor& w : weights) {
    all += w.numel();
    for (const float value : w.data<const float>())
      if (value != 0) sizes.push_back(std::abs(value));
  }
  const int64_t more = std::llround(share * static_cast<double>(all)) - (all - std::ssize(sizes));
  if (more <= 0) return;
  const auto last = sizes.begin() + (more - 1);
  std::ranges::nth_element(sizes, last);
  const float limit = *last;
  int64_t equals = more - std::count_if(sizes.begin(), last, [&](float size) { return size < limit; });
  for (const Tensor& w : weights)
    for (float& value : w.data<float>()) {
      const float size = std::abs(value);
      if (value != 0 && (size < limit || (size == limit && equals-- > 0))) value = 0;
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
