// Training with differential privacy: what a network gives away of any one example is bounded. DP-SGD (Abadi et al.
// 2016) and the account of what it spends (Rényi differential privacy; Mironov, Talwar and Zhang 2019).
#pragma once
#include <tandem/base/config.h>
#include <tandem/tasks/classifier.h>

#include <span>
#include <vector>

namespace tandem::train {

struct PrivacyOptions {
  double epsilon = 0;       // to spend over the whole training; 0: no privacy
  double delta = 1e-5;      // chance that the bound does not hold; well below 1 / examples
  double clip = 1;          // L2 norm that the gradient of each example is cut to
  bool repeatable = false;  // the noise comes from the seed: the same bytes each time, and no protection from anyone
                            // who knows it; false: from the system
  void fields(Fields& f);
  [[nodiscard]] bool on() const { return epsilon > 0; }
};

/// One step of the Gaussian mechanism with standard deviation noise * clip on a sum over examples that are each there
/// with probability `rate`: its Rényi divergence of whole order alpha >= 2.
[[nodiscard]] double renyi(double rate, double noise, int64_t alpha);

/// Epsilon after `steps` such steps at `delta`: the smallest over the orders 2 … 64,
/// 128, 256 and 512 (conversion of Canonne, Kamath and
/// Steinke 2020).
[[nodiscard]] double epsilon_spent(double rate, double noise, int64_t steps, double delta);

/// The least noise with which `steps` steps spend at most `epsilon`. Throws a usage error when none up to 1e4 does.
[[nodiscard]] double noise_for(double epsilon, double delta, double rate, int64_t steps);

/// Of each of n examples, whether it is in this step: each by itself with probability `rate` (Poisson sampling).
[[nodiscard]] std::vector<int64_t> poisson_sample(int64_t n, double rate, Rng rng);

/// The gradients of the examples x (n, h, w, c), each cut to the norm `clip`, summed, with Gaussian noise of standard
/// deviation noise * clip on every number, over `expected` examples: one tensor a trained parameter, in their order. n
/// may be 0. `loss` and `correct` are of the batch, for showing; they are not private. Same bytes for any number of
/// threads. Throws a usage error for layers that mix examples (batch norm).
struct PrivateGradients {
  std::vector<Tensor> grads;
  double loss = 0;
  int64_t correct = 0;
};
[[nodiscard]] PrivateGradients private_gradients(const nn::Sequential& net, const tasks::LossOptions& loss,
                                                 const Tensor& x, const std::vector<int32_t>& labels, double clip,
                                                 double noise, double expected, const Rng& rng);

}  // namespace tandem::train
