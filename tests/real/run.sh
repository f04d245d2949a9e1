#!/usr/bin/env bash
# Real servers from npm and PyPI, driven by real clients, directly and through the built proxy.
#   tests/real/run.sh PROXY [--direct] [DRIVER] [SERVER]
# Installs pinned versions into a folder outside the clone: ${XDG_CACHE_HOME:-~/.cache}/mcp-proxy-ci.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
proxy=$(realpath -e "$1")
shift
source "$here/../peers/install.sh"
# The newer client SDK wants a newer Node than some have; the servers are started by `env node`.
want_node
npm_folder "$here" "$cache/npm"
venv "$here/requirements.txt" "$cache/venv"
# An ES module finds its packages beside itself.
cp "$here/driver.mjs" "$cache/npm/driver.mjs"

out=$cache/results
direct=()
if [ "${1:-}" = --direct ]; then
  direct=(--direct)
  shift
fi
exec node "$here/stage.mjs" "${direct[@]}" "$cache" "$proxy" "$out" "$@"
