"""Small good files for the fuzz targets to begin with: make_seeds.py FOLDER writes FOLDER/TARGET/*."""
import gzip
import io
import json
import os
import struct
import sys
import tarfile
import zipfile
import zlib

folder = sys.argv[1]


def seed(target, name, data):
    os.makedirs(os.path.join(folder, target), exist_ok=True)
    with open(os.path.join(folder, target, name), "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def safetensors(tensors, metadata):
    header, data = ({"__metadata__": metadata} if metadata else {}), b""
    for name, dtype, shape, content in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


seed("safetensors", "types", safetensors(
    [("f32", "F32", [2, 3], bytes(24)), ("f64", "F64", [1], bytes(8)), ("f16", "F16", [2], bytes(4)),
     ("bf16", "BF16", [2, 1], bytes(4)), ("i32", "I32", [], bytes(4)), ("i64", "I64", [1], bytes(8)),
     ("u8", "U8", [5], bytes(5)), ("none", "F32", [0, 3], b"")], {"k": "v", "text": "\u00fc\n\"q\""}))
seed("safetensors", "one", safetensors([("a", "F32", [2], bytes(8))], {}))
seed("safetensors", "no_tensors", safetensors([], {"tandem.sha256": "0" * 64, "tandem.sha256:a": "0"}))

idx = struct.pack(">BBBBII", 0, 0, 8, 2, 3, 4) + bytes(range(12))
npy = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
npy += b" " * (-(len(npy) + 11) % 64) + b"\n"
npy = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(npy)) + npy + bytes(24)
seed("idx", "idx", b"\x02" + idx)
seed("idx", "npy", b"\x00" + npy)
seed("idx", "gzip", b"\x01" + gzip.compress(idx + b"text " * 20, mtime=0))

seed("csv", "comma", b"\x00" + b'name,age,"a ""quoted"" one"\nx,1,2.5\n"y, z",,-1e3\r\n')
seed("csv", "tab", b"\x03" + "a\tb\n1\t\u00fc\n".encode())
seed("csv", "semicolon", b"\x22" + b"\xef\xbb\xbfa;b\n1,5;2\n\n3;4\n")

recipe = """name: x
data: {source: digits, validation: 0.1, augment: {shift: 1, rotate: 10}}
network: [conv: {filters: 4, kernel: 3, padding: same}, batch_norm, relu, max_pool: 2, flatten, dropout: 0.3, linear: classes]
loss: {type: cross_entropy, label_smoothing: 0.1}
optimizer: {type: adamw, lr: 2e-3, weight_decay: 0.01}
schedule: {type: cosine, warmup: 0.5}
train: {epochs: 4, batch: 128, early_stopping: 3}
people: {coverage: 0.9}
"""
for target in ("yaml", "recipe"):
    seed(target, "recipe", recipe)
    seed(target, "anchors", "a: &x [1, 2]\nb: *x\nc: {d: 'e', \"f\": |\n  text\n  more\n}\n")
    seed(target, "list", "- a\n- [b, {c: d}]\n- ? e\n  : f\n- !!str 1\n- ~\n- .inf\n")
recipes = os.path.join(os.path.dirname(__file__), "..", "..", "recipes")
for name in sorted(os.listdir(recipes)):
    with open(os.path.join(recipes, name), "rb") as file:
        seed("recipe", name, file.read())


def png(width, height, depth, colour, rows, more=b""):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + chunk(b"IDAT", zlib.compress(rows)) +
            chunk(b"IEND", b""))


