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
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mcp-proxy-ci
work=$cache/conformance
mkdir -p "$work"

# Node brings certificates of its own; a machine behind a proxy has others besides.
certificates=/etc/ssl/certs/ca-certificates.crt
if [ -f "$certificates" ]; then
  export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-$certificates}
fi

# The suite wants Node 22; where there is an older one, npm brings its own.
if [ "$(node -p 'Number(process.versions.node.split(".")[0])')" -lt 22 ]; then
  own=$cache/node/node_modules/node/bin
  [ -x "$own/node" ] || npm install --loglevel=error --no-audit --no-fund --prefix "$cache/node" node@22
  export PATH=$own:$PATH
fi
stamp=$(cat "$here/package.json" "$here/package-lock.json" | sha256sum | cut -c1-16)
if [ "$(cat "$work/stamp" 2>/dev/null || true)" != "$stamp" ]; then
  cp "$here/package.json" "$here/package-lock.json" "$work/"
  npm ci --loglevel=error --no-audit --no-fund --prefix "$work"
  echo "$stamp" >"$work/stamp"
fi
# An ES module finds its packages beside itself.
cp "$here"/*.mjs "$here"/*.json "$here"/reference/*.mjs "$work/"
exec node "$work/stage.mjs" "$proxy" "$cache/results/conformance" "$@"
