// Ten training steps of a small network against the losses that PyTorch has from the same start: pytorch_oracle.py.
#include "tests/ops/pytorch_oracle.h"

#include <gtest/gtest.h>
#include <tandem/autograd/tape.h>
#include <tandem/ops/activation.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/image.h>
#include <tandem/ops/linear.h>
#include <tandem/ops/loss.h>
#include <tandem/ops/norm.h>
#include <tandem/ops/shape.h>

namespace tandem::testing {
namespace {

// Knuth's 64-bit linear congruential generator, as in the script.
struct Lcg {
  uint64_t state = 42;

  uint64_t next() {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return state >> 40;
  }
  Tensor tensor(const Shape& shape, double scale = 1, double offset = 0) {
    Tensor out = Tensor::empty(shape);
    for (float& v : out.data<float>())
      v = static_cast<float>((static_cast<double>(next()) / 0x1.0p24 - 0.5) * scale + offset);
    return out;
  }
};

TEST(OpPytorchOracle, TenTrainingSteps) {
  Lcg lcg;
  const Tensor x = lcg.tensor({16, 9, 8, 3}, 2);
  std::vector<int64_t> classes;
  for (int i = 0; i < 16; ++i) classes.push_back(static_cast<int64_t>(lcg.next() % 5));
  const Tensor labels = Tensor::from(classes, {16});
  // Named in the order in which the script draws them.
  Tensor conv_weight = lcg.tensor({4, 3, 3, 3}, 0.5), conv_bias = lcg.tensor({4});
  Tensor gamma = lcg.tensor({4}, 0.5, 1), beta = lcg.tensor({4});
  Tensor weight = lcg.tensor({5, 64}, 0.25), bias = lcg.tensor({5});
  const Tensor running_mean = Tensor::zeros({4}), running_variance = Tensor::full({4}, 1);
  std::vector<Tensor*> parameters{&conv_weight, &conv_bias, &gamma, &beta, &weight, &bias};
  std::vector<Tensor> velocities(parameters.size());

  for (size_t step = 0; step < std::size(oracle::losses); ++step) {
    for (Tensor* p : parameters) require_grad(*p);
    Tensor y = conv2d(x, conv_weight, conv_bias, {.padding = 1});
    y = max_pool2d(relu(batch_norm(y, {gamma, beta, running_mean, running_variance, true})));
    const Tensor loss = cross_entropy(linear(reshape(y, {16, 64}), weight, bias), labels);
    // Float against float in another order of sums; a wrong gradient shows in the first digits of the second step.
    EXPECT_NEAR(loss.item(), oracle::losses[step], 1e-4 * oracle::losses[step]) << "step " << step;
    backward(loss);
    const NoGrad off;
    for (size_t i = 0; i < parameters.size(); ++i) {
      const Tensor g = grad_of(*parameters[i]);
      velocities[i] = velocities[i].defined() ? velocities[i] * 0.75 + g : g;
      *parameters[i] = parameters[i]->detach() - velocities[i] * 0.125;
    }
  }
  EXPECT_LT(oracle::losses[9], 0.5 * oracle::losses[0]) << "the oracle does not learn";
  for (int64_t c = 0; c < 4; ++c) {
    EXPECT_NEAR(running_mean.at(c), oracle::running_mean[c], 1e-4) << c;
    EXPECT_NEAR(running_variance.at(c), oracle::running_variance[c], 1e-4) << c;
  }
  for (int64_t c = 0; c < 5; ++c) EXPECT_NEAR(bias.at(c), oracle::bias[c], 1e-4) << c;
}

}  // namespace
}  // namespace tandem::testing
