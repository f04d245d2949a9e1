#!/usr/bin/env bash
# The matrix of eras: real SDK clients of both eras with real SDK servers of both, through the built proxy.
#   tests/matrix/run.sh PROXY [--all] [--only REGEX]
#   --all         every way in front with every way behind, not only those of the table in README.md
#   --only REGEX  only cells whose name (see the table) matches, for instance 'py-2.* stdio'
# Installs pinned versions into a folder outside the clone: ${XDG_CACHE_HOME:-~/.cache}/mcp-proxy-ci.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
proxy=$(realpath -e "$1")
shift
source "$here/../peers/install.sh"
want_node
npm_folder "$here" "$cache/matrix"
# mcp 2.x is the one of the real servers.
venv "$here/../real/requirements.txt" "$cache/venv"
venv "$here/requirements.txt" "$cache/venv-1"
# An ES module finds its packages beside itself.
cp "$here"/*.mjs "$here"/*.json "$here"/{servers,clients}/* "$here"/../peers/*.mjs "$cache/matrix/"
exec node "$cache/matrix/stage.mjs" "$cache" "$proxy" "$cache/results/matrix" "$@"
