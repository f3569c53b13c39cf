"""Inference in PyTorch: inference_torch.py FILE '{"threads": 2, "compile": "frozen", "channels_last": true, "batch": 1}'"""
import json
import sys
import time

import torch
from networks import Workload
from protocol import serve


def main():
    path, config = sys.argv[1], json.loads(sys.argv[2])
    torch.set_num_threads(config["threads"])
    torch.set_flush_denormal(True)
    work = Workload(path, config["channels_last"])
    net = work.network().eval()
    if config["compile"]:
        import torch._inductor.config as inductor

        inductor.freezing = True  # weights become constants, laid out for the product at compile time
        net = torch.compile(net)
    layout = torch.channels_last if config["channels_last"] else torch.contiguous_format
    pictures = torch.cat(work.inputs)
    batches = [part.contiguous(memory_format=layout) if part.dim() == 4 else part
               for part in pictures.split(config["batch"])]
    at = 0

    def call():
        nonlocal at
        out = net(batches[at])
        at = (at + 1) % len(batches)
        return out

    def run(argument):
        start = time.perf_counter()
        for _ in range(int(argument)):
            call()
        return {"seconds": time.perf_counter() - start}

    def latency(argument):
        times = []
        for _ in range(int(argument)):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        return {"times": times}

    with torch.inference_mode():
        first = run(1)["seconds"]
        serve({"run": run, "latency": latency, "output": lambda _: {"values": net(batches[0]).flatten().tolist()}},
              {"first": first})


if __name__ == "__main__":
    main()