seed("image", "grey", b"\x00" + png(3, 2, 8, 0, b"\0abc\1def"))
seed("image", "rgb", b"\x01" + png(1, 2, 8, 2, b"\0abc\0def"))
seed("image", "rgba16", b"\x02" + png(1, 1, 16, 6, b"\0abcdefgh"))
seed("image", "bits", b"\x00" + png(9, 1, 1, 0, b"\0\xaa\x80"))
jpeg = bytes.fromhex(  # 9 x 7, by libjpeg
    "ffd8ffe000104a46494600010100000100010000ffdb004300281c1e231e19282321232d2b28303c64413c37373c7b585d496491809996"
    "8f808c8aa0b4e6c3a0aadaad8a8cc8ffcbdaeef5ffffff9bc1fffffffaffe6fdfff8ffdb0043012b2d2d3c353c76414176f8a58ca5f8f8"
    "f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8ffc00011080007"
    "000903012200021101031101ffc400160001010100000000000000000000000000000102ffc4001f100001030305000000000000000000"
    "00000001031102121314234153a1ffc4001501010100000000000000000000000000000001ffc400171100030100000000000000000000"
    "00000000011102ffdd00040001ffda000c03010002110311003f00b6252b8a36d94baa8e5624c6b1ee96bd0065d2587fffd9")
seed("image", "jpeg", b"\x00" + jpeg)
seed("image", "jpeg_rgb", b"\x01" + jpeg)

seed("text", "jsonl", b"\x00" + b'{"text": "a \\u00fc", "label": 1}\n{"label": true, "text": "b", "x": [1, {}]}\n')
seed("text", "lines", b"\x01" + "one\r\ntwo \u6f22\u5b57\n\nlast".encode())
seed("text", "latin", b"\x05" + b"caf\xe9\n\x80\x81\n")
seed("text", "words", b"\x02" + "It's 3.5, don't!! \u6f22\u5b57 \u0e44\u0e17\u0e22 e\u0301 \uff21\n".encode())


def field(number, data):
    data = data if isinstance(data, bytes) else data.encode()
    size = [len(data)] if len(data) < 128 else [len(data) & 127 | 128, len(data) >> 7]  # below 16 kB
    return bytes([number << 3 | 2, *size]) + data


def piece(text, score, kind):
    return field(1, field(1, text) + b"\x15" + struct.pack("<f", score) + b"\x18" + bytes([kind]))


pieces = [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3)] + [(c, -i, 1) for i, c in enumerate("\u2581thequickbrownfx")]
for name, kind in (("unigram", 1), ("bpe", 2)):
    seed("subword", name, b"".join(piece(*p) for p in pieces) + field(2, b"\x18" + bytes([kind])) +
         field(3, field(1, "identity") + b"\x18\x01\x20\x01\x28\x01"))

for name, text in {
    "get": "GET /a?a=b&c HTTP/1.1\r\nHost: x\r\nX-Own: y\r\n\r\n",
    "post": "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbodyGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "chunks": "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nchunks\r\n1;n=1\r\n \r\n0\r\nA: b\r\n\r\n",
    "expect": "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
    "throw": "GET /throw HTTP/1.1\r\nConnection: close\r\n\r\n",
}.items():
    seed("http", name, text)

network = "[conv: {filters: 2, kernel: 3}, batch_norm, relu, flatten, linear: classes]"
for i, text in enumerate((
        network, "[flatten, linear: 5, dropout: 0.5, relu, linear: classes]",
        "[residual: {body: [conv: {filters: 1, kernel: 3, padding: same}]}, global_avg_pool, linear: classes]",
        "{height: 6, width: 6, channels: 1, mean: [0.2], std: [0.05]}", "{flip: true}", "[a, b]", "cross_entropy",
        "image_classification", "1", "{temperature: 1.5}", "{value: 0.5}")):
    seed("model", f"{i}", bytes([i]) + text.encode())
for i, layer in enumerate(("lstm: 4", "embedding: 4", "attention: 2", "group_norm: 2", "avg_pool: 2", "softmax",
                           "conv_transpose: {filters: 2, kernel: 2}", "lora: {rank: 2}", "transformer: 2")):
    seed("model", f"layer{i}", b"\x00" + f"[flatten, {layer}, linear: classes]".encode())

