#!/usr/bin/env bash
# The long versions of what CI runs in short, most of an hour of it: scripts/torture.sh [PART…], or all. A part is a filter of
# build/ci/tests/tandem_tests, which runs with TANDEM_TORTURE=1, or a program. docs/reliability.md has the figures.
set -uo pipefail
cd "$(dirname "$0")/.."
parts=(
  "files    Malformed.*:Safetensors.*"
  "saving   Checkpoints.*"
  "resume   *ResumeAnywhere*"
  "bytes    *SameBytes*"
  "server   Attacks.*"
  "soak     Soak.*"
  "use      BadUse.*"
  "memory   ./build/ci/tests/tandem_no_memory"
)

for wanted in "$@"; do
  printf '%s\n' "${parts[@]}" | grep -q "^$wanted " || { echo "torture: there is no part '$wanted'" >&2; exit 2; }
done
./scripts/build.sh ci || exit 1
mkdir -p build/torture
failed=()
for part in "${parts[@]}"; do
  read -r name work <<<"$part"
  [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
  log=build/torture/$name.log
  start=$SECONDS
  if [[ $work == ./* ]]; then
    TANDEM_TORTURE=1 $work >"$log" 2>&1
  else
    TANDEM_TORTURE=1 build/ci/tests/tandem_tests --gtest_filter="$work" >"$log" 2>&1
  fi && state=passed || { state=FAILED; failed+=("$name"); }
  printf '%-10s %s in %d s: %s\n' "$name" "$state" $((SECONDS - start)) "$log"
done
[ ${#failed[@]} -eq 0 ] || { echo "torture: failed: ${failed[*]}" >&2; exit 1; }
