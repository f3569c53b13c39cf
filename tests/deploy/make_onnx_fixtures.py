"""Writes tests/deploy/fixtures: small networks as PyTorch exports them, and what PyTorch says of three pictures."""
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn


class Block(nn.Module):
    def __init__(self, channels, out, stride):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(),
                                  nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out))
        same = stride == 1 and channels == out
        self.side = nn.Identity() if same else nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False),
                                                             nn.BatchNorm2d(out))

    def forward(self, x):
        return torch.relu(self.body(x) + self.side(x))


class Fire(nn.Module):
    def __init__(self, channels, out):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, 4, 1)
        self.one, self.three = nn.Conv2d(4, out, 1), nn.Conv2d(4, out, 3, padding=1)

    def forward(self, x):
        x = torch.relu(self.squeeze(x))
        return torch.cat([torch.relu(self.one(x)), torch.relu(self.three(x))], 1)


NETWORKS = {
    "plain": nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.LeakyReLU(0.1),
                           nn.AvgPool2d(2), nn.Flatten(), nn.Linear(32, 10), nn.ReLU(), nn.Dropout(), nn.Linear(10, 4)),
    "residual": nn.Sequential(nn.Conv2d(3, 8, 5, 2, 2, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
                              nn.MaxPool2d(3, 2, 1), Block(8, 8, 1), Block(8, 12, 2), nn.AdaptiveAvgPool2d(1),
                              nn.Flatten(), nn.Linear(12, 4)),
    "joined": nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), Fire(8, 5), Fire(10, 6), nn.Conv2d(12, 4, 1),
                            nn.AdaptiveAvgPool2d(1), nn.Flatten()),
}


def main():
    folder = pathlib.Path(__file__).parent / "fixtures"
    folder.mkdir(exist_ok=True)
    torch.manual_seed(1)
    pixels = torch.randint(0, 256, (3, 16, 16, 3), dtype=torch.uint8)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = ((pixels / 255 - mean) / std).permute(0, 3, 1, 2).contiguous()
    for name, net in NETWORKS.items():
        for layer in net.modules():
            if isinstance(layer, nn.BatchNorm2d):
                for part in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
                    nn.init.uniform_(part, 0.5, 1.5)
        net.eval()
        # Training mode would keep batch norms of their own; the exporter folds them. Both forms are read.
        keep = torch.onnx.TrainingMode.PRESERVE if name == "residual" else torch.onnx.TrainingMode.EVAL
        torch.onnx.export(net, (x,), folder / f"{name}.onnx", dynamo=False, training=keep, do_constant_folding=False,
                          input_names=["picture"], output_names=["scores"], opset_version=17,
                          dynamic_axes={"picture": {0: "batch", 2: "height", 3: "width"}})
        with torch.no_grad():
            probabilities = net(x).softmax(1)
        save_file({"pixels": pixels, "probabilities": probabilities}, folder / f"{name}.safetensors")


if __name__ == "__main__":
    main()
