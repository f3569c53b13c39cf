"""Serves the digits network with FastAPI and ONNX Runtime: serve_fastapi.py MODEL PORT '{"workers": 2, "threads": 1}'

The same protocol as `tandem serve` (Open Inference Protocol, JSON and binary tensors), written the quick way: raw request
bodies, orjson, no model of the body, preprocessing inside the graph.
"""
import json
import os
import re
import sys

import numpy as np
import onnxruntime
import orjson
import uvicorn
from fastapi import FastAPI, Request, Response
from inference_onnx import Graph
from onnx import TensorProto, helper
from safetensors import safe_open


def digits(path):
    """The recipe `digits`: convolution, pool, norm, ReLU twice, then two linear layers."""
    with safe_open(path, "np") as file:
        metadata = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}
    mean, std = (float(re.search(key + r": \[?([-0-9.e]+)", metadata["tandem.input"]).group(1)) for key in ("mean", "std"))
    g = Graph(weights)
    g.add("Cast", to=TensorProto.FLOAT)
    g.add("Mul", [g.constant("scale", np.float32(1 / 255 / std))])
    g.add("Add", [g.constant("shift", np.float32(-mean / std))])
    g.add("Reshape", [g.constant("picture", np.array([-1, 1, 28, 28]))])  # one channel: the same order of bytes
    for conv, norm in (("0", "2"), ("4", "6")):
        g.conv(conv, 3)
        g.pool()
        g.norm(norm)
        g.add("Relu")
    g.add("Flatten")
    g.linear("10", (7, 7, 64))
    g.add("Relu")
    g.linear("12")
    g.add("Softmax", axis=1)
    x = helper.make_tensor_value_info("x", TensorProto.UINT8, ["n", 28, 28, 1])
    y = helper.make_tensor_value_info(g.at, TensorProto.FLOAT, ["n", 10])
    graph = helper.make_graph(g.nodes, "digits", [x], [y], g.constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def session():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["PEER_THREADS"])
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(digits(os.environ["PEER_MODEL"]), options, providers=["CPUExecutionProvider"])


app = FastAPI()
if "PEER_MODEL" in os.environ:
    run = session().run


@app.post("/v2/models/digits/infer")
async def infer(request: Request):
    body = await request.body()
    size = request.headers.get("inference-header-content-length")
    asked = orjson.loads(body[: int(size)] if size else body)
    tensor = asked["inputs"][0]
    if size:
        pixels = np.frombuffer(body, np.uint8, offset=int(size)).reshape(tensor["shape"])
    else:
        pixels = np.array(tensor["data"], np.uint8).reshape(tensor["shape"])
    (values,) = run(None, {"x": pixels})
    output = {"name": "probabilities", "datatype": "FP32", "shape": list(values.shape)}
    answer = {"model_name": "digits", "model_version": "1", "outputs": [output]}
    if not size:
        output["data"] = values.ravel()
        return Response(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")
    bytes_ = values.tobytes()
    output["parameters"] = {"binary_data_size": len(bytes_)}
    head = orjson.dumps(answer)
    return Response(head + bytes_, media_type="application/octet-stream",
                    headers={"Inference-Header-Content-Length": str(len(head))})


if __name__ == "__main__":
    config = json.loads(sys.argv[3])
    os.environ["PEER_MODEL"], os.environ["PEER_THREADS"] = sys.argv[1], str(config["threads"])
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    uvicorn.run("serve_fastapi:app", host="127.0.0.1", port=int(sys.argv[2]), workers=config["workers"],
                loop="uvloop", http="httptools", access_log=False, log_level="warning")
