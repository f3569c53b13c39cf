// Weights taken out of a network while it trains, the smallest first; the others learn to do without them.
#pragma once
#include <tandem/base/config.h>
#include <tandem/tensor/tensor.h>

#include <functional>
#include <string>
#include <vector>

namespace tandem::train {

/// `train.prune`.
struct PruneOptions {
  double share = 0;            // of the weights that end as zeros; 0: none
  std::string by = "network";  // network: the smallest of all weights go; layer: the same share of each tensor
  double until = 0.5;          // share of the training after which no more go
  int64_t every = 20;          // steps from one cut to the next
  void fields(Fields& f);
  [[nodiscard]] bool on() const { return share > 0; }
  /// Which share is zero when `done` of the training lies behind: quickly first, slower towards the end (Zhu and Gupta
  /// 2017).
  [[nodiscard]] double at(double done) const;
};

/// Prunes weights, which are the tensors of two axes or more. Whatever is zero stays zero: the weights themselves are
/// all there is to remember, so a checkpoint needs no more, and a pruned network stays so when it learns on.
class Pruning {
 public:
  /// Throws when none of the tensors is a weight. They are kept.
  Pruning(const PruneOptions& options, const std::vector<Tensor>& parameters);

  /// Runs `move`, which may move all weights, and puts those that were zero back to zero; then cuts when it is time
  /// to. `step` counts from 1, `done` is the share of the training that lies behind after it.
  void step(int64_t step, double done, const std::function<void()>& move);
  /// Whether all of the share has gone when `done` of the training lies behind.
  [[nodiscard]] bool complete(double done) const { return done >= options_.until; }

 private:
  PruneOptions options_;
  std::vector<Tensor> weights_;
};

/// Zeros in `mean`, a mean of weights over time, where `weight` has one now.
void keep_zeros(const Tensor& weight, const Tensor& mean);

}  // namespace tandem::train