for i, text in enumerate((
        "[embedding: 3, lstm: 2, pool_sequence: last, linear: classes]",
        "[embedding: 4, transformer: {layers: 1, heads: 2}, pool_sequence: max, linear: classes]",
        "[embedding: 2, conv1d: {filters: 2, kernel: 2}, relu, pool_sequence: mean, linear: classes]")):
    seed("model", f"text{i}", b"\x0c" + text.encode())
seed("model", "text_input", b"\x0f" + b"{text: {tokenizer: {type: word}, length: {most: 8}}}")
seed("model", "table", b"\x18" + b"[linear: 3, batch_norm, relu, linear: classes]")
seed("model", "table_input", b"\x1b" + b"{table: {numbers: standard, number_columns: [{name: age, mean: 40, std: 9, low: 0, "
     b"high: 99}], category_columns: [{name: sex, values: [F, M]}]}}")

for i, patch in enumerate(({"epoch": 1, "step": 2}, {"history": [[1, 0.5, 0.5, 0.5, 0.5, 1.0, 0.001]]}, {"best_epoch": None},
                           {"optimizer_steps": 9, "averaged": 9}, {"wrong": {"dead": 2}}, {"schedule": [0.5, 1, 2], "loss_sum": 1e300})):
    seed("checkpoint", f"{i}", json.dumps(patch))

tar = io.BytesIO()
with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as out:
    for name, text in (("a/b.txt", b"text"), ("../c", b"")):
        info = tarfile.TarInfo(name)
        info.size = len(text)
        out.addfile(info, io.BytesIO(text))
tar = tar.getvalue()[:2048] + bytes(1024)
zipped = io.BytesIO()
with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as out:
    out.writestr(zipfile.ZipInfo("a/b.txt"), "text " * 20)
    out.writestr(zipfile.ZipInfo("d/"), "")
seed("archive", "tar", tar[:2048])
seed("archive", "gzip", gzip.compress(tar, mtime=0))
seed("archive", "zip", zipped.getvalue())

seed("words", "glove", b"\x00" + b"good 0.5 -1 2e-1\nfilm 1 2 3\n")
seed("words", "word2vec", b"\x00" + b"2 3\ngood 0.5 -1 2e-1\nfilm 1 2 3\n")
seed("words", "pieces", b"\x01" + "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n##c\nthe\n,\n\u6f22\n".encode())
seed("words", "bytes", b"\x03" + b'{"a": 0, "b": 1, "c": 2, "\\u0120": 3, "<|endoftext|>": 4}')
seed("words", "merges", b"\x04" + b"#version: 0.2\na b\nab c\n")
for kind, model in (("bpe", {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}),
                    ("piece", {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {"[UNK]": 0, "a": 1, "##b": 2}})):
    text = json.dumps({"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
                       "model": model})
    seed("words", kind, b"\x02" + text.encode() + b" " * ((kind == "piece") ^ (len(text) % 2 == 1)))

seed("adapter", "config", b"\x00" + json.dumps({"peft_type": "LORA", "tandem": {"base": "x", "network": "[]"}}).encode())
seed("adapter", "network", b"\x01" + b"[lora: {rank: 2, alpha: 4, tensors: ['*'], layer: {linear: 3}}, relu, linear: 2]")
seed("adapter", "tensors", b"\x02" + safetensors(
    [("base_model.model.0.lora_A.weight", "F32", [2, 4], bytes(32)),
     ("base_model.model.0.lora_B.weight", "F32", [3, 2], bytes(24))], {}))


def onnx_tensor(name, *shape):
    size = 1
    for n in shape:
        size *= n
    return field(5, b"".join(b"\x08" + bytes([n]) for n in shape) + b"\x10\x01" + field(8, name) + field(9, bytes(4 * size)))


def onnx_node(op, inputs, output, *sizes):
    attributes = b"".join(field(5, field(1, name) + b"".join(b"\x40" + bytes([n]) for n in values) + b"\xa0\x01\x07")
                          for name, values in sizes)
    return field(1, b"".join(field(1, i) for i in inputs) + field(2, output) + field(3, op) + field(4, op) + attributes)


