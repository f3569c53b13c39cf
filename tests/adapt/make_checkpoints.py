"""Writes checkpoints/: a small GPT-2 and a small BERT with random numbers, and what transformers makes of them.

    pip install torch transformers tokenizers && python tests/adapt/make_checkpoints.py

The vocabularies are made here: byte pairs counted over SAMPLE, and WordPiece pieces from its characters and words.
expected.json holds texts with their token ids and what is read back; expected.safetensors the networks' outputs.
"""
import json
import random
import unicodedata
from collections import Counter
from pathlib import Path

import regex
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel

HOME = Path(__file__).parent / "checkpoints"
SAMPLE = ("the quick brown fox jumps over the lazy dog. they're reading what we've read, don't you think? "
          "networks learn; networks forget; people don't. naïve café, Zürich. 我们喜欢机器学习。机器也喜欢我们。 "
          "学习使我们快乐 😀 👍 😀 3.14 2026\n\n  the end\n")
TEXTS = [
    "", " ", "Hello world", "the networks learn", "don't you think they're reading?", "DON'T they'RE we'll I'm he'd 's 'S",
    "  the\n\n quick\t\tbrown  \n", "a\n\nb\n\n\n  c\n", "naïve Café crème brûlée ÀÉÎõü Ångström", "3.14 2026年 ½ ² Ⅷ 1,000",
    "我们喜欢机器学习。", "学习 machine 机器learning", "😀 👍🏽 👩‍👩‍👧 ok!", "the 🧠 🫠", "a" * 130 + " " + "xyz" * 40,
    "<|endoftext|>the end<|endoftext|>", "the [MASK] end [SEP] [mask] [UNK]", "日本語のテキスト カタカナ ﾊﾝｶｸ", "한국어 문장",
    "Привет, мир! Ёж", "हिन्दी में", "مرحبا بالعالم", "ไทย", "İstanbul ΣΊΣΥΦΟΣ straße ǅ ﬁne", "zero\u200bwidth\u00adsoft\ufeffmark",
    "line\u2028para\u2029nbsp\u00a0thin\u2009\u3000wide", "\x00nul\x01\x1b[0m\x7f\x85next\x0bvt\x0cff\x1cfs", "bad \ufffd byte",
    "e\u0301 a\u0308\u0323 \u0301alone", "$5^2=25`~|<>_ «quoted» “so” — …", "https://a.b/c?d=e&f#g", "\U00020000\uf900\u4dbf 㐀",
    "\t\tif (x) {\n\t\t\treturn 1;\n\t\t}\n", "!!!???...", "end of blanks   ", "a\u0378b \U000e0001\ue000x\u0660",
]
rng = random.Random(7)
POOL = [chr(c) for c in range(1, 0x11000) if not 0xd800 <= c < 0xe000 and unicodedata.ucd_3_2_0.category(chr(c)) != "Cn"]
for _ in range(30):
    TEXTS.append("".join(rng.choice(" \n'abcdehlnort.THE我学") if rng.random() < 0.6 else rng.choice(POOL) for _ in range(25)))


def byte_spelling():
    seen = [b for b in range(256) if 0x20 < b < 0x7f or 0xa0 < b != 0xad]
    hidden = [b for b in range(256) if b not in seen]
    return {b: chr(b) for b in seen} | {b: chr(256 + i) for i, b in enumerate(hidden)}


def byte_pairs(merges):
    """The published training: the pair that comes most often becomes one piece."""
    spelling = byte_spelling()
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    words = Counter(tuple(spelling[b] for b in word.encode()) for word in regex.findall(pattern, SAMPLE))
    pieces, made = list(spelling.values()), []
    for _ in range(merges):
        pairs = Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += count
        left, right = max(sorted(pairs), key=pairs.get)
        made.append((left, right))
        pieces.append(left + right)
        merged = Counter()
        for word, count in words.items():
            out = []
            for piece in word:
                if out and out[-1] == left and piece == right:
                    out[-1] = left + right
                else:
                    out.append(piece)
            merged[tuple(out)] += count
        words = merged
    return {piece: i for i, piece in enumerate([*pieces, "<|endoftext|>"])}, made


def word_pieces():
    letters = sorted({c for text in (SAMPLE, SAMPLE.lower(), unicodedata.normalize("NFD", SAMPLE)) for c in text if c > " "}
                     | set("abcdefghijklmnopqrstuvwxyzHTIPЗпривет0123456789!\"'?,.:;()[]日本語한국어ก"))
    words = ["the", "they", "net", "##work", "##s", "learn", "##ing", "read", "don", "cafe", "café", "Zu", "##rich", "qui", "##ck"]
    begin = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return list(dict.fromkeys(begin + letters + ["##" + c for c in letters if c.isalnum()] + words))


def spread(model):
    """Numbers far from zeros and ones, so that no part can be left out unseen."""
    torch.manual_seed(3)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.uniform_(-0.35, 0.35)
            if "ln_" in name and name.endswith("weight") or "LayerNorm.weight" in name:
                p.add_(1)
    return model.eval()


