#!/usr/bin/env bash
# clang-tidy over the library, the program and the tests, two files at a time; .clang-tidy says what is checked.
#   scripts/check-tidy.sh                       everything: a quarter of an hour and more, so test.sh does not do it
#   scripts/check-tidy.sh tandem/nn app         these files and folders
#   scripts/check-tidy.sh --since main          what differs from this commit, and what includes it directly
# TANDEM_BUILD names the build whose compile commands are read; by default build/ci, else build/release.
set -euo pipefail
cd "$(dirname "$0")/.."

build=${TANDEM_BUILD:-build/ci}
[ -e "$build/compile_commands.json" ] || build=build/release
[ -e "$build/compile_commands.json" ] || { echo "tidy: no build to read; run ./scripts/build.sh first" >&2; exit 2; }
command -v clang-tidy >/dev/null || { echo "tidy: clang-tidy is missing (apt-get install clang-tidy)" >&2; exit 2; }

if [ "${1:-}" = --since ]; then
  [ $# -eq 2 ] || { echo "tidy: --since takes one commit" >&2; exit 2; }
  mapfile -t changed < <(git diff --name-only --diff-filter=d "$2" -- '*.cpp' '*.h')
  files=()
  for file in "${changed[@]}"; do
    case $file in
      *.cpp) files+=("$file") ;;
      *) mapfile -t -O ${#files[@]} files < <(git grep -l -F -e "<$file>" -e "\"$(basename "$file")\"" -- '*.cpp') ;;
    esac
  done
  mapfile -t files < <(printf '%s\n' "${files[@]}" | sort -u | grep -E '^(tandem|app|tests)/')
else
  [ $# -gt 0 ] || set -- tandem app tests
  mapfile -t files < <(for at in "$@"; do if [ -d "$at" ]; then git ls-files "$at/*.cpp"; else echo "$at"; fi; done)
fi
[ ${#files[@]} -gt 0 ] || { echo "tidy: nothing to check"; exit 0; }

# GCC's names of warnings are not clang's; what clang has no header of its own for (omp.h) is taken from GCC.
arguments=(-p "$build" --quiet --extra-arg=-Wno-unknown-warning-option
  "--extra-arg=-idirafter$(dirname "$(cc -print-file-name=include/stddef.h)")")
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P 2 clang-tidy "${arguments[@]}" 2> >(grep -vE '^[0-9]+ warnings? ' >&2) ||
  { echo "tidy: findings above, in ${#files[@]} files checked" >&2; exit 1; }
echo "tidy: ${#files[@]} files, no findings"
