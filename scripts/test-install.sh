#!/usr/bin/env bash
# Installs a build into an empty folder, builds examples/ against it with find_package, and runs them.
#   scripts/test-install.sh build/ci
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/ci}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cmake --install "$build" --prefix "$place/usr" >/dev/null
cmake -S examples -B "$place/examples" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$place/usr" >"$place/log" 2>&1 || {
  tail -n 20 "$place/log" >&2
  exit 1
}
cmake --build "$place/examples"
cd "$place"
for example in own_loop digits; do
  echo "example: $example"
  "./examples/$example"
done
[ -s digits.safetensors ]
"$place/usr/bin/tandem" inspect digits.safetensors >/dev/null
stripped="$place/tandem"
strip -o "$stripped" "$place/usr/bin/tandem"
size=$(stat -c %s "$stripped")
echo "the program, stripped: $((size / 1000)) kB"
[ "$size" -le 30000000 ]
echo "the installed library works"
