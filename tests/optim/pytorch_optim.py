"""Writes steps.safetensors: what PyTorch's optimisers make of the same parameters and gradients in 20 steps.

    python3 tests/optim/pytorch_optim.py

Each optimiser is one tensor (steps, parameters): the matrix (2, 3), then the vector (4). The rate falls with the steps,
so that a rate taken at the wrong place shows. Gradients of one element are small and of one are large.
"""
import pathlib

import torch
from safetensors.torch import save_file

steps = 20
torch.manual_seed(5)
start = [torch.randn(2, 3), torch.randn(4)]
grads = [[torch.randn(2, 3), torch.randn(4)] for _ in range(steps)]
for g in grads:
    g[0][0, 0] *= 1e-4
    g[1][3] *= 1e3

torch.Tensor.bfloat16 = torch.Tensor.clone  # PyTorch's Muon rounds to bf16 within; here it shall not


class Muon:
    """Muon for the matrix and AdamW for the vector, as PyTorch leaves it to its user."""

    def __init__(self, p, decay, momentum, nesterov):
        self.parts = [
            torch.optim.Muon(p[:1], lr=1, weight_decay=decay[0], momentum=momentum, nesterov=nesterov,
                             adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(p[1:], lr=1, weight_decay=decay[1]),
        ]
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self):
        for part in self.parts:
            part.step()


settings = {
    "sgd": lambda p: torch.optim.SGD(p, lr=1),
    "sgd_momentum": lambda p: torch.optim.SGD(p, lr=1, momentum=0.9),
    "sgd_nesterov": lambda p: torch.optim.SGD(p, lr=1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "sgd_l2": lambda p: torch.optim.SGD(p, lr=1, weight_decay=0.1),
    "adam": lambda p: torch.optim.Adam(p, lr=1),
    "adam_l2": lambda p: torch.optim.Adam(p, lr=1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1, weight_decay=0.1),
    "adamw_matrix": lambda p: torch.optim.AdamW([{"params": p[:1], "weight_decay": 0.1}, {"params": p[1:], "weight_decay": 0}], lr=1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1),
    "rmsprop_momentum": lambda p: torch.optim.RMSprop(p, lr=1, alpha=0.9, eps=1e-3, momentum=0.5, weight_decay=0.1),
    "muon": lambda p: Muon(p, decay=[0.1, 0.1], momentum=0.9, nesterov=False),
    "muon_nesterov": lambda p: Muon(p, decay=[0.1, 0], momentum=0.95, nesterov=True),
    "clipped": lambda p: torch.optim.SGD(p, lr=1, momentum=0.9),
}
flat = lambda tensors: torch.cat([t.detach().reshape(-1) for t in tensors])
out = {"start": flat(start), "grads": torch.stack([flat(g) for g in grads])}
for name, make in settings.items():
    params = [torch.nn.Parameter(t.clone()) for t in start]
    optimizer = make(params)
    rows = []
    for t in range(steps):
        for p, g in zip(params, grads[t]):
            p.grad = g.clone()
        if name == "clipped":
            torch.nn.utils.clip_grad_norm_(params, 2.5)
        for group in optimizer.param_groups:
            group["lr"] = 0.05 * (1 - t / 40)
        optimizer.step()
        rows.append(flat(params))
    out[name] = torch.stack(rows)
here = pathlib.Path(__file__).resolve().parent
save_file(out, here / "steps.safetensors", metadata={"made by": "PyTorch " + torch.__version__})
print((here / "steps.safetensors").stat().st_size, "bytes")
