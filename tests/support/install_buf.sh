#!/usr/bin/env bash
# install_buf.sh FOLDER: has buf in FOLDER/node_modules/.bin. It is a test tool of npm's; its
# version is pinned beside this script. Nothing to do is quick and silent.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
folder=$1
mkdir -p "$folder"
if cmp -s package-lock.json "$folder/package-lock.json" && [[ -x $folder/node_modules/.bin/buf ]]; then
  exit
fi
cp package.json package-lock.json "$folder"
npm ci --ignore-scripts --loglevel=error --no-audit --no-fund --prefix "$folder"
