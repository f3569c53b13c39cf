#!/usr/bin/env bash
# Installs what is missing, builds with warnings as errors, runs every test. Tests that need real data run when
# TANDEM_DATA names a folder with it, and are skipped by name otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

./scripts/install.sh clang-format curl
./scripts/check-format.sh
./scripts/build.sh ci
log=$(mktemp)
trap 'rm -f "$log"' EXIT
ctest --test-dir build/ci --output-on-failure --no-tests=error 2>&1 | tee "$log"
./scripts/test-install.sh build/ci
./scripts/test-docs.sh build/ci
./scripts/fuzz.sh 100000 recipe http checkpoint adapter words body yaml text onnx archive safetensors csv idx image subword
echo "all tests passed"
