"""One stream of text from the gpt workload in PyTorch: generation.py FILE '{"threads": 2, "compile": "loss"}'

Keys and values are kept; the likeliest token is taken. Eager code looks at as many of them as there are; the compiled
step has fixed shapes and masks those that are not there yet, so that it is compiled once.
"""
import json
import sys
import time

import torch
import torch.nn.functional as F
from networks import Workload
from protocol import serve

CONTEXT, PROMPT = 256, 16


def main():
    path, config = sys.argv[1], json.loads(sys.argv[2])
    torch.set_num_threads(config["threads"])
    torch.set_flush_denormal(True)
    work = Workload(path)
    embedding, positions, stack, head = work.network().eval().children()
    fixed = bool(config["compile"])
    if fixed:
        import torch._inductor.config as inductor

        inductor.freezing = True
    heads, width = stack.layers[0].self_attn.heads, embedding.weight.shape[1]
    caches = [torch.zeros(2, 1, heads, CONTEXT, width // heads) for _ in stack.layers]
    places = torch.arange(CONTEXT)

    def forward(ids, first, at):
        """Scores behind the last of `ids`, which stand at positions `at` = first, first + 1, …"""
        t = ids.shape[0]
        x = (embedding(ids) + positions.weight[at]).unsqueeze(0)
        for layer, cache in zip(stack.layers, caches):
            attention = layer.self_attn
            qkv = F.linear(layer.norm1(x), attention.in_proj_weight, attention.in_proj_bias)
            q, k, v = qkv.view(1, t, 3, heads, -1).permute(2, 0, 3, 1, 4)
            if fixed:
                cache[0].index_copy_(2, at, k)
                cache[1].index_copy_(2, at, v)
                y = F.scaled_dot_product_attention(q, cache[0], cache[1], attn_mask=places <= at[:, None])
            else:
                cache[0][:, :, first:first + t] = k
                cache[1][:, :, first:first + t] = v
                y = F.scaled_dot_product_attention(q, cache[0][:, :, :first + t], cache[1][:, :, :first + t],
                                                   is_causal=t > 1)
            x = x + attention.out_proj(y.transpose(1, 2).reshape(1, t, width))
            x = x + layer.linear2(F.gelu(layer.linear1(layer.norm2(x))))
        return head(stack.norm(x[0, -1]))

    one = torch.compile(lambda ids, at: forward(ids, 0, at)) if fixed else None
    prompt = work.inputs[0][0][0, :PROMPT]

    def generate():
        text = prompt.tolist()
        scores = forward(prompt, 0, places[:PROMPT])
        while len(text) < CONTEXT:
            token = scores.argmax()
            text.append(int(token))
            at = len(text) - 1
            ids = token.view(1)
            scores = one(ids, places[at:at + 1]) if fixed else forward(ids, at, places[at:at + 1])
        return text

    def run(argument):
        start = time.perf_counter()
        for _ in range(int(argument)):
            generate()
        return {"seconds": time.perf_counter() - start}

    with torch.inference_mode():
        first = run(1)["seconds"]
        serve({"run": run, "text": lambda _: {"tokens": generate()}}, {"first": first})


if __name__ == "__main__":
    main()