def onnx_file(*parts):
    dims = b"".join(field(1, b"\x08" + bytes([n])) for n in (1, 1, 6, 6))
    picture = field(11, field(1, "x") + field(2, field(1, b"\x08\x01" + field(2, dims))))
    return b"\x08\x08" + field(7, b"".join(parts) + picture + field(12, field(1, "y")))


last = [onnx_node("Gemm", ["f", "g"], "y"), onnx_tensor("g", 16, 2)]
conv = [onnx_node("Conv", ["x", "w"], "c", ("kernel_shape", [3, 3]), ("pads", [0, 0, 0, 0])), onnx_tensor("w", 1, 1, 3, 3)]
seed("onnx", "conv", onnx_file(*conv, onnx_node("Relu", ["c"], "r"), onnx_node("Flatten", ["r"], "f"), *last))
seed("onnx", "sum", onnx_file(*conv, onnx_node("Tanh", ["c"], "r"), onnx_node("Add", ["r", "c"], "s"),
                              onnx_node("Flatten", ["s"], "f"), *last))
seed("onnx", "joined", onnx_file(
    *conv, onnx_node("Tanh", ["c"], "r"), onnx_node("Concat", ["r", "c"], "s"),
    onnx_node("MaxPool", ["s"], "m", ("kernel_shape", [2, 2]), ("strides", [1, 1])),
    onnx_node("GlobalAveragePool", ["m"], "f"), onnx_node("Gemm", ["f", "g"], "y"), onnx_tensor("g", 2, 2)))


def body(model, way, data):  # as body_fuzz takes them: 3 models; ways: JSON, binary, plain, completions
    return bytes([3 * way + model]) + data


infer = {"image": ("UINT8", [1, 3, 2, 1], [0, 50, 100, 150, 200, 255]), "text": ("BYTES", [2], ["a good film", "bad"]),
         "age": ("FP32", [1], [31.5])}
for model, name in enumerate(infer):
    kind, shape, values = infer[name]
    inputs = [{"name": name, "datatype": kind, "shape": shape, "data": values}]
    if model == 2:
        inputs.append({"name": "sex", "datatype": "BYTES", "shape": [1], "data": ["F"]})
    request = {"id": "1", "parameters": {"subject": "me"}, "inputs": inputs, "outputs": [{"name": "probabilities"}, {"name": "label"}]}
    seed("body", name, body(model, 0, json.dumps(request).encode()))
    request["outputs"][0]["parameters"] = {"binary_data": True}
    tensor = bytes(6) if model == 0 else b"\x01\x00\x00\x00a" * 2 if model == 1 else bytes(4)
    inputs[0].pop("data")
    inputs[0]["parameters"] = {"binary_data_size": len(tensor)}
    header = json.dumps(request, separators=(",", ":")).encode()
    if len(header) < 256:
        seed("body", name + "_binary", body(model, 1, bytes([len(header)]) + header + tensor))
    short = json.dumps({"inputs": inputs[:1]}, separators=(",", ":")).encode()
    seed("body", name + "_short", body(model, 1, bytes([len(short)]) + short + tensor))
seed("body", "pixels", body(0, 1, b"\x00" + bytes(6)))
seed("body", "row", body(2, 0, b'{"age": 31, "sex": null}'))
seed("body", "png", body(0, 2, b"\x00" + png(3, 2, 8, 0, b"\0abc\1def")))
seed("body", "plain", body(1, 2, b"\x01a good film\nnot bad"))
seed("body", "csv", body(2, 2, b"\x02age,sex\n31,F\n,M\n"))
seed("body", "chat", body(0, 3, json.dumps({
    "model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}], "max_tokens": 5,
    "temperature": 0.5, "stop": ["a", "b"], "stream": True, "stream_options": {"include_usage": True}}).encode()))
seed("body", "completion", body(1, 3, json.dumps({
    "model": "m", "prompt": ["once"], "top_p": 0.9, "top_k": 3, "seed": 1, "n": 1, "logit_bias": {}}).encode()))
