"""Writes fixtures/bleu.json: texts and what sacreBLEU says of them. Needs sacrebleu (2.x); the tests do not."""
import json
import pathlib

from sacrebleu.metrics import BLEU
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

LINES = [
    "The cat sat on the mat.",
    "A man, in 1,234.5 ways (or 3-4), said: \"no!\" & left...",
    "It's a dog's life - isn't it? 50% off; e.g. U.S.A., 3.14.",
    "Ein Mann fährt mit dem Fahrrad – über die Straße, „schnell“.",
    "他说：“你好，世界。” 价格是3.5元,不贵!",
    "&quot;Tom &amp; Jerry&quot; &lt;b&gt; <skipped>end-",
    "caf\u00e9\u00a0au\u2009lait\u3000oder\ttee   a,b.c,1.2,x",
    "[1]{2}|3~4^5_6`7@8#9$10*11+12/13<14=15>16?17",
    "..",
    "5-6 x-5 5- -5 .5 5. ,5, 1.,2",
    "",
    "\u00e0. \u00e0, .\u00e0 \u00fc-3",
]
CORPORA = {
    "several": {
        "translations": ["The dog bit the man.", "It was not unexpected.", "The man bit him first.", "A small cat is on a mat"],
        "references": [["The dog bit the man.", "The dog had bit the man."],
                       ["It was not unexpected.", "No one was surprised."],
                       ["The man bit him first.", "The man had bitten the dog."],
                       ["The cat sat on the mat.", "There is a cat on a mat"]],
    },
    "one": {
        "translations": ["two dogs are playing in the snow .", "a man in a blue shirt is standing on a ladder cleaning a window",
                         "Three people sit at a table, eating.", "a girl"],
        "references": [["two dogs play in the snow ."], ["a man in a blue shirt stands on a ladder and cleans a window ."],
                       ["Three people are sitting at a table and eat."], ["a young girl jumps rope"]],
    },
    "no_four": {  # no 4-gram is right: smoothed
        "translations": ["the cat there quickly ran", "House the big green"],
        "references": [["the cat ran there very quickly"], ["the big house is green"]],
    },
    "short": {"translations": ["a b", "c"], "references": [["a b c"], ["c d"]]},
    "nothing": {"translations": ["x y z w v", ""], "references": [["a b c d"], ["e"]]},
    "empty": {"translations": ["", ""], "references": [["a b c d"], ["e f"]]},
    "long": {"translations": ["the the the the cat sat down on on the mat today"], "references": [["the cat sat on the mat"]]},
    "accents": {
        "translations": ["Ein Mann fährt über die Straße und ÜBT.", "Zwei Hunde spielen im Schnee, sehr wild!"],
        "references": [["Ein Mann fährt schnell über die STRASSE und übt."], ["Zwei hunde spielen im Schnee, sehr WILD!"]],
    },
}


def numbers(corpus, **options):
    count = max(len(r) for r in corpus["references"])
    streams = [[r[i] if i < len(r) else None for r in corpus["references"]] for i in range(count)]
    score = BLEU(**options).corpus_score(corpus["translations"], streams)
    return {"score": score.score, "precisions": score.precisions, "brevity": score.bp, "length": score.sys_len,
            "reference_length": score.ref_len}


def main():
    tokenize = Tokenizer13a()
    out = {
        "tokens": [{"text": line, "tokens": tokenize(line.rstrip()).split()} for line in LINES],
        "corpora": [{"name": name, **corpus, "cased": numbers(corpus), "lower": numbers(corpus, lowercase=True),
                     "untokenized": numbers(corpus, tokenize="none", force=True)}
                    for name, corpus in CORPORA.items()],
    }
    path = pathlib.Path(__file__).parent / "fixtures" / "bleu.json"
    lines = [f'"{part}": [\n' + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]"
             for part, rows in out.items()]
    path.write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
