"""Makes the files that safetensors_test.cpp and weights_test.cpp read, with PyTorch and the safetensors package.

    python3 tests/tensor/make_fixtures.py

PyTorch lays images out as channels, height, width; Tandem as height, width, channels. Convolution weights are the same
in both (filters, channels, height, width). What differs is Flatten: the columns of the linear layer after it are
permuted here from (c, h, w) to (h, w, c). Everything else goes across as it is.
"""
import pathlib

import numpy as np
import torch
from safetensors.numpy import save_file as save_numpy
from safetensors.torch import save_file

here = pathlib.Path(__file__).resolve().parent / "fixtures"
here.mkdir(exist_ok=True)

# Every type that is read, with values at the edges of each.
save_numpy(
    {
        "f32": np.array([[0.0, -0.0, 1.5], [np.inf, -np.inf, np.finfo(np.float32).tiny / 4]], np.float32),
        "f64": np.array([1 / 3, -1e300], np.float64),
        "i32": np.array([-(2**31), 2**31 - 1], np.int32),
        "i64": np.array([[[-(2**63)]], [[2**63 - 1]]], np.int64),
        "u8": np.arange(256, dtype=np.uint8),
        "scalar": np.array(7.0, np.float32),
        "empty": np.zeros((0, 3), np.float32),
    },
    here / "types.safetensors",
    metadata={"made by": "safetensors", "text": "ü\n\"quoted\""},
)
# All 65536 numbers of 16 bits would be 128 KiB a type: every 149th, and the edges.
bits = np.unique(np.concatenate([np.arange(0, 65536, 149), [1, 0x3FF, 0x400, 0x7BFF, 0x7C00, 0x8000, 0x8001, 0xFBFF, 0xFC00]]))
bits = torch.from_numpy(bits.astype(np.uint16).view(np.int16))
half = {"f16": bits.view(torch.float16), "bf16": bits.view(torch.bfloat16)}
keep = {name: ~torch.isnan(x.float()) for name, x in half.items()}
half = {name: x[keep[name]].contiguous() for name, x in half.items()}
save_file({**half, **{name + ".wide": x.float() for name, x in half.items()}}, here / "half.safetensors")

# A network with its input and output.
torch.manual_seed(3)
net = torch.nn.Sequential(
    torch.nn.Conv2d(2, 4, 3, padding=1),
    torch.nn.BatchNorm2d(4),
    torch.nn.ReLU(),
    torch.nn.MaxPool2d(2),
    torch.nn.Flatten(),
    torch.nn.Linear(4 * 3 * 4, 5),
)
with torch.no_grad():
    net[1].running_mean.uniform_(-0.5, 0.5)
    net[1].running_var.uniform_(0.5, 2.0)
    net[1].weight.uniform_(0.5, 1.5)
    net[1].bias.uniform_(-0.5, 0.5)
x = torch.randn(3, 2, 6, 8)
net.train()
trained = net(x)  # in training the statistics are those of the batch; this moves the running ones, so they are saved after
net.eval()
state = {k: v.clone() for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
w = state["5.weight"].reshape(5, 4, 3, 4)  # (units, c, h, w)
state["5.weight"] = w.permute(0, 2, 3, 1).reshape(5, -1).contiguous()
with torch.no_grad():
    save_file(
        {
            **{"net." + k: v for k, v in state.items()},
            "input": x.permute(0, 2, 3, 1).contiguous(),
            "output": net(x),
            "output.training": trained.detach(),
        },
        here / "network.safetensors",
    )
print({p.name: p.stat().st_size for p in here.iterdir()})
