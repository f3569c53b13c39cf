#!/usr/bin/env bash
# What pre-training is worth: a small Transformer reads Wikipedia (WikiText-2), then learns from 100, 500 and all labels
# whether a sentence about a film is good or bad (MR), in five ways: from scratch, all of it, LoRA, bottleneck adapters,
# and a new head alone. Writes docs/results/pretrain-finetune.json and docs/pictures/pretrain-finetune.svg, and prints
# the table. "From scratch" is the same network with the same tokenizer, untrained.
#   scripts/pretrain-finetune.sh                       hours on two cores; stopped and started again it goes on
#   QUICK=1 scripts/pretrain-finetune.sh               a tiny network in a minute: whether all of it works, no more; report
#                                                      and plot lie beside its runs
#   TANDEM=build/release/tandem PLACE=runs/words …     the program, and where its runs lie
# Data is looked for in TANDEM_DATA, else in the cache folder: `tandem data list` says what is there.
set -euo pipefail
cd "$(dirname "$0")/.."
tandem=$(realpath "${TANDEM:-build/release/tandem}")
place=${PLACE:-runs/pretrain-finetune}
report=docs/results/pretrain-finetune.json
picture=docs/pictures/pretrain-finetune.svg
ways="scratch whole lora adapters frozen"
counts="100 500 all"
pretrain=()
if [ -n "${QUICK:-}" ]; then
  if [ -z "${PLACE:-}" ]; then
    place=$(mktemp -d)
    trap 'rm -rf "$place"' EXIT
  fi
  report=$place/report.json
  picture=$place/plot.svg
  block="{transformer: {layers: 1, heads: 2, norm: last, causal: true}}"
  pretrain=("data.source=${TANDEM_DATA:-$HOME/.cache/tandem/data}/wikitext2/test.txt" data.text.tokenizer.vocabulary=1000
    language.context=32 language.generate.tokens=5 train.epochs=1
    "network=[{embedding: 16}, $block, $block, $block, $block, tied_head]")
fi

# WAY LABELS: what a run changes of the recipe finetune-words. Few labels are seen more often.
choose() {
  local base=start_from=$place/pretrained
  case $1 in
    scratch) changes=("start_from=$place/untrained" optimizer.lr=3e-4) ;;
    whole) changes=("$base" optimizer.lr=3e-4) ;;
    lora) changes=("$base" optimizer.lr=2e-3 'adapt.lora={rank: 4, alpha: 8, layers: [transformer]}') ;;
    adapters) changes=("$base" optimizer.lr=2e-3 'adapt.bottleneck={units: 16, layers: [transformer]}') ;;
    frozen) changes=("$base" optimizer.lr=1e-2 'adapt.freeze=["0.*", "1.*", "2.*", "3.*", "4.*"]') ;;
  esac
  case $2 in
    100) changes+=(data.train=100 train.epochs=30) ;;
    500) changes+=(data.train=500 train.epochs=15) ;;
  esac
  [ -z "${QUICK:-}" ] || changes+=("data.train=${2/all/1000}" data.test=200 train.epochs=1)
}

# NAME RECIPE KEY=VALUE…: trains unless it was, or goes on where it was interrupted.
learn() {
  local run=$place/$1
  [ -e "$run/report.json" ] && return
  if [ -e "$run/checkpoints/last.safetensors" ]; then
    "$tandem" train --resume "$run" >/dev/null
    return
  fi
  rm -rf "$run"
  echo "pretrain-finetune: $1" >&2
  "$tandem" train "$2" --runs "$place" "name=$1" "${@:3}" >/dev/null 2>"$place/log" || { cat "$place/log" >&2; exit 1; }
}

figure() {  # RUN KEY: a number of its report
  awk -v key="\"$2\":" '$1 == key { sub(/,$/, "", $2); print $2; exit }' "$place/$1/report.json"
}

learned() {  # RUN WAY: how many numbers moved
  local of=$place/$1/adapter/adapter_model.safetensors
  case $2 in
    lora | adapters)
      head -c 100000 "$of" | grep -ao '"shape":\[[0-9,]*\]' | tr -dc '0-9,\n' |
        awk -F, '{ n = 1; for (i = 1; i <= NF; i++) n *= $i; all += n } END { print all }'
      ;;
    frozen)  # the last layer that has any
      "$tandem" inspect "$place/$1" --json | awk '$1 == "\"layers\":" { inside = 1 }
        inside && $1 == "\"parameters\":" { sub(/,$/, "", $2); if ($2 > 0) last = $2 } END { print last }'
      ;;
    *) figure "$1" parameters ;;
  esac
}

mkdir -p "$place"
learn pretrained recipes/pretrain-words.yaml ${pretrain[@]+"${pretrain[@]}"}
learn untrained recipes/pretrain-words.yaml ${pretrain[@]+"${pretrain[@]}"} train.epochs=0

rows=$place/rows  # LABELS WAY SEED ACCURACY NUMBERS
: >"$rows.new"
for labels in $counts; do
  seeds=${QUICK:+1 2}
  seeds=${seeds:-1 2 3}
  [ "$labels" = all ] && seeds=1
  for way in $ways; do
    for seed in $seeds; do
      run=$way-$labels-$seed
      choose "$way" "$labels"
      learn "$run" recipes/finetune-words.yaml "seed=$seed" "${changes[@]}"
      echo "$labels $way $seed $(figure "$run" accuracy) $(learned "$run" "$way")" >>"$rows.new"
    done
  done
