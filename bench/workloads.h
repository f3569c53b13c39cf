// The training steps that are measured: network, loss, optimiser and synthetic data in memory.
#pragma once
#include <tandem/nn/sequential.h>
#include <tandem/nn/weights.h>
#include <tandem/optim/optimizer.h>
#include <tandem/tensor/safetensors.h>

#include <string>
#include <vector>

namespace tandem::bench {

struct Workload {
  std::string name, about;  // about: the shape in a line, for the table
  std::string network;      // its name in peers/networks.py
  nn::Sequential net;       // not built yet
  Shape input;              // of one example
  int64_t batch = 0;
  std::string loss;  // cross_entropy, mse or binary_cross_entropy (on probabilities)
  int64_t outputs = 0;
  optim::Options optimizer;
  bool bf16 = false;  // mixed precision
  // Packed sequences: token ids of a vocabulary, `batch` sequences of `length` tokens, or uniform in [shortest,
  // length].
  int64_t vocabulary = 0, length = 0, shortest = 0;
  bool next_token = false;  // the target is each token's successor, not a class for each sequence
  double goal = 0;          // the peer's time over ours that is to be reached
};

/// classic, control, mlp, cnn, resnet20, resnet20-bf16, lstm, lstm-ragged, gpt, gpt-bf16.
[[nodiscard]] std::vector<Workload> workloads();
/// The one of that name; throws when there is none.
[[nodiscard]] Workload workload(const std::string& name);

/// What `count` steps took, and the loss at the last one.
struct Steps {
  double seconds = 0, loss = 0;
};

/// A workload made ready to run. A step is forward, loss, backward, optimiser.
class Training {
 public:
  static constexpr size_t batches = 8;  // taken in turn, so that no step finds its data in the nearest cache

  explicit Training(const Workload& workload);
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;

  Steps run(int64_t count);
  /// Back to the first weights, an empty optimiser and the first batch.
  void reset();
  /// First weights, inputs and targets, and the settings in the metadata: all that a peer needs.
  void write(const fs::path& path) const;

  /// Floating-point operations of a step, counting products and convolutions only: forward, gradient of the weights,
  /// and gradient of the inputs of all layers but the first; a mean over the batches.
  [[nodiscard]] double flops() const;
  [[nodiscard]] nn::Sequential& net() { return net_; }
  [[nodiscard]] const Tensor& input(size_t batch) const { return inputs_[batch]; }

 private:
  Workload workload_;
  nn::Sequential net_;
  std::vector<std::pair<std::string, Tensor>> first_weights_;
  std::vector<Tensor> inputs_, targets_;
  std::vector<std::vector<int64_t>> lengths_;  // of each batch's sequences, or none
  optim::Optimizer optimizer_;
  size_t at_ = 0;
};

}  // namespace tandem::bench
