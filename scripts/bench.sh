#!/usr/bin/env bash
# Builds the bench, measures, and writes docs/performance.md with its plots.
#   scripts/bench.sh                    all of it (about an hour: each figure is measured beside its peer many times)
#   scripts/bench.sh --only training    one topic: machine, training, inference, generation, kernels, growth, journey, serving, search
#   scripts/bench.sh --only kernels --rows softmax    some operations or workloads alone; leaves the page as it is
#   scripts/bench.sh --quick            a small part in under a minute; prints it and leaves the page as it is
# The peers are optional: python3 -m venv .venv && .venv/bin/pip install -r bench/peers/requirements.txt
# (or set TANDEM_BENCH_PYTHON to a Python that has them). MNIST for the journey is looked for in TANDEM_DATA.
set -euo pipefail
cd "$(dirname "$0")/.."
for name in $(compgen -e | grep '^OPENBLAS_' || true); do unset "$name"; done

./scripts/install.sh
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{ cmake -S . -B build/bench -G Ninja -DCMAKE_BUILD_TYPE=Release -DTANDEM_TESTS=OFF -DTANDEM_BENCH=ON &&
  cmake --build build/bench; } >"$log" 2>&1 || { echo "bench: the build failed:" >&2; tail -n 30 "$log" >&2; exit 1; }

if [ ! -x "${TANDEM_BENCH_PYTHON:-.venv/bin/python}" ]; then
  echo "bench: no Python with PyTorch and ONNX Runtime, so only our own figures will be measured. To compare:" >&2
  echo "  python3 -m venv .venv && .venv/bin/pip install -r bench/peers/requirements.txt" >&2
fi
page=(--page docs/performance.md --pictures docs/pictures)
for argument in "$@"; do [ "$argument" = --quick ] && page=(); done
exec build/bench/bench/tandem_bench "${page[@]}" "$@"
