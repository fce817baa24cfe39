#!/usr/bin/env bash
# Runs the benchmarks, one after another. run.sh BINARIES [ARGS]; see pairs.h for the
# arguments.
set -euo pipefail
binaries=$1
shift
for program in engine-bench torch-bench rpc-bench durable-bench; do
  [[ -x $binaries/$program ]] || continue  # torch-bench is built on demand, see CMakeLists.txt
  printf '\n== %s\n' "$program"
  "$binaries/$program" "$@"
done
printf '\n== fashion\n'
/usr/bin/python3 -B "$(dirname "${BASH_SOURCE[0]}")/fashion_bench.py" "$binaries" "$@"
printf '\n== start\n'
/usr/bin/python3 -B "$(dirname "${BASH_SOURCE[0]}")/start_bench.py" "$binaries" "$@"
