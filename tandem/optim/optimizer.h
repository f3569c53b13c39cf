// Optimisers: how gradients move parameters.
#pragma once
#include <tandem/base/config.h>
#include <tandem/tensor/tensor.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace tandem::optim {

struct Options {
  std::string type = "adam";  // sgd, adam, adamw, rmsprop, muon
  double lr = 1e-3;
  double momentum = 0;                // sgd, rmsprop, muon
  bool nesterov = false;              // sgd, muon
  double weight_decay = 0;            // L2 for sgd, adam and rmsprop; decoupled for adamw and muon
  bool decay_all = true;              // false: biases and normalisation scales (tensors with one axis) are not decayed
  double beta1 = 0.9, beta2 = 0.999;  // adam, adamw; muon for tensors with one axis
  double alpha = 0.99;                // rmsprop
  double epsilon = 1e-8;
  /// muon: a convolution's weight keeps its norm. Before a normalisation it means nothing but how far a step turns the
  /// weight: growing, it would lower the rate behind the schedule's back.
  bool keep_norm = false;
  bool bf16 = false;  // muon rounds the operands of its products: not an option of a recipe, train.precision says it
  void fields(Fields& f);
};

/// `muon` (Jordan et al. 2024) moves a tensor of two axes or more, as the matrix (first axis, rest), along the
/// orthogonalised momentum, scaled so that AdamW's rates fit (Liu et al. 2025); tensors with one axis move by adamw.
/// Owns the state that goes with each parameter. float32 parameters only.
class Optimizer {
 public:
  /// Throws for an impossible combination of options.
  Optimizer(const Options& options, std::vector<Tensor> parameters);

  /// Moves the parameters by their collected gradients at rate `lr`; a parameter without a gradient stays.
  void step(double lr);
  /// From now on parameter i moves at rates[i] times the rate of a step; one at 0 stays, whatever its gradient.
  void set_rates(std::vector<double> rates);
  void clear_grads();
  /// The next step takes all gradients scaled so that their joint norm is at most `limit` (0: no limit); returns the
  /// norm before.
  [[nodiscard]] double clip(double limit);
  /// Of each parameter's gradient, as the last clip() found them.
  [[nodiscard]] std::span<const double> norms() const { return norms_; }

  /// Names and tensors of the state, for checkpoints; the number of steps is kept apart.
  void visit(const std::function<void(const std::string& name, Tensor& tensor)>& visitor);
  [[nodiscard]] int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }
  [[nodiscard]] const Options& options() const { return options_; }

 private:
  void update(size_t index, std::span<const float> gradient, float lr);

  Options options_;
  std::vector<Tensor> parameters_;
  std::vector<double> rates_;           // one a parameter
  std::vector<Tensor> first_, second_;  // momentum or first moment; second moment
  std::vector<double> norms_;
  double grad_scale_ = 1;  // set by clip(), used by the next step
  int64_t steps_ = 0;
};

}  // namespace tandem::optim
