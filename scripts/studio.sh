#!/usr/bin/env bash
# The page of `tandem serve`: studio/src becomes studio/page.html, which is committed, so that building Tandem needs no
# node.
#   scripts/studio.sh                    builds it, with the packages of studio/package-lock.json (node 20 or newer)
#   scripts/studio.sh --check            whether the committed file is what the sources give
#   scripts/studio.sh --test PROGRAM [SCREENSHOTS]   tries it in a real browser, with strokes and clicks
# --check and --test end with 77, and say so, where what they need is not installed.
set -euo pipefail
cd "$(dirname "$0")/../studio"

skip() {
  echo "studio: skipped, $1"
  exit 77
}
installed() { cmp -s package-lock.json node_modules/.installed-for; }
build() { npm run --silent build >&2; }

case ${1:-} in
--check | --test)
  command -v node >/dev/null && command -v npm >/dev/null || skip "there is no node"
  installed || skip "the packages of studio/package-lock.json are not installed: scripts/studio.sh does"
  ;;
esac
case ${1:-} in
--check)
  build
  cmp dist/index.html page.html || {
    echo "studio: page.html is not what the sources give: run scripts/studio.sh and commit it" >&2
    exit 1
  }
  ;;
--test)
  program=$2
  [[ $program = /* ]] || program=$OLDPWD/$program
  exec node test/page.mjs "$program" "${@:3}"
  ;;
*)
  installed || { npm ci >&2 && cp package-lock.json node_modules/.installed-for; }
  build
  cp dist/index.html page.html
  echo "studio: page.html, $(wc -c <page.html) bytes"
  ;;
esac
