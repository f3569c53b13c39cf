// Below the trainer: tensors, the tape and an optimiser. Learns y = sin(x) with a 1-32-32-1 network.
#include <tandem/tandem.h>

#include <cmath>
#include <iostream>

int main() {
  using namespace tandem;
  Rng rng(7, "example");
  Tensor x = Tensor::empty({256, 1}), y = Tensor::empty({256, 1});
  for (size_t i = 0; i < 256; ++i) {
    x.data<float>()[i] = static_cast<float>(rng.uniform(-3, 3));
    y.data<float>()[i] = std::sin(x.data<float>()[i]);
  }
  auto net = nn::Sequential{nn::Linear{32}, nn::Tanh{}, nn::Linear{32}, nn::Tanh{}, nn::Linear{1}};
  nn::Build build{rng};
  net.build({1}, build);
  optim::Optimizer adam({.type = "adam", .lr = 1e-2}, nn::trained(net));
  for (int step = 0; step <= 500; ++step) {
    nn::Pass pass{.training = true};
    const Tensor loss = mse_loss(net.forward(x, pass), y);
    adam.clear_grads();
    backward(loss);
    adam.step(1e-2);
    if (step % 100 == 0) std::cout << "step " << step << "  loss " << loss.item() << "\n";
    if (step == 500) return loss.item() < 1e-3 ? 0 : 1;
  }
}
