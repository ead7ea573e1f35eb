#!/usr/bin/env bash
# Runs realtime-server and the chat's backend together until Ctrl-C:
#
#   examples/chat/run.sh go
#   examples/chat/run.sh node
#
# With ATTACH=1 the backend dials out, and the server does not dial it.
set -euo pipefail
cd "$(dirname "$0")"

bin=$(mktemp -d)
interrupted=
trap 'interrupted=1' INT
cleanup() {
  # Ctrl-C has reached the programs as well; a second signal would end them
  # before they are through.
  [ -n "$interrupted" ] || jobs -p | xargs -r kill 2>/dev/null || true
  wait
  rm -r "$bin"
}
trap cleanup EXIT

case ${1:-} in
go)
  go build -o "$bin/backend" ./go
  backend=("$bin/backend")
  ;;
node)
  [ -d node_modules ] || npm ci
  backend=(node node/server.mjs)
  ;;
*)
  echo "usage: $0 go|node" >&2
  exit 2
  ;;
esac
program=${TEST_SERVER_BIN:-$bin/realtime-server}
[ -n "${TEST_SERVER_BIN:-}" ] || go build -o "$program" ../../cmd/realtime-server
server=("$program" --dev)

if [ -n "${ATTACH:-}" ]; then
  backend+=(--attach chat)
  server+=(--set backend.attach=chat)
else
  server+=(--backend localhost:50052)
fi

"${backend[@]}" --listen 127.0.0.1:50052 --realtime 127.0.0.1:50051 &
"${server[@]}" &
wait -n || true # the end of one is the end of both
