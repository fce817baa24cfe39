#!/usr/bin/env bash
# demo.sh BIN [fashion]: starts a server on a free port of this machine, trains on real
# data, asks the model questions, and leaves nothing behind. BIN holds the two programs.
set -euo pipefail

examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(cd "${1:?the folder of chainrule and chainrule-server}" && pwd)
what=${2:-tumour}

fail() {
  printf 'demo: %s\n' "$*" >&2
  exit 1
}

bold='' plain=''
if [[ -t 1 ]]; then
  bold=$'\033[1m' plain=$'\033[0m'
fi
step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

# Shows the command, then runs it.
run() {
  printf '$ chainrule %s\n' "$*"
  "$bin/chainrule" "$@"
}

stop_server() {
  if [[ -n ${server:-} ]]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$scratch"
}

start_server() {
  local ready
  exec 3< <(cd "$scratch" && exec "$bin/chainrule-server" --listen=127.0.0.1:0 \
    --http_listen=127.0.0.1:0 2>"$scratch/log")
  server=$!
  read -r ready <&3 || fail "the server did not start: $(tail -n 1 "$scratch/log")"
  [[ $ready =~ grpc=([^ ]+) ]] || fail "the server said: $ready"
  export CHAINRULE_SERVER=${BASH_REMATCH[1]}
}

tumour() {
  local -a rows=(wdbc.csv --label diagnosis --folds 5 --fold 0)
  cd "$examples/data"
  step "A network for 569 breast tumours, 30 measurements each: malignant or benign?"
  run create tumour --from wdbc.csv --label diagnosis --hidden 16
  step "It learns from four fifths of them"
  run train tumour "${rows[@]}" --normalize --epochs 50
  step "and is asked about the fifth that it has never seen"
  run evaluate tumour "${rows[@]}"
  run predict tumour "${rows[@]}" --limit 3
  step "The gradient of its loss there, by every layer's parameters and by the inputs"
  run gradients tumour "${rows[@]}" --wrt parameters,inputs
  step "How far back-propagation is from central differences"
  run check tumour "${rows[@]}"
}

fashion() {
  cd /usr/share/datasets/fashion-mnist || fail "Debian's dataset-fashion-mnist is missing"
  local -a learn=(train-images-idx3-ubyte.gz --label-file train-labels-idx1-ubyte.gz)
  local -a test=(t10k-images-idx3-ubyte.gz --label-file t10k-labels-idx1-ubyte.gz)
  local names="t-shirt,trouser,pullover,dress,coat,sandal,shirt,sneaker,bag,ankle boot"
  step "A network for Fashion-MNIST: 28 x 28 pixels, ten kinds of clothes"
  run create fashion --from "${learn[@]}" --class-names "$names" --hidden 256,128 \
    --activation relu --optimizer adam --schedule cosine --schedule-period 4690
  step "It learns from 60,000 images"
  run train fashion "${learn[@]}" --normalize --epochs 10 --batch-size 128
  step "and is asked about the 10,000 test images"
  run evaluate fashion "${test[@]}"
  run predict fashion "${test[@]}" --limit 3 --top 2
}

closing() {
  step "The server of this demo has ended. To call one yourself:"
  cat <<'END'
  ./dev serve                                  starts it and prints READY grpc=127.0.0.1:50051 ...
  build/release/bin/chainrule --help           the command line that you saw above
  README.md, client/examples/python/           the same from your own language
END
}

case $what in
  tumour | fashion) ;;
  *) fail "there is no demo '$what', only fashion" ;;
esac
unset CHAINRULE_TOKEN
scratch=$(mktemp -d)
trap stop_server EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
start_server
"$what"
closing
