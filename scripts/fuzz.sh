#!/usr/bin/env bash
# Reads what strangers might send, from many sides: scripts/fuzz.sh [RUNS [TARGET…]]. Each target of tests/fuzz reads RUNS
# inputs (100000 without) made by libFuzzer from small good files, under the address and the undefined-behaviour
# sanitizer, as many targets at once as there are cores; a finding ends its target with the input kept in
# build/fuzz/findings. Without targets all of them.
set -euo pipefail
cd "$(dirname "$0")/.."
export runs=${1:-100000}
shift || true
targets=("$@")
# Those that take longest first, so that no core waits for them in the end.
[ ${#targets[@]} -gt 0 ] || targets=(model recipe http checkpoint adapter words body onnx yaml text archive safetensors csv idx image subword)

./scripts/install.sh clang-14 libclang-rt-14-dev python3
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cmake --preset fuzz >"$log" 2>&1 || { echo "fuzz: cmake could not prepare the build:" >&2; tail -n 20 "$log" >&2; exit 1; }
cmake --build build/fuzz --target "${targets[@]/%/_fuzz}"
python3 tests/fuzz/make_seeds.py build/fuzz/seeds
mkdir -p build/fuzz/findings build/fuzz/logs
# Where memory was taken is not recorded, a fifth of the time of recipes: ask again with the input that was kept.
export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1:malloc_context_size=0 UBSAN_OPTIONS=print_stacktrace=1

fuzz_one() {
  mkdir -p "build/fuzz/corpus/$1"
  local out=build/fuzz/logs/$1.log most=2048
  [ "$1" != recipe ] || most=512  # each of its bytes costs most of all
  # Entropic schedules cost half of the time here.
  build/fuzz/tests/fuzz/"$1"_fuzz -runs="$runs" -seed=1 -max_len=$most -entropic=0 -timeout=10 -rss_limit_mb=2048 \
    -verbosity=1 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/findings/$1-" "build/fuzz/corpus/$1" "build/fuzz/seeds/$1" >"$out" 2>&1 || {
    echo "fuzz: $1 has a finding:" >&2
    tail -n 40 "$out" >&2
    return 1
  }
  echo "$1: $(grep -E '^Done ' "$out"), $(grep -oE 'cov: [0-9]+' "$out" | tail -n 1)"
}
export -f fuzz_one
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -c 'set -euo pipefail; fuzz_one {}'
