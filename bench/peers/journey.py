"""From files to a saved network in PyTorch: journey.py DATA OUT SEED EPOCHS. The same network, rule of learning and number
of epochs as journey.yaml. Eager: compiling takes longer than all of the training. Prints the accuracy on the test digits.
"""
import gzip
import math
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

BATCH, RATE, WARMUP = 128, 4e-3, 0.2


def read(folder, part):
    def idx(name, start):
        with gzip.open(folder / "mnist" / f"{part}-{name}.gz", "rb") as file:
            return np.frombuffer(file.read(), np.uint8, offset=start)

    pictures = idx("images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)
    return torch.from_numpy(pictures.copy()), torch.from_numpy(idx("labels-idx1-ubyte", 8).astype(np.int64))


def main():
    data, out, seed, epochs = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    torch.manual_seed(seed)
    torch.set_num_threads(2)
    torch.set_flush_denormal(True)
    pictures, labels = read(data, "train")
    floats = pictures.float().div_(255)
    mean, std = floats.mean(), floats.std()
    floats.sub_(mean).div_(std)

    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.MaxPool2d(2), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1), nn.MaxPool2d(2), nn.BatchNorm2d(32), nn.ReLU(),
        nn.Flatten(), nn.Linear(7 * 7 * 32, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    steps = math.ceil(len(labels) / BATCH)
    step = 0
    for epoch in range(epochs):
        for index in torch.randperm(len(labels)).split(BATCH):
            step += 1
            at = step / steps
            factor = at / WARMUP if at < WARMUP else max(0.0, (epochs - at) / (epochs - WARMUP))
            for group in optimizer.param_groups:
                group["lr"] = RATE * factor
            optimizer.zero_grad(set_to_none=True)
            cross_entropy(net(floats[index]), labels[index]).backward()
            optimizer.step()

    pictures, labels = read(data, "t10k")
    net.eval()
    with torch.inference_mode():
        parts = pictures.float().div_(255).sub_(mean).div_(std).split(256)
        guesses = torch.cat([net(part).argmax(1) for part in parts])
    torch.save(net.state_dict(), out)
    print((guesses == labels).float().mean().item())


if __name__ == "__main__":
    main()