HOME.mkdir(exist_ok=True)
outputs = {}

# GPT-2.
vocabulary, merges = byte_pairs(70)
folder = HOME / "gpt2"
gpt2 = spread(GPT2LMHeadModel(GPT2Config(
    vocab_size=len(vocabulary), n_positions=48, n_embd=32, n_layer=2, n_head=4, n_inner=64, layer_norm_epsilon=1e-2,
    bos_token_id=len(vocabulary) - 1, eos_token_id=len(vocabulary) - 1)))
gpt2.save_pretrained(folder)
(folder / "generation_config.json").unlink(missing_ok=True)
(folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
(folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
bpe = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
bpe.decoder = decoders.ByteLevel()
bpe.add_special_tokens([AddedToken("<|endoftext|>", special=True)])
bpe.save(str(folder / "tokenizer.json"), pretty=False)
slow = transformers.AutoTokenizer.from_pretrained(folder)
ids = [bpe.encode(text).ids for text in TEXTS]
assert [slow(text)["input_ids"] for text in TEXTS] == ids
expected = {"gpt2": {"texts": TEXTS, "ids": ids, "read": [bpe.decode(i, skip_special_tokens=True) for i in ids]}}
# Tokens that are no whole characters, as a network may write them.
broken = [[b] for b in (0xc3, 0xa9)] + [[0xe6, 0x88], [0xf0, 0x9f, 0x98], [0xff, 0x41], [0xe6, 0x41, 0x91], [0xed, 0xa0, 0x80],
                                       [0xf0, 0x80, 0x80, 0x41], [0xe6, 0x88, 0x91], [0xf4, 0x90, 0x80, 0x80]]
spelling = byte_spelling()
broken = [[vocabulary[spelling[b]] for b in bytes_] for bytes_ in broken]
expected["gpt2"]["broken"] = broken
expected["gpt2"]["broken_read"] = [bpe.decode(i) for i in broken]
gpt2 = GPT2LMHeadModel.from_pretrained(folder).eval()
for i, text in enumerate(["the networks learn 我们 😀", "don't forget\nthe end"]):
    with torch.no_grad():
        x = torch.tensor([bpe.encode(text).ids])
        out = gpt2(x, labels=x)
        outputs[f"gpt2.ids.{i}"] = x[0].int()
        outputs[f"gpt2.scores.{i}"] = out.logits[0]
        outputs[f"gpt2.loss.{i}"] = out.loss[None]
        outputs[f"gpt2.written.{i}"] = gpt2.generate(x, do_sample=False, max_new_tokens=16, pad_token_id=0)[0, len(x[0]):].int()

# BERT.
pieces = word_pieces()
folder = HOME / "bert"
bert = spread(BertForSequenceClassification(BertConfig(
    vocab_size=len(pieces), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
    max_position_embeddings=40, layer_norm_eps=5e-3, id2label={0: "praise", 1: "blame", 2: "question"},
    label2id={"praise": 0, "blame": 1, "question": 2}))).half()
bert.save_pretrained(folder)
(folder / "vocab.txt").write_text("".join(p + "\n" for p in pieces))
(folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, "tokenizer_class": "BertTokenizer"}))


def words_of(lower, strip=None):
    out = Tokenizer(models.WordPiece({p: i for i, p in enumerate(pieces)}, unk_token="[UNK]"))
    out.normalizer = normalizers.BertNormalizer(lowercase=lower, strip_accents=strip)
    out.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    out.decoder = decoders.WordPiece(cleanup=False)
    out.add_special_tokens([AddedToken(t, special=True) for t in pieces[:5]])
    out.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return out


lower, cased, accents = words_of(True), words_of(False), words_of(True, False)
lower.save(str(folder / "tokenizer.json"), pretty=False)
fast = transformers.AutoTokenizer.from_pretrained(folder)
expected["bert"] = {"texts": TEXTS}
for name, tokenizer in {"lower": lower, "cased": cased, "accents": accents}.items():
    expected["bert"][name] = [tokenizer.encode(text).ids for text in TEXTS]
assert [fast(text)["input_ids"] for text in TEXTS] == expected["bert"]["lower"]
expected["bert"]["read"] = [lower.decode([t for t in i if t not in (2, 3)], skip_special_tokens=False)
                            for i in expected["bert"]["lower"]]
bert = BertForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
for i, text in enumerate(["The networks don't LEARN, café!", "我们 😀 reading"]):
    with torch.no_grad():
        x = torch.tensor([lower.encode(text).ids])
        hidden = bert.bert(x)
        outputs[f"bert.hidden.{i}"] = hidden.last_hidden_state[0]
        outputs[f"bert.pooled.{i}"] = hidden.pooler_output[0]
        outputs[f"bert.scores.{i}"] = bert(x).logits[0]
        outputs[f"bert.ids.{i}"] = x[0].int()

(HOME / "expected.json").write_text(json.dumps(expected))
save_file({k: v.contiguous() for k, v in outputs.items()}, HOME / "expected.safetensors",
          metadata={"transformers": transformers.__version__, "script": "tests/adapt/make_checkpoints.py"})
