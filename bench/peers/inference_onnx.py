"""Inference in ONNX Runtime: inference_onnx.py FILE '{"threads": 2, "batch": 1}'

The graph is made of the same weights by hand, as an exporter would write it: (n, channels, height, width), opset 17.
"""
import json
import sys
import time

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from protocol import serve
from safetensors import safe_open


class Graph:
    """Nodes one after another; `at` is the value that the last one made."""

    def __init__(self, weights):
        self.weights, self.nodes, self.constants, self.at = weights, [], [], "x"

    def add(self, kind, inputs=(), **attributes):
        out = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.at, *inputs], [out], **attributes))
        self.at = out

    def constant(self, name, value=None):
        value = self.weights[name] if value is None else value
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def linear(self, name, picture=None):
        weight = self.weights[name + ".weight"]
        if picture:  # columns come as (height, width, channels), the picture as (channels, height, width)
            weight = weight.reshape(-1, *picture).transpose(0, 3, 1, 2).reshape(weight.shape[0], -1)
        self.add("Gemm", [self.constant(name + ".weight", weight), self.constant(name + ".bias")], transB=1)

    def conv(self, name, kernel, stride=1):
        inputs = [self.constant(name + ".weight")]
        if name + ".bias" in self.weights:
            inputs.append(self.constant(name + ".bias"))
        self.add("Conv", inputs, kernel_shape=[kernel, kernel], strides=[stride, stride], pads=[kernel // 2] * 4)

    def norm(self, name):
        parts = ("weight", "bias", "running_mean", "running_var")
        self.add("BatchNormalization", [self.constant(f"{name}.{part}") for part in parts], epsilon=1e-5)

    def pool(self):
        self.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])


def mlp(g):
    for name in ("0", "2"):
        g.linear(name)
        g.add("Relu")
    g.linear("4")


def cnn(g):
    for name in ("0", "3"):
        g.conv(name, 3)
        g.add("Relu")
        g.pool()
    g.add("Flatten")
    g.linear("7", (7, 7, 64))
    g.add("Relu")
    g.linear("9")


def resnet20(g):
    g.conv("0", 3)
    g.norm("1")
    g.add("Relu")
    for block in range(9):
        start, name = g.at, str(3 + 2 * block)
        stride = 2 if block in (3, 6) else 1
        g.conv(name + ".body.0", 3, stride)
        g.norm(name + ".body.1")
        g.add("Relu")
        g.conv(name + ".body.3", 3)
        g.norm(name + ".body.4")
        body = g.at
        g.at = start
        if stride == 2:
            g.conv(name + ".shortcut.0", 1, stride)
            g.norm(name + ".shortcut.1")
        g.add("Add", [body])
        g.add("Relu")
    g.add("GlobalAveragePool")
    g.add("Flatten")
    g.linear("22")


def main():
    path, config = sys.argv[1], json.loads(sys.argv[2])
    with safe_open(path, "np") as file:
        network = file.metadata()["network"]
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    graph = Graph({name[4:]: t for name, t in tensors.items() if name.startswith("net.")})
    {"mlp": mlp, "cnn": cnn, "resnet20": resnet20}[network](graph)
    inputs = np.concatenate([tensors[n] for n in sorted(tensors) if n.startswith("input.")])
    if inputs.ndim == 4:
        inputs = np.ascontiguousarray(inputs.transpose(0, 3, 1, 2))
    batch = config["batch"]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *inputs.shape[1:]])
    y = helper.make_tensor_value_info(graph.at, TensorProto.FLOAT, [batch, 10])
    model = helper.make_model(helper.make_graph(graph.nodes, network, [x], [y], graph.constants),
                              opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = config["threads"]
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    # Bound once, so that a call neither copies nor allocates.
    calls = []
    for i in range(len(inputs) // batch):
        binding = session.io_binding()
        value = onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(inputs[i * batch:(i + 1) * batch]))
        out = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((batch, 10), np.float32))
        binding.bind_ortvalue_input("x", value)
        binding.bind_ortvalue_output(graph.at, out)
        calls.append((binding, out))
    at = 0

    def call():
        nonlocal at
        session.run_with_iobinding(calls[at][0])
        at = (at + 1) % len(calls)

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

    def output(_):
        binding, out = calls[0]
        session.run_with_iobinding(binding)
        return {"values": out.numpy().flatten().tolist()}

    first = run(1)["seconds"]
    serve({"run": run, "latency": latency, "output": output}, {"first": first})


if __name__ == "__main__":
    main()
