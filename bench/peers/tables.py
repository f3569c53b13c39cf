"""scikit-learn beside a network for tables, on the same rows of the same folds.

    python bench/peers/tables.py wdbc runs/breast-cancer/predictions.csv path/to/wdbc.data
    python bench/peers/tables.py pneumoniamnist runs/pneumonia/report.json path/to/pneumoniamnist

The second is about pictures, their pixels the columns, with the parts that the data has itself.

Each fold trains on all rows that are not in it; the network sets some of those aside to choose its threshold on. Prints
a table in Markdown: accuracy and AUC as means over the repeats (with their standard deviation), ECE and Brier score
over all predictions, as `tandem train` reports them.
"""
import csv
import json
import sys
from collections import defaultdict

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def wdbc(path):
    rows = [line.split(",") for line in open(path).read().split("\n") if line]
    return np.array([[float(v) for v in r[2:]] for r in rows]), np.array([r[1] == "M" for r in rows], int), []


def heart(path):
    rows = [line.split(",") for line in open(path).read().split("\n") if line]
    x = np.array([[np.nan if v == "?" else float(v) for v in r[:13]] for r in rows])
    return x, np.array([float(r[13]) > 0 for r in rows], int), [2, 6, 12]  # chest pain, resting ecg, thal


def ece(y, p, bins=15):
    called = p > 0.5
    confidence = np.where(called, p, 1 - p)
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    off = (called == (y == 1)) - confidence
    return sum(abs(off[bin_of == b].sum()) for b in range(bins)) / len(y)


def models(words, columns):
    numbers = [c for c in range(columns) if c not in words]
    table = ColumnTransformer([
        ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        ("words", make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")), words),
    ])
    return {
        "logistic regression": make_pipeline(table, LogisticRegression(max_iter=1000)),
        "gradient boosting": make_pipeline(table, GradientBoostingClassifier(random_state=0)),
        "histogram gradient boosting": HistGradientBoostingClassifier(random_state=0),
    }


def summary(name, y, p, repeat):
    each = [(np.mean((p[repeat == r] > 0.5) == y[repeat == r]), roc_auc_score(y[repeat == r], p[repeat == r]))
            for r in np.unique(repeat)]
    accuracy, auc = np.mean(each, 0)
    deviation = np.std(each, 0, ddof=1) if len(each) > 1 else (0, 0)
    print(f"| {name} | {100 * accuracy:.2f} % (± {100 * deviation[0]:.2f}) | {auc:.4f} (± {deviation[1]:.4f}) "
          f"| {ece(y, p):.4f} | {np.mean((p - y) ** 2):.4f} |", flush=True)


def pictures(report, folder):
    """Training pictures without the validation ones, as for the network; its row is that of its report."""
    def part(name):
        x = np.load(f"{folder}/{name}_images.npy")
        return x.reshape(len(x), -1) / 255.0, np.load(f"{folder}/{name}_labels.npy").ravel().astype(int)
    (train, known), (test, truth) = part("train"), part("test")
    found = json.load(open(report))["decision"]
    print("| on the same test pictures | accuracy | AUC | ECE | Brier |\n|---|---|---|---|---|")
    print(f"| tandem | {100 * found['accuracy']['value']:.2f} % | {found['auc']['value']:.4f} | {found['ece']['value']:.4f} "
          f"| {found['brier']['value']:.4f} |", flush=True)
    for title, model in models([], train.shape[1]).items():
        p = model.fit(train, known).predict_proba(test)[:, 1]
        print(f"| {title} | {100 * np.mean((p > 0.5) == truth):.2f} % | {roc_auc_score(truth, p):.4f} | {ece(truth, p):.4f} "
              f"| {np.mean((p - truth) ** 2):.4f} |", flush=True)


def main():
    name, predictions, path = sys.argv[1:4]
    if name == "pneumoniamnist":
        return pictures(predictions, path)
    x, y, words = {"wdbc": wdbc, "heart_cleveland": heart}[name](path)
    rows = list(csv.DictReader(open(predictions)))
    positive = [k for k in rows[0] if k.startswith("p:")][1]
    row = np.array([int(r["row"]) for r in rows])
    repeat = np.array([int(r["repeat"]) for r in rows])
    fold = np.array([int(r["fold"]) for r in rows])
    # The rows of the predictions are the data's own, told by their line: a validation part may stand last among them.
    line = np.array([int(r["line"]) for r in rows]) - 1
    truth = np.array([r["label"] == positive[2:] for r in rows], int)
    assert (y[line] == truth).all(), "the labels of the predictions are not those of the file"
    print("| on the same folds | accuracy | AUC | ECE | Brier |\n|---|---|---|---|---|")
    summary("tandem", truth, np.array([float(r[positive]) for r in rows]), repeat)
    parts = defaultdict(list)
    for i in range(len(row)):
        parts[repeat[i], fold[i]].append(i)
    for title, model in models(words, x.shape[1]).items():
        p = np.zeros(len(row))
        for part in parts.values():
            test = line[part]
            train = np.setdiff1d(np.arange(len(y)), test)
            p[part] = model.fit(x[train], y[train]).predict_proba(x[test])[:, 1]
        summary(title, truth, p, repeat)


if __name__ == "__main__":
    main()
