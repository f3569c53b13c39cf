#!/usr/bin/env bash
# Reads what strangers might send, from many sides: scripts/fuzz.sh [RUNS [TARGET…]]. Each target of tests/fuzz reads RUNS
# inputs (100000 without) made by libFuzzer from small good files, under the address and the undefined-behaviour
# sanitizer; a finding ends it with the input kept in build/fuzz/findings. Without targets those that need no network:
# their part of the library is compiled in minutes. The others are recipe, model, adapter and onnx; `all` means all.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-100000}
shift || true
targets=("$@")
readers=(safetensors idx csv yaml image text subword http)
[ ${#targets[@]} -gt 0 ] || targets=("${readers[@]}")
[ "${targets[0]}" != all ] || targets=("${readers[@]}" recipe model adapter onnx)

./scripts/install.sh clang-14 libclang-rt-14-dev python3
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cmake --preset fuzz >"$log" 2>&1 || { echo "fuzz: cmake could not prepare the build:" >&2; tail -n 20 "$log" >&2; exit 1; }
cmake --build build/fuzz --target "${targets[@]/%/_fuzz}"
python3 tests/fuzz/make_seeds.py build/fuzz/seeds
mkdir -p build/fuzz/findings build/fuzz/logs
export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
for target in "${targets[@]}"; do
  mkdir -p "build/fuzz/corpus/$target"
  out=build/fuzz/logs/$target.log
  build/fuzz/tests/fuzz/${target}_fuzz -runs="$runs" -seed=1 -max_len=2048 -timeout=10 -rss_limit_mb=2048 -verbosity=1 \
    -artifact_prefix="build/fuzz/findings/$target-" "build/fuzz/corpus/$target" "build/fuzz/seeds/$target" >"$out" 2>&1 || {
    echo "fuzz: $target has a finding:" >&2
    tail -n 40 "$out" >&2
    exit 1
  }
  echo "$target: $(grep -E '^Done ' "$out"), $(grep -oE 'cov: [0-9]+' "$out" | tail -n 1)"
done
