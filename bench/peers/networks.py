"""The workloads' networks in PyTorch. Parts bear the names that Tandem gives them, so that one file of weights fits both.

Pictures come as (n, height, width, channels). With `channels_last` PyTorch keeps that memory layout and flattening is
free; without it the columns of the first linear layer are put into (channels, height, width) order once, at loading.
"""
import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import nn


class Flatten(nn.Module):
    """Flattens in the order (height, width, channels), or as the memory lies."""

    def __init__(self, channels_last):
        super().__init__()
        self.channels_last = channels_last

    def forward(self, x):
        return (x.permute(0, 2, 3, 1) if self.channels_last else x).reshape(x.shape[0], -1)


class Residual(nn.Module):
    def __init__(self, body, shortcut):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


class GlobalAvgPool(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


def classic(_):
    return nn.Sequential(
        nn.Linear(784, 50), nn.ReLU(), nn.Linear(50, 10), nn.Sigmoid(), nn.Linear(10, 1), nn.Sigmoid())


def control(_):
    return nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 4))


def mlp(_):
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


def cnn(channels_last):
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        Flatten(channels_last), nn.Linear(7 * 7 * 64, 128), nn.ReLU(), nn.Linear(128, 10))


def resnet20(_):
    def conv(inputs, filters, kernel, stride):
        return nn.Conv2d(inputs, filters, kernel, stride, kernel // 2, bias=False)

    layers = [conv(3, 16, 3, 1), nn.BatchNorm2d(16), nn.ReLU()]
    inputs = 16
    for stage in range(3):
        for block in range(3):
            width = 16 << stage
            stride = 2 if stage > 0 and block == 0 else 1
            body = nn.Sequential(conv(inputs, width, 3, stride), nn.BatchNorm2d(width), nn.ReLU(),
                                 conv(width, width, 3, 1), nn.BatchNorm2d(width))
            shortcut = nn.Sequential()
            if stride != 1:
                shortcut = nn.Sequential(conv(inputs, width, 1, stride), nn.BatchNorm2d(width))
            layers += [Residual(body, shortcut), nn.ReLU()]
            inputs = width
    return nn.Sequential(*layers, GlobalAvgPool(), nn.Linear(64, 10))


class LastState(nn.Module):
    """Embedding, LSTM, the state after each sequence's last token, classes; for padded or for packed sequences."""

    def __init__(self, packed):
        super().__init__()
        self.packed = packed
        self.add_module("0", nn.Embedding(10_000, 256))
        self.add_module("1", nn.LSTM(256, 256, batch_first=True))
        self.add_module("3", nn.Linear(256, 10))

    def forward(self, x):
        ids, lengths = x
        embedding, lstm_, head = self.children()
        vectors = embedding(ids)
        if self.packed:
            _, (h, _) = lstm_(nn.utils.rnn.pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False))
            return head(h[0])
        states, _ = lstm_(vectors)
        return head(states[torch.arange(len(lengths)), lengths - 1])


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.in_proj_weight, self.in_proj_bias = nn.Parameter(torch.empty(3 * width, width)), nn.Parameter(torch.empty(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x):
        n, t, width = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias).view(n, t, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out_proj(y.transpose(1, 2).reshape(n, t, width))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.self_attn = Attention(width, heads)
        self.linear1, self.linear2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x):
        x = x + self.self_attn(self.norm1(x))
        return x + self.linear2(F.gelu(self.linear1(self.norm2(x))))


class Stack(nn.Module):
    def __init__(self, layers, width, heads):
        super().__init__()
        self.layers = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)


class Positions(nn.Module):
    def __init__(self, most, width):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(most, width))

    def forward(self, x):
        return x + self.weight[: x.shape[1]]


def lstm(packed):
    return LastState(packed)


def gpt(_):
    class GPT(nn.Sequential):
        def forward(self, x):
            return super().forward(x[0]).flatten(0, 1)

    return GPT(nn.Embedding(96, 384), Positions(256, 384), Stack(6, 384, 6), nn.Linear(384, 96))


NETWORKS = {"classic": classic, "control": control, "mlp": mlp, "cnn": cnn, "resnet20": resnet20, "lstm": lstm,
            "gpt": gpt}
FLATTENED = {"cnn": ("7.weight", (7, 7, 64))}  # the linear layer after a flatten, and the picture that it sees


class Workload:
    """What the bench wrote: weights, inputs and targets, and its settings as strings."""

    def __init__(self, path, channels_last=False, packed=False):
        self.channels_last, self.packed = channels_last, packed
        with safe_open(path, "pt") as file:
            self.settings = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}

        def numbered(kind):
            names = sorted((n for n in tensors if n.startswith(kind + ".")), key=lambda n: int(n.split(".")[1]))
            return [tensors[n] for n in names]

        self.inputs = [self.picture(x) if x.dim() == 4 else x for x in numbered("input")]
        lengths = numbered("lengths")
        if lengths:  # one row a token, sequence after sequence: padded here, beforehand
            self.inputs = [(nn.utils.rnn.pad_sequence(x.long().split(n.tolist()), batch_first=True), n)
                           for x, n in zip(self.inputs, lengths)]
        self.targets = [t.long() if t.dtype == torch.int32 else t for t in numbered("target")]
        self.weights = {n[4:]: t for n, t in tensors.items() if n.startswith("net.")}
        flattened = FLATTENED.get(self.settings["network"])
        if flattened and not channels_last:
            name, (h, w, c) = flattened
            weight = self.weights[name]
            self.weights[name] = weight.reshape(-1, h, w, c).permute(0, 3, 1, 2).reshape(weight.shape[0], -1)

    def picture(self, x):
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        return x.permute(0, 3, 1, 2).contiguous(memory_format=layout)

    def network(self):
        net = NETWORKS[self.settings["network"]](self.packed or self.channels_last)
        self.load(net)
        return net.to(memory_format=torch.channels_last) if self.channels_last else net

    def load(self, net):
        missing, unknown = net.load_state_dict(self.weights, strict=False)
        missing = [name for name in missing if not name.endswith("num_batches_tracked")]
        if missing or unknown:
            raise SystemExit(f"the weights do not fit the network: missing {missing}, unknown {unknown}")
