#!/usr/bin/env bash
# Every test under sanitizers: scripts/sanitize.sh [address|thread]…, or both. `address` finds undefined behaviour and
# leaks too. TANDEM_TESTS_FILTER: only these tests, as --gtest_filter takes them; without it all but the trainings of whole
# recipes, which do for hours what other tests do once.
set -euo pipefail
cd "$(dirname "$0")/.."
kinds=("$@")
[ ${#kinds[@]} -gt 0 ] || kinds=(address thread)
./scripts/install.sh
export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=suppressions=$PWD/tests/tsan.supp:halt_on_error=1 OMP_WAIT_POLICY=passive
for kind in "${kinds[@]}"; do
  case $kind in address) preset=asan ;; thread) preset=tsan ;; *) echo "sanitize: address or thread, not '$kind'" >&2; exit 2 ;; esac
  ./scripts/build.sh "$preset"
  "build/$preset/tests/tandem_tests" --gtest_brief=1 --gtest_filter="${TANDEM_TESTS_FILTER:--Quality/ShortRecipes.*}"
  echo "$kind: no finding"
done
