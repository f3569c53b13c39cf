// What a training loop trains: an open interface, behind which stands what is learned and from what.
#pragma once
#include <tandem/nn/module.h>

#include <span>
#include <vector>

namespace tandem::tasks {

/// Where a training stands. All that is random in a step is drawn from it, so that a resumed run is the same run.
struct Moment {
  uint64_t seed = 0;
  int64_t epoch = 0, step = 0;  // from 0
  double share = 0;             // of all epochs that lie behind
};

/// What a batch teaches, and figures of it for people.
struct BatchLoss {
  Tensor loss;          // a number on the tape: the mean over what is counted
  int64_t counted = 0;  // examples, or tokens
  int64_t correct = 0;  // of these
};

struct Measure {
  double loss = 0, accuracy = 0;
};

class Task {
 public:
  virtual ~Task() = default;
  [[nodiscard]] virtual nn::Module& network() = 0;
  /// Of the training part.
  [[nodiscard]] virtual int64_t examples() const = 0;
  /// The examples of each step of an epoch; each epoch has as many steps. Here: in random order, `size` a step; a last
  /// one of a single example has no statistics for batch norm and is left out.
  [[nodiscard]] virtual std::vector<std::vector<int64_t>> batches(int64_t size, Rng rng) const;
  [[nodiscard]] virtual BatchLoss loss(std::span<const int64_t> batch, const Moment& at, nn::Pass& pass) = 0;
  /// Whether there is a validation part; how good the network is on it.
  [[nodiscard]] virtual bool validates() const = 0;
  [[nodiscard]] virtual Measure validate() = 0;
  /// What goes from one step to the next beside the network, as the hidden state of a text read piece by piece; a
  /// checkpoint keeps it.
  virtual void visit_state(const nn::Visitor& visitor) { (void)visitor; }
};

}  // namespace tandem::tasks