done
mv "$rows.new" "$rows"

# The report: every run, and for each way and count the mean and the spread of its seeds.
awk -v date="$(date -u +%Y-%m-%d)" -v perplexity="$(figure pretrained perplexity)" -v numbers="$(figure pretrained parameters)" \
  -v seconds="$(figure pretrained train_seconds)" -v version="$("$tandem" --version)" '
  { n++; run[n] = sprintf("    {\"labels\": \"%s\", \"way\": \"%s\", \"seed\": %s, \"accuracy\": %s, \"learned\": %s}", $1, $2, $3, $4, $5) }
  END {
    printf "{\n  \"command\": \"scripts/pretrain-finetune.sh\",\n  \"date\": \"%s\",\n  \"version\": \"%s\",\n", date, version
    printf "  \"pretrained\": {\"perplexity\": %s, \"parameters\": %s, \"train_seconds\": %s},\n  \"runs\": [\n", perplexity, numbers, seconds
    for (i = 1; i <= n; i++) printf "%s%s\n", run[i], i < n ? "," : ""
    print "  ]\n}"
  }' "$rows" >"$report"

means() {  # LABELS WAY ACCURACY SPREAD NUMBERS, in percent
  awk '{ k = $1 " " $2; if (!(k in n)) order[++m] = k; n[k]++; s[k] += $4; q[k] += $4 * $4; p[k] = $5 }
    END { for (i = 1; i <= m; i++) { k = order[i]; mean = s[k] / n[k]; v = n[k] > 1 ? (q[k] - n[k] * mean * mean) / (n[k] - 1) : 0
      printf "%s %.2f %.2f %d\n", k, 100 * mean, 100 * sqrt(v > 0 ? v : 0), p[k] } }' "$rows"
}

means | awk '{ a[$2, $1] = $4 > 0 ? $3 " ± " $4 : $3; p[$2] = $5 }
  END {
    print "| way | numbers that learn | 100 labels | 500 labels | all labels |\n|---|---|---|---|---|"
    split("scratch whole lora adapters frozen", w, " ")
    split("from scratch,fine-tuned whole,LoRA,adapters,frozen", name, ",")
    for (i = 1; i <= 5; i++) printf "| %s | %d (%.1f %%) | %s | %s | %s |\n", name[i], p[w[i]], 100 * p[w[i]] / p["whole"], a[w[i], "100"], a[w[i], "500"], a[w[i], "all"]
  }'

means | awk '
  BEGIN {
    split("scratch whole lora adapters frozen", way, " ")
    split("from scratch,fine-tuned whole,LoRA,adapters,frozen", name, ",")
    split("#eab308 #3b82f6 #f97316 #10b981 #d946ef", colour, " ")
    split("100 500 all", labels, " ")
    low = 100; high = 0
  }
  { v[$2, $1] = $3; if ($3 < low) low = $3; if ($3 > high) high = $3 }
  function y(value) { return 312 - 276 * (value - low) / (high - low) }
  END {
    low = 5 * int((low - 2) / 5); high = 5 * int(high / 5) + 5
    print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 360\" font-family=\"sans-serif\" font-size=\"12\">"
    print "<style>text{fill:#333} .grid{stroke:#ccc} path{fill:none;stroke-width:2}@media(prefers-color-scheme:dark){text{fill:#ddd} .grid{stroke:#444}}</style>"
    print "<text x=\"64\" y=\"20\" font-size=\"15\">Films, good or bad: right of the test part, %</text>"
    for (t = low; t <= high; t += 5)
      printf "<line class=\"grid\" x1=\"64\" x2=\"480\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"58\" y=\"%.1f\" text-anchor=\"end\">%d</text>\n", y(t), y(t), y(t) + 4, t
    for (i = 1; i <= 3; i++) printf "<text x=\"%d\" y=\"330\" text-anchor=\"middle\">%s</text>\n", 208 * i - 144, labels[i]
    print "<text x=\"272\" y=\"350\" text-anchor=\"middle\">labels</text>"
    for (i = 1; i <= 5; i++) { at[i] = y(v[way[i], "all"]); o[i] = i }
    for (i = 2; i <= 5; i++) for (j = i; j > 1 && at[o[j]] < at[o[j - 1]]; j--) { k = o[j]; o[j] = o[j - 1]; o[j - 1] = k }
    last = -100  # names that would lie over one another move down
    for (i = 1; i <= 5; i++) { k = o[i]; ny[k] = at[k] < last + 14 ? last + 14 : at[k]; last = ny[k] }
    for (i = 1; i <= 5; i++) {
      path = ""
      for (j = 1; j <= 3; j++) path = path sprintf("%s%d %.1f", j == 1 ? "M" : " L", 208 * j - 144, y(v[way[i], labels[j]]))
      printf "<path d=\"%s\" stroke=\"%s\"/>\n", path, colour[i]
      for (j = 1; j <= 3; j++) printf "<circle cx=\"%d\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", 208 * j - 144, y(v[way[i], labels[j]]), colour[i]
      printf "<text x=\"492\" y=\"%.1f\" style=\"fill:%s\">%s</text>\n", ny[i] + 4, colour[i], name[i]
    }
    print "</svg>"
  }' >"$picture"
echo "written: $report, $picture" >&2
