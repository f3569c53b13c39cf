#!/usr/bin/env bash
# Builds the page of `tandem serve` from studio/src into studio/page.html, which is committed: building Tandem needs no
# node. --check only looks whether the committed file is what the sources give, and is skipped by name without node.
set -euo pipefail
cd "$(dirname "$0")/../studio"

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "studio: skipped, node and npm (20 or newer) are not there" >&2
  [ "${1:-}" = --check ] && exit 0
  exit 1
fi
# What was installed for this lock file stays.
if ! cmp -s package-lock.json node_modules/.installed-for; then
  npm ci --no-audit --no-fund >&2 || {
    echo "studio: skipped, the packages of studio/package-lock.json could not be had" >&2
    [ "${1:-}" = --check ] && exit 0
    exit 1
  }
  cp package-lock.json node_modules/.installed-for
fi
npm run --silent build >&2
if [ "${1:-}" = --check ]; then
  cmp dist/index.html page.html || {
    echo "studio: studio/page.html is not what studio/src gives: run scripts/studio.sh and commit it" >&2
    exit 1
  }
  echo "studio: page.html is what the sources give"
else
  cp dist/index.html page.html
  echo "studio: page.html, $(wc -c <page.html) bytes"
fi
