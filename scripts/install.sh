#!/usr/bin/env bash
# Installs what Tandem is built with (Debian 12 and its relatives). Does nothing when all of it is there.
set -euo pipefail

packages=(build-essential cmake ninja-build ccache pkg-config
  libdnnl-dev libhwy-dev libfmt-dev libyaml-cpp-dev libcli11-dev nlohmann-json3-dev
  libjpeg62-turbo-dev libpng-dev zlib1g-dev libarchive-dev libcurl4-openssl-dev libssl-dev libsqlite3-dev
  libboost1.81-dev libsimdjson-dev libsentencepiece-dev libutf8proc-dev libgtest-dev "$@")

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

command -v apt-get >/dev/null || {
  echo "install: this system has no apt-get. Install these by its own means: ${missing[*]}" >&2
  exit 1
}
root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "install: run as root or install sudo; missing: ${missing[*]}" >&2; exit 1; }
  root=(sudo)
fi
echo "install: ${missing[*]}"
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
attempt() { "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "$@"; }
# A list that cannot be refreshed is no end: what is asked for may stand in the others, or in yesterday's.
attempt update >"$log/update" 2>&1 || true
attempt install -y --no-install-recommends "${missing[@]}" >"$log/install" 2>&1 || {
  unreached=$(grep -m 3 -E '^(E|W|Err)' "$log/update" || true)
  [ -z "$unreached" ] || printf 'install: the package lists could not be refreshed (is there a network?):\n%s\n' "$unreached" >&2
  echo "install: a package could not be had:" >&2
  grep -m 6 -E '^E:|Unable|Failed' "$log/install" >&2 || tail -n 5 "$log/install" >&2
  exit 1
}
