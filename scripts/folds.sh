#!/usr/bin/env bash
# Trains a recipe once for each fold of its cross-validation and prints the accuracy on each, their mean and spread.
#   scripts/folds.sh RECIPE [FOLDS] [OVERRIDE…]
set -euo pipefail
recipe=${1:?folds: name a recipe}
folds=${2:-10}
shift $(($# > 1 ? 2 : 1))
tandem=$(cd "$(dirname "$0")/.." && pwd)/build/release/tandem
[ -x "$tandem" ] || tandem=tandem
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT
for ((fold = 0; fold < folds; ++fold)); do
  "$tandem" train "$recipe" data.folds="$folds" data.fold="$fold" "$@" --runs "$runs" --json 2>"$runs/log" >"$runs/report" ||
    { tail -n 5 "$runs/log" >&2; exit 1; }
  grep -m 1 -o '"accuracy": *[0-9.]*' "$runs/report" | sed "s/.*: */$fold /"
done | awk '
  { print "fold " $1 ": " $2; sum += $2; squares += $2 * $2 }
  END { mean = sum / NR; printf "mean %.4f, standard deviation %.4f over %d folds\n", mean, sqrt(squares / NR - mean * mean), NR }'
