"""Writes pytorch_layers.safetensors: layers of PyTorch on packed sequences, with weights, outputs and gradients.

    python tests/nn/pytorch_layers.py

For each case: lengths, x (a row a token), the parameters under their own names, y, the weights g of the loss sum(g y),
and grad.NAME of x and of every parameter. PyTorch sees padding or one sequence at a time; the file holds real tokens only.
"""
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

LENGTHS = [3, 1, 5]
SOURCE_LENGTHS = [2, 4, 1]
out = {}


def record(name, module, forward, x, **extra):
    for parameter in module.parameters():  # away from zeros and ones
        nn.init.uniform_(parameter, -0.7, 0.7)
    inputs = {"x": x, **extra}
    for tensor in inputs.values():
        if tensor.is_floating_point():
            tensor.requires_grad_()
    y = forward(module)
    g = torch.randn(y.shape)
    (y * g).sum().backward()
    values = {"y": y, "g": g, **inputs}
    for key, tensor in {**inputs, **dict(module.named_parameters())}.items():
        if tensor.is_floating_point():
            values["grad." + key] = tensor.grad
    values.update(("weight." + key, tensor) for key, tensor in module.named_parameters())
    out.update((f"{name}.{key}", tensor.detach().contiguous().clone()) for key, tensor in values.items())


def packed(x):
    def forward(module):
        padded = pad_sequence(x.split(LENGTHS), batch_first=True)
        y, _ = module(pack_padded_sequence(padded, LENGTHS, batch_first=True, enforce_sorted=False))
        y, _ = pad_packed_sequence(y, batch_first=True)
        return torch.cat([row[:n] for row, n in zip(y, LENGTHS)])

    return forward


def one_by_one(x, call):
    return lambda module: torch.cat([call(module, part) for part in x.split(LENGTHS)])


def later(n):
    return torch.full((n, n), float("-inf")).triu(1)


torch.manual_seed(5)
tokens = sum(LENGTHS)
for name, kind in {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}.items():
    x = torch.randn(tokens, 3)
    record(name, kind(3, 4, num_layers=2, bidirectional=True, batch_first=True), packed(x), x)

x = torch.randn(tokens, 3)
record("conv1d", nn.Conv1d(3, 4, 4, padding="same"), one_by_one(x, lambda m, part: m(part.T[None])[0].T), x)

ids = torch.tensor([4, 0, 4, 6, 1, 1, 4, 3, 6], dtype=torch.int32)
record("embedding", nn.Embedding(7, 3), lambda m: m(ids), ids)

x = torch.randn(tokens, 6)
record("rms_norm", nn.RMSNorm(6, eps=1e-3), lambda m: m(x), x)

options = {"nhead": 2, "dim_feedforward": 12, "dropout": 0.0, "batch_first": True}
x = torch.randn(tokens, 8)
block = nn.TransformerEncoderLayer(8, **options, activation="gelu", norm_first=True)
record("causal", nn.TransformerEncoder(block, 2, nn.LayerNorm(8), enable_nested_tensor=False),
       one_by_one(x, lambda m, part: m(part[None], mask=later(len(part)))[0]), x)

x = torch.randn(tokens, 8)
block = nn.TransformerEncoderLayer(8, **options, activation="relu")
record("encoder", nn.TransformerEncoder(block, 2, enable_nested_tensor=False),
       one_by_one(x, lambda m, part: m(part[None])[0]), x)

x, source = torch.randn(tokens, 8), torch.randn(sum(SOURCE_LENGTHS), 8)
block = nn.TransformerDecoderLayer(8, **options, activation="gelu", norm_first=True)
record("decoder", nn.TransformerDecoder(block, 2, nn.LayerNorm(8)),
       lambda m: torch.cat([m(part[None], seen[None], tgt_mask=later(len(part)))[0]
                            for part, seen in zip(x.split(LENGTHS), source.split(SOURCE_LENGTHS))]),
       x, source=source)

save_file(out, Path(__file__).with_suffix(".safetensors"),
          metadata={"torch": torch.__version__.split("+")[0], "script": "tests/nn/pytorch_layers.py"})
