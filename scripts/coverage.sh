#!/usr/bin/env bash
# Which lines and branches of the library the tests run: a table, as docs/reliability.md has it. Branches that only an
# exception in someone else's code takes, and those of code that cannot run, are not counted.
set -euo pipefail
cd "$(dirname "$0")/.."
# What reads files and texts of strangers, and what keeps a training.
readers='tandem/(tensor/safetensors.*|data/formats/.*|data/text/(byte_pairs|subword|texts|tokenizer_folder|vectors|word_piece)|data/(labels|folder|pairs)|base/(config|files|json_file|json_text|protobuf)|adapt/(peft|checkpoint)|deploy/(http|json|tensors|completion_request|protocol|plain|rows|access|onnx/import.*)|people/store|train/(checkpoints|trainer_state))\.cpp'

./scripts/install.sh gcovr
./scripts/build.sh coverage
find build/coverage -name '*.gcda' -delete
OMP_WAIT_POLICY=passive build/coverage/tests/tandem_tests --gtest_brief=1
build/coverage/tests/tandem_no_memory --gtest_brief=1
count() {
  gcovr --root . --object-directory build/coverage --exclude-throw-branches --exclude-unreachable-branches \
    --gcov-ignore-parse-errors --filter "$1" --json-summary "build/coverage/$2.json" "${@:3}" >/dev/null
}
count 'tandem/' library --exclude 'tandem/cli/'
count "$readers" readers
python3 - <<'END'
import collections, json

def shares(files):
    total = collections.Counter()
    for file in files:
        for key in ("line_covered", "line_total", "branch_covered", "branch_total"):
            total[key] += file[key]
    return " | ".join(f"{100 * total[k + '_covered'] / max(1, total[k + '_total']):.1f} % of {total[k + '_total']:,}"
                      for k in ("line", "branch"))

library, readers = (json.load(open(f"build/coverage/{name}.json"))["files"] for name in ("library", "readers"))
print("| part | lines | branches |\n|---|---|---|")
folders = collections.defaultdict(list)
for file in library:
    folders[file["filename"].split("/")[1]].append(file)
for name, files in sorted(folders.items()):
    print(f"| `{name}` | {shares(files)} |")
print(f"| the library | {shares(library)} |\n| its readers and checkpoints | {shares(readers)} |")
END
