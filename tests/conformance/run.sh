#!/usr/bin/env bash
# The official conformance suite, against a reference server directly and through the built proxy.
#   tests/conformance/run.sh PROXY [--direct] [--only REGEX]
#   --direct      without the proxy: is the reference server still right?
#   --only REGEX  only runs whose name (see the table) matches, for instance '2026.*stdio'
# Installs pinned versions into a folder outside the clone: ${XDG_CACHE_HOME:-~/.cache}/mcp-proxy-ci.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
proxy=$(realpath -e "$1")
shift
source "$here/../peers/install.sh"
work=$cache/conformance
# The suite wants Node 22.
want_node
npm_folder "$here" "$work"
# An ES module finds its packages beside itself.
cp "$here"/*.mjs "$here"/*.json "$here"/reference/*.mjs "$here"/../peers/*.mjs "$work/"
exec node "$work/stage.mjs" "$proxy" "$cache/results/conformance" "$@"
