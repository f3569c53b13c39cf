#!/usr/bin/env bash
# Every source file is as clang-format writes it; --fix rewrites them.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=(--dry-run --Werror)
[ "${1:-}" = --fix ] && mode=(-i)
git ls-files -z '*.h' '*.cpp' | xargs -0 -r -n 16 clang-format "${mode[@]}"
