#!/usr/bin/env bash
# From a bare machine to a network that reads digits: installs what is missing, builds, trains, shows the report.
#   ./scripts/demo.sh                 built-in digits
#   ./scripts/demo.sh data=mnist      anything that `tandem train` takes
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"

./scripts/install.sh
echo "building (some minutes the first time)…"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
stop() {
  echo "demo: $1:" >&2
  tail -n 30 "$log" >&2
  exit 1
}
cmake --preset release -DTANDEM_TESTS=OFF >"$log" 2>&1 || stop "cmake could not prepare the build"
if [ -t 1 ]; then  # one line that counts up
  cmake --build --preset release --target tandem_app
else
  cmake --build --preset release --target tandem_app >"$log" 2>&1 || stop "the build failed"
fi
tandem="$here/build/release/tandem"

echo
echo "A small convolutional network learns to read handwritten digits."
"$tandem" train digits "$@"

run=$(ls -td runs/*/ | head -n 1)
run=${run%/}
cat <<EOF

What lies where
  $run/report.html         open it in a browser: curves, confusion matrix, the worst mistakes
  $run/model.safetensors   the network; this one file is enough to predict

What to try next (the program is build/release/tandem)
  tandem inspect $run
  tandem data show builtin                        a contact sheet of the digits
  tandem train digits train.epochs=2 seed=7       another run
  tandem data fetch mnist                         the real digits, then:
  tandem train digits data=mnist
  tandem train digits data=PATH/TO/YOUR/FOLDER    one folder of pictures a class
EOF
