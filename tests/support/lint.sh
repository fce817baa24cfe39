#!/usr/bin/env bash
# lint.sh BUILD_DIR: every lint of the tree, one line for each that fails.
# BUILD_DIR is configured; clang-tidy reads its compile_commands.json.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=$1
failed=()

# lint NAME COMMAND...
lint() {
  local name=$1
  shift
  echo "lint: $name"
  "$@" || failed+=("$name")
}

# Fails where there are none: that is no tree of git's, and nothing would be looked at.
tracked() { git ls-files --cached --others --exclude-standard -z -- "$@" | grep -z ''; }

check_format() {
  local wrong
  wrong=$(tracked '*.cc' '*.h' | xargs -0 -r clang-format --dry-run 2>&1 |
    sed -n 's/^\([^:]*\):.*clang-format-violations.*/\1/p' | sort -u) || {
    echo "clang-format did not run"
    return 1
  }
  [[ -z $wrong ]] && return
  printf 'clang-format -i would change these:\n%s\n' "$wrong"
  return 1
}

# Every file whose first line names bash or sh, whatever it is called.
check_shell() {
  tracked | xargs -0 grep -lZE -m1 '^#!.*\b(bash|sh)$' | xargs -0 -r shellcheck
}

check_proto() {
  tests/support/install_buf.sh "$PWD/build/lint" || return 1
  (cd proto && ../build/lint/node_modules/.bin/buf lint)
}

# Lock annotations come with it: the compiler's own warnings are clang-tidy checks too.
check_tidy() {
  cmake --build "$build" --target chainrule_proto || return 1
  # CI looks at the files of a folder together, in a fraction of the time.
  tests/support/tidy.py ${CI:+--joined} "$build"
}

lint clang-format check_format
lint shellcheck check_shell
lint "buf lint" check_proto
lint clang-tidy check_tidy
if ((${#failed[@]})); then
  echo "lint failed: ${failed[*]}" >&2
  exit 1
fi
