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


class Named(nn.Module):
    """Parameters under names with dots, which register_parameter does not take."""

    def __init__(self, **shapes):
        super().__init__()
        self.values = {name.replace("__", "."): nn.Parameter(torch.empty(shape)) for name, shape in shapes.items()}

    def named_parameters(self, *args, **kwargs):
        return iter(self.values.items())

    def parameters(self, *args, **kwargs):
        return iter(self.values.values())

    def __getitem__(self, name):
        return self.values.get(name)


def turned(x, base):
    """Rotary positions of x (heads, n, size), as Su et al. 2021 have them with halves in place of neighbours."""
    n, half = x.shape[1], x.shape[2] // 2
    angle = torch.arange(n, dtype=torch.float64)[:, None] * base ** (-torch.arange(half, dtype=torch.float64) / half)
    cos, sin = angle.cos().float(), angle.sin().float()
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def attended(w, at, x, heads, shared, causal, base):
    size = x.shape[1] // heads
    qkv = nn.functional.linear(x, w[at + "in_proj_weight"], w[at + "in_proj_bias"])
    q, k, v = (part.view(len(x), -1, size).transpose(0, 1)
               for part in qkv.split([heads * size, shared * size, shared * size], 1))
    if base:
        q, k = turned(q, base), turned(k, base)
    y = nn.functional.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=causal, enable_gqa=True)[0]
    return nn.functional.linear(y.transpose(0, 1).reshape(len(x), -1), w[at + "out_proj.weight"], w[at + "out_proj.bias"])


def llama(w, x, layers, heads, shared, base):
    """Blocks as in LLaMA (Touvron et al. 2023): RMS norms first, rotary positions, grouped heads, SwiGLU, no biases."""
    norm = lambda name, y: nn.functional.rms_norm(y, y.shape[-1:], w[name + ".weight"], 1e-6)
    for i in range(layers):
        at = f"layers.{i}."
        x = x + attended(w, at + "self_attn.", norm(at + "norm1", x), heads, shared, True, base)
        gate, up = nn.functional.linear(norm(at + "norm2", x), w[at + "linear1.weight"]).chunk(2, 1)
        x = x + nn.functional.linear(nn.functional.silu(gate) * up, w[at + "linear2.weight"])
    return norm("norm", x)


def later(n):
    return torch.full((n, n), float("-inf")).triu(1)


torch.manual_seed(5)
tokens = sum(LENGTHS)
for name, kind in {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}.items():
    x = torch.randn(tokens, 3)
    record(name, kind(3, 4, num_layers=2, bidirectional=True, batch_first=True), packed(x), x)

x = torch.randn(tokens, 3)
record("conv1d", nn.Conv1d(3, 4, 4, padding="same"), one_by_one(x, lambda m, part: m(part.T[None])[0].T), x)

x = torch.randn(tokens, 3)
record("conv1d_dilated", nn.Conv1d(3, 4, 3, padding="same", dilation=2), one_by_one(x, lambda m, part: m(part.T[None])[0].T), x)

ids = torch.tensor([4, 0, 4, 6, 1, 1, 4, 3, 6], dtype=torch.int32)
record("embedding", nn.Embedding(7, 3), lambda m: m(ids), ids)

x = torch.randn(tokens, 6)
record("rms_norm", nn.RMSNorm(6, eps=1e-3), lambda m: m(x), x)

x = torch.randn(tokens, 12)
record("grouped", Named(in_proj_weight=(24, 12), in_proj_bias=(24,), out_proj__weight=(12, 12), out_proj__bias=(12,)),
       one_by_one(x, lambda m, part: attended(m, "", part, 6, 3, False, None)), x)

x = torch.randn(tokens, 12)
record("rotary", Named(in_proj_weight=(24, 12), in_proj_bias=(24,), out_proj__weight=(12, 12), out_proj__bias=(12,)),
       one_by_one(x, lambda m, part: attended(m, "", part, 2, 1, True, 500.0)), x)

x = torch.randn(tokens, 8)
shapes = {}
for i in range(2):
    shapes |= {f"layers__{i}__self_attn__in_proj_weight": (16, 8), f"layers__{i}__self_attn__out_proj__weight": (8, 8),
               f"layers__{i}__linear1__weight": (20, 8), f"layers__{i}__linear2__weight": (8, 10),
               f"layers__{i}__norm1__weight": (8,), f"layers__{i}__norm2__weight": (8,)}
record("llama", Named(**shapes, norm__weight=(8,)), one_by_one(x, lambda m, part: llama(m, part, 2, 4, 2, 10000.0)), x)

record("tied", Named(**{"0__weight": (7, 4)}),
       lambda m: nn.functional.linear(nn.functional.embedding(ids, m["0.weight"]), m["0.weight"]), ids)

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
