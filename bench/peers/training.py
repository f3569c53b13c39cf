"""Training steps in PyTorch: training.py FILE '{"threads": 2, "compile": "step", "channels_last": true, "bf16": false}'

compile: "" runs eagerly, "loss" compiles the network with its loss, "step" compiles the optimiser's step as well.
"""
import json
import sys
import time
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from networks import Workload
from protocol import serve

LOSSES = {"cross_entropy": F.cross_entropy, "mse": F.mse_loss, "binary_cross_entropy": F.binary_cross_entropy}


def resident(name):
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith(name + ":"))


def main():
    path, config = sys.argv[1], json.loads(sys.argv[2])
    torch.set_num_threads(config["threads"])
    torch.set_flush_denormal(True)
    before = resident("VmRSS")
    work = Workload(path, config["channels_last"], config.get("packed", False))
    settings = work.settings
    net = work.network().train()
    loss_of = LOSSES[settings["loss"]]
    compiled = config["compile"]

    def forward(x, target):
        with torch.autocast("cpu", torch.bfloat16) if config["bf16"] else nullcontext():
            return loss_of(net(x), target)

    if compiled:
        forward = torch.compile(forward)

    def make_optimizer():
        kind = {"foreach": True} if compiled == "step" else {"fused": True}
        if settings["optimizer"] == "adam":
            return torch.optim.Adam(net.parameters(), lr=float(settings["lr"]), **kind)
        return torch.optim.SGD(net.parameters(), lr=float(settings["lr"]), momentum=float(settings["momentum"]),
                               weight_decay=float(settings["weight_decay"]), **kind)

    optimizer = make_optimizer()
    apply = optimizer.step
    if compiled == "step":
        apply = torch.compile(lambda: optimizer.step())
    batches = list(zip(work.inputs, work.targets))
    at = 0

    def step():
        nonlocal at
        x, target = batches[at]
        at = (at + 1) % len(batches)
        optimizer.zero_grad(set_to_none=True)
        loss = forward(x, target)
        loss.backward()
        apply()
        return loss

    def run(argument):
        count = int(argument)
        start = time.perf_counter()
        for _ in range(count):
            loss = step()
        value = loss.item()
        return {"seconds": time.perf_counter() - start, "loss": value}

    def reset(_=""):
        nonlocal at
        at = 0
        work.load(net)
        with torch.no_grad():  # in place: a compiled step keeps to these tensors
            for state in optimizer.state.values():
                for value in state.values():
                    if torch.is_tensor(value):
                        value.zero_()
        return {}

    def memory(_):
        with open("/proc/self/clear_refs", "w") as refs:  # the peak begins anew
            refs.write("5")
        run(20)
        return {"bytes": resident("VmHWM") - before}

    first = run(1)["seconds"]
    reset()
    serve({"run": run, "reset": reset, "memory": memory}, {"first": first, "torch": torch.__version__})


if __name__ == "__main__":
    main()
