#!/usr/bin/env bash
# Which lines and branches of the library the tests run: a table, as docs/reliability.md has it. A branch is a condition of
# the source that came out true, or false (clang's source-based coverage). Leaves out the nine trainings of whole recipes.
# TANDEM_DATA: where real data lies, for the tests that read it.
set -euo pipefail
cd "$(dirname "$0")/.."
# What reads files and texts of strangers, and what keeps a training.
readers='tandem/(tensor/safetensors.*|data/formats/.*|data/text/(byte_pairs|subword|texts|tokenizer_folder|vectors|word_piece)|data/(labels|folder|pairs)|base/(config|files|json_file|json_text|protobuf)|adapt/(peft|checkpoint)|deploy/(http|json|tensors|completion_request|protocol|plain|rows|access|onnx/import.*)|people/store|train/(checkpoints|trainer_state))\.cpp$'

./scripts/install.sh clang-14 llvm-14 libclang-rt-14-dev
./scripts/build.sh coverage
rm -rf build/coverage/profiles
export OMP_WAIT_POLICY=passive
run() { LLVM_PROFILE_FILE=$PWD/build/coverage/profiles/$1-%4m.profraw build/coverage/tests/"$@" --gtest_brief=1; }
run tandem_tests --gtest_filter='-Quality/ShortRecipes.*'
for isa in avx2 avx512; do  # a kernel is compiled once for each instruction set: tests/CMakeLists.txt has the same runs
  TANDEM_ISA=$isa run tandem_tests --gtest_filter='*OpTable*:*OpEdges*:OpSpecial*:OpPytorch*:*Kernel*'
done
run tandem_no_memory
llvm-profdata-14 merge -o build/coverage/all.profdata build/coverage/profiles/*.profraw
llvm-cov-14 export -summary-only -instr-profile build/coverage/all.profdata build/coverage/tests/tandem_tests \
  -object build/coverage/tandem -object build/coverage/tests/tandem_no_memory >build/coverage/summary.json
python3 - "$readers" <<'END'
import collections, json, os, re, sys

files = collections.defaultdict(list)
for file in json.load(open("build/coverage/summary.json"))["data"][0]["files"]:
    name = os.path.relpath(file["filename"])
    if not name.startswith("tandem/") or name.startswith("tandem/cli/"):
        continue
    files[f"`{name.split('/')[1]}`"].append(file["summary"])
    files["the library"].append(file["summary"])
    if re.match(sys.argv[1], name):
        files["its readers and checkpoints"].append(file["summary"])

def share(summaries, kind):
    count, covered = (sum(s[kind][key] for s in summaries) for key in ("count", "covered"))
    return f"{100 * covered / max(1, count):.1f} % of {count:,}"

print("| part | lines | branches |\n|---|--:|--:|")
for name in sorted(files, key=lambda name: (name[0] != "`", name == "its readers and checkpoints", name)):
    print(f"| {name} | {share(files[name], 'lines')} | {share(files[name], 'branches')} |")
END
