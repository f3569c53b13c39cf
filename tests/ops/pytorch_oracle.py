"""Prints pytorch_oracle.h: ten losses of a small network in PyTorch, from the same start as pytorch_oracle_test.cpp.

    python tests/ops/pytorch_oracle.py > tests/ops/pytorch_oracle.h
"""
import torch
import torch.nn.functional as F


class Lcg:
    """Knuth's 64-bit linear congruential generator; the test has the same."""

    def __init__(self):
        self.state = 42

    def next(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return self.state >> 40  # 24 bits: exact in float32

    def tensor(self, shape, scale=1.0, offset=0.0):
        values = [(self.next() / 2**24 - 0.5) * scale + offset for _ in range(torch.Size(shape).numel())]
        return torch.tensor(values, dtype=torch.float32).reshape(shape)


torch.set_num_threads(1)
lcg = Lcg()
x = lcg.tensor((16, 9, 8, 3), 2.0)  # n, h, w, c
labels = torch.tensor([lcg.next() % 5 for _ in range(16)])
conv_weight, conv_bias = lcg.tensor((4, 3, 3, 3), 0.5), lcg.tensor((4,))
gamma, beta = lcg.tensor((4,), 0.5, 1.0), lcg.tensor((4,))
weight, bias = lcg.tensor((5, 64), 0.25), lcg.tensor((5,))
running_mean, running_variance = torch.zeros(4), torch.ones(4)
parameters = [conv_weight, conv_bias, gamma, beta, weight, bias]
for p in parameters:
    p.requires_grad_()
optimizer = torch.optim.SGD(parameters, lr=0.125, momentum=0.75)

losses = []
for _ in range(10):
    y = F.conv2d(x.permute(0, 3, 1, 2), conv_weight, conv_bias, padding=1)
    y = F.max_pool2d(F.relu(F.batch_norm(y, running_mean, running_variance, gamma, beta, training=True)), 2)
    loss = F.cross_entropy(y.permute(0, 2, 3, 1).reshape(16, 64) @ weight.T + bias, labels)
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def row(values):
    return ", ".join(f"{v:.9g}" for v in values)


print(f"// Written by pytorch_oracle.py with PyTorch {torch.__version__.split('+')[0]}; do not edit.")
print("#pragma once")
print()
print("namespace tandem::testing::oracle {")
print()
print("// clang-format off")
print(f"inline constexpr double losses[] = {{{row(losses)}}};")
print(f"inline constexpr double running_mean[] = {{{row(running_mean.tolist())}}};")
print(f"inline constexpr double running_variance[] = {{{row(running_variance.tolist())}}};")
print(f"inline constexpr double bias[] = {{{row(bias.tolist())}}};")
print("// clang-format on")
print()
print("}  // namespace tandem::testing::oracle")
