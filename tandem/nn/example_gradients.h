// The gradient of each example of a batch by itself, without a backward pass for each: how long they are, and their
// weighted sum. One pass goes through the network; every layer keeps what it was given and what came back to it, from
// which both follow (Goodfellow 2015; the book-keeping of Bu et al. 2022).
#pragma once
#include <tandem/nn/sequential.h>

#include <span>
#include <vector>

namespace tandem::nn {

/// For one forward and backward pass: forward(x), then backward() of a loss that is a sum over the examples, then
/// squared_norms() and sum(). Linear and convolution layers are quick; of any other layer with trained numbers each
/// example is taken alone. Nothing is put on the tape for the parameters themselves.
class ExampleGradients {
 public:
  /// `net` is kept by reference; its layers must treat examples one by one (no statistics of the batch).
  explicit ExampleGradients(Sequential& net) : net_(net) {}

  /// The network's outputs for x (n, ...). Throws a usage error for a layer with trained numbers that draws random
  /// ones too, or that gives another number of rows.
  [[nodiscard]] Tensor forward(const Tensor& x, Pass pass);
  /// Of each example, the squared length of its gradient, all parameters together.
  [[nodiscard]] std::vector<double> squared_norms() const;
  /// sum_i weights[i] * gradient of example i: one tensor a trained parameter, in the order of visit().
  [[nodiscard]] std::vector<Tensor> sum(std::span<const float> weights) const;

 private:
  struct Seen {  // one layer's input and, once backward() ran, the gradient of its output
    Module* layer;
    Tensor input, output;
    [[nodiscard]] Tensor grad() const;
  };

  Sequential& net_;
  int64_t examples_ = 0;
  std::vector<Seen> seen_;
};

}  // namespace tandem::nn
