"""Runs ONNX files: onnx_runtime.py CASES.json ANSWERS.json

CASES: [{"model": path, "inputs": {name: {"type": "float32", "shape": [2, 3], "data": [...]}}}], NaN as null. Each file
is checked whole by onnx (types and shapes inferred too), then run by ONNX Runtime. ANSWERS: for each case the outputs in
the same form, or {"error": text}.
"""
import json
import sys

import numpy as np
import onnx
import onnxruntime


def array(given):
    if given["type"] == "string":
        return np.array(given["data"], dtype=object).reshape(given["shape"])
    data = [float("nan") if x is None else x for x in given["data"]]
    return np.array(data, dtype=given["type"]).reshape(given["shape"])


def answer(case):
    onnx.checker.check_model(case["model"], full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(case["model"], options, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    values = session.run(names, {name: array(given) for name, given in case["inputs"].items()})
    out = {n: {"shape": list(v.shape), "data": v.astype(np.float64).flatten().tolist()} for n, v in zip(names, values)}
    return {"outputs": out, "notes": session.get_modelmeta().custom_metadata_map}


def main():
    answers = []
    for case in json.load(open(sys.argv[1])):
        try:
            answers.append(answer(case))
        except Exception as e:  # told to the test, which knows what it wanted
            answers.append({"error": str(e)})
    json.dump(answers, open(sys.argv[2], "w"))


if __name__ == "__main__":
    main()
