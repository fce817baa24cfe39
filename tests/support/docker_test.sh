#!/usr/bin/env bash
# Builds the image and tries what docker/README.md promises, with the engine that
# DOCKER_HOST (or Docker's default) names. Leaves the image, removes the rest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# A project of its own, on ports of the engine's choice, beside whatever runs already.
export COMPOSE_PROJECT_NAME=chainrule-test-$$ CHAINRULE_PORT=0 CHAINRULE_HTTP_PORT=0
readonly max_added_mb=150
work=$(mktemp -d)

say() { printf 'docker-test: %s\n' "$*"; }

fail() {
  say "FAILED: $*"
  compose logs --tail=20 server || true
  exit 1
}

if docker compose version >/dev/null 2>&1; then
  compose() { docker compose -f docker/compose.yaml "$@"; }
elif ! command -v docker-compose >/dev/null; then
  say "neither 'docker compose' nor docker-compose is here"
  exit 1
else
  compose() { docker-compose -f docker/compose.yaml "$@"; }
fi

# shellcheck disable=SC2317  # called by the trap
clean_up() {
  compose --profile demo down --volumes >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean_up EXIT

inspect() { docker inspect -f "$1" "$container"; }

wait_until_healthy() {
  local health=none
  for ((second = 0; second < 60; ++second)); do
    health=$(inspect '{{.State.Health.Status}}')
    [[ $health == healthy ]] && return
    sleep 1
  done
  fail "not healthy after 60 s: $health"
}

size_mb() { echo $(($(docker image inspect -f '{{.Size}}' "$1") / 1000000)); }

check_size() {
  local base added
  base=$(size_mb debian:bookworm-slim)
  added=$(($(size_mb chainrule) - base))
  say "the image adds $added MB to Debian's $base"
  ((added <= max_added_mb)) || fail "more than $max_added_mb MB"
}

check_user() {
  local uid
  uid=$(docker exec "$container" id -u)
  say "the server runs as uid $uid"
  [[ $uid != 0 ]] || fail "it runs as root"
}

check_no_tools_are_shipped() {
  ! docker exec "$container" sh -c 'command -v gcc cmake protoc' >/dev/null ||
    fail "the image ships build tools"
}

run_demo() {
  compose --profile demo run --rm demo | tee "$work/demo" || fail "the demo failed"
  grep -q accuracy "$work/demo" || fail "the demo evaluated nothing"
}

check_ready_line() {
  docker logs "$container" 2>/dev/null >"$work/stdout"
  grep -qx 'READY grpc=0.0.0.0:50051 http=0.0.0.0:9464' "$work/stdout" ||
    fail "no READY line on stdout: $(<"$work/stdout")"
  [[ $(wc -l <"$work/stdout") == 1 ]] || fail "more than the READY line on stdout"
}

# What was acknowledged is on the volume, whatever ends the container.
check_nothing_is_lost() {
  local data=/usr/local/share/chainrule/data/wdbc.csv before after
  docker exec "$container" chainrule create kept --from $data --label diagnosis --hidden 16 >/dev/null
  docker exec "$container" chainrule train kept $data --label diagnosis --normalize --epochs 5 >/dev/null
  before=$(docker exec "$container" chainrule --output=json weights show kept)
  docker kill "$container" >/dev/null
  docker start "$container" >/dev/null
  wait_until_healthy
  after=$(docker exec "$container" chainrule --output=json weights show kept)
  [[ $before == "$after" ]] || fail "the weights are not what they were before SIGKILL"
  say "the model is the same after SIGKILL"
}

check_stop() {
  local code
  compose stop
  code=$(inspect '{{.State.ExitCode}}')
  say "after SIGTERM it exited with $code"
  [[ $code == 0 ]] || fail "SIGTERM did not drain it"
}

docker info >/dev/null 2>&1 || fail "no Docker engine answers at ${DOCKER_HOST:-its default socket}"
say "building the image"
docker build --network host -f docker/Dockerfile -t chainrule . || fail "the image does not build"
check_size
say "starting compose"
compose up -d || fail "compose did not start"
container=$(compose ps -q server)
wait_until_healthy
say "healthy"
check_ready_line
check_user
check_no_tools_are_shipped
run_demo
check_nothing_is_lost
check_stop
say "passed"
