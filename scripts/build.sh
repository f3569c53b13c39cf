#!/usr/bin/env bash
# Builds a preset: scripts/build.sh [release|debug|ci|coverage|asan|tsan]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cmake --preset "$preset" >"$log" 2>&1 || { echo "build: cmake could not prepare the build:" >&2; tail -n 20 "$log" >&2; exit 1; }
cmake --build --preset "$preset"
