#!/usr/bin/env bash
# fuzz.sh DIR SECONDS: runs every fuzzer in DIR for that long. Its seeds, and what a run
# finds interesting, are in DIR/NAME.corpus.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
dir=$1
seconds=$2

shopt -s nullglob
fuzzers=("$dir"/*_fuzz)
((${#fuzzers[@]})) || {
  echo "no fuzzer in $dir" >&2
  exit 1
}
for fuzzer in "${fuzzers[@]}"; do
  name=$(basename "$fuzzer")
  mkdir -p "$fuzzer.corpus"
  echo "fuzz: $name, $seconds s"
  "$fuzzer" -max_total_time="$seconds" -print_final_stats=1 -timeout=10 -artifact_prefix="$dir/" \
    "$fuzzer.corpus"
done
