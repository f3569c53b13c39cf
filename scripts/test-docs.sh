#!/usr/bin/env bash
# Does what the documents say, against a build: every ```sh block is run, every ```cpp, ```cmake or ```yaml block is
# written to the file that the line before it names, and links must lead somewhere. A line before a block says how:
#   <!-- ci: file app/main.cpp -->        the block is this file's content; the commands after it use it
#   <!-- ci: compile -->                  the block is C++ against the installed library
#   <!-- ci: skip, downloads -->          not here, and why
# A block whose language is known and that has no such line (sh needs none) fails, so that no example goes unproved.
# Training here is short: `tandem train` gets train.epochs=2 data.train=500 data.test=200 at its end.
#   scripts/test-docs.sh [build/ci]
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(cd "${1:-build/ci}" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

fail() {
  echo "docs: $*" >&2
  exit 1
}

# DOCUMENT FOLDER: its blocks as 001.sh, 002.cpp …, each with its mark and its first line's number beside it.
extract() {
  mkdir -p "$2"
  awk -v out="$2" '
    inside && /^```$/ { inside = 0; close(name); next }
    inside { print > name; next }
    /^<!-- ci: .* -->$/ { mark = substr($0, 10, length($0) - 13); next }
    /^```[a-z]+$/ {
      inside = 1
      name = sprintf("%s/%03d.%s", out, ++n, substr($0, 4))
      printf "" > name
      print mark > (name ".mark")
      print NR > (name ".line")
      mark = ""
      next
    }
    /^```$/ { inside = 1; name = "/dev/null"; next }
    NF { mark = "" }
  ' "$1"
}

# Links of a document to files of this repository.
check_links() {
  local link
  awk '/^```/ { inside = !inside } !inside' "$1" | { grep -oE '\]\([^)#]+' || true; } | cut -c3- | while read -r link; do
    case $link in
      http*) ;;
      *) [ -e "$(dirname "$1")/$link" ] || fail "$1 links to $link, which does not exist" ;;
    esac
  done
}

# What the documents stand on: an installed library, the program on PATH, a home that is not yours, pictures.
cmake --install "$build" --prefix "$place/usr" >/dev/null
mkdir "$place/bin"
cat >"$place/bin/tandem" <<END
#!/bin/sh
for word in "\$@"; do [ "\$word" = --resume ] && exec "$place/usr/bin/tandem" "\$@"; done
[ "\${1:-}" = train ] && exec "$place/usr/bin/tandem" "\$@" train.epochs=2 data.train=500 data.test=200
exec "$place/usr/bin/tandem" "\$@"
END
chmod +x "$place/bin/tandem"
flags=(-std=c++20 -Wall -Wextra "-I$place/usr/include")
mkdir "$place/pictures"
cp tests/docs/pictures.cpp "$place/pictures/main.cpp"
cat >"$place/pictures/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(pictures LANGUAGES CXX)
find_package(tandem REQUIRED)
add_executable(pictures main.cpp)
target_link_libraries(pictures PRIVATE tandem::tandem)
END
{
  cmake -S "$place/pictures" -B "$place/pictures/build" -G Ninja -DCMAKE_PREFIX_PATH="$place/usr" &&
    cmake --build "$place/pictures/build"
} >"$place/log" 2>&1 || { tail -n 20 "$place/log" >&2; fail "the maker of pictures does not build"; }

ran=0
skipped=0
for doc in README.md README.zh-CN.md CONTRIBUTING.md CHANGELOG.md docs/*.md docs/*/*.md; do
  check_links "$doc"
  blocks=$place/blocks/$doc
  extract "$doc" "$blocks"
  work=$place/work/$doc
  mkdir -p "$work/build" "$work/home"
  ln -s "$build" "$work/build/release"
  cp -r recipes "$work/recipes"
  "$place/pictures/build/pictures" "$work/pets" cat=0 dog=1
  find "$blocks" -name '*.sh' -o -name '*.cpp' -o -name '*.cmake' -o -name '*.yaml' | sort >"$place/list"
  while read -r block; do
    mark=$(cat "$block.mark")
    at="$doc:$(cat "$block.line")"
    case "$mark,$block" in
      skip,\ *) skipped=$((skipped + 1)); echo "docs: $at skipped:${mark#skip,}"; continue ;;
      file\ *) mkdir -p "$(dirname "$work/${mark#file }")"; cp "$block" "$work/${mark#file }"; continue ;;
      compile,*.cpp) c++ "${flags[@]}" -fsyntax-only "$block" || fail "$at does not compile" ;;
      ,*.sh)
        # The translation says the same commands with other words after them: run once is enough.
        words=$(sed 's/ *#.*//' "$block" | cksum)
        if [ "$doc" = README.zh-CN.md ] && [ -e "$place/ran-${words// /-}" ]; then continue; fi
        echo "docs: $at"
        (cd "$work" && env HOME="$work/home" PATH="$place/bin:$PATH" bash -euxo pipefail "$block") </dev/null >"$place/log" 2>&1 ||
          { tail -n 30 "$place/log" >&2; fail "$at does not work"; }
        touch "$place/ran-${words// /-}"
        ;;
      *) fail "$at has no line before it that says what to do with it (see scripts/test-docs.sh)" ;;
    esac
    ran=$((ran + 1))
  done <"$place/list"
done

# The translation has the same examples, in the same order.
for lang in sh cpp cmake yaml; do
  for doc in README.md README.zh-CN.md; do
    cat "$place/blocks/$doc"/*."$lang" 2>/dev/null | sed 's/ *#[^i].*//' >"$place/$doc.$lang" || true
  done
  diff "$place/README.md.$lang" "$place/README.zh-CN.md.$lang" >&2 || fail "README.zh-CN.md differs from README.md in its $lang examples"
done
[ "$ran" -gt 0 ] || fail "found nothing to run"
echo "the documents' examples work: $ran run, $skipped skipped"
