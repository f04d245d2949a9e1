#!/usr/bin/env bash
# Real servers from npm and PyPI, driven by real clients, directly and through the built proxy.
#   tests/real/run.sh PROXY [--direct] [DRIVER] [SERVER]
# Installs pinned versions into a folder outside the clone: ${XDG_CACHE_HOME:-~/.cache}/mcp-proxy-ci.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
proxy=$(realpath -e "$1")
shift
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mcp-proxy-ci
out=$cache/results
mkdir -p "$cache/npm" "$out"

# Node and pip bring certificates of their own; a machine behind a proxy has others besides.
certificates=/etc/ssl/certs/ca-certificates.crt
if [ -f "$certificates" ]; then
  export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-$certificates} PIP_CERT=${PIP_CERT:-$certificates}
fi

# The newer client SDK wants Node 20; where there is an older one, npm brings its own.
node=node
if [ "$(node -p 'Number(process.versions.node.split(".")[0])')" -lt 20 ]; then
  npm install --loglevel=error --no-audit --no-fund --prefix "$cache/node" node@22
  node=$cache/node/node_modules/node/bin/node
  PATH=$(dirname "$node"):$PATH # the servers are started by `env node`
  export PATH
fi
stamp=$(cat "$here/package.json" "$here/package-lock.json" "$here/requirements.txt" | sha256sum | cut -c1-16)
if [ "$(cat "$cache/stamp" 2>/dev/null || true)" != "$stamp" ]; then
  cp "$here/package.json" "$here/package-lock.json" "$cache/npm/"
  npm ci --loglevel=error --no-audit --no-fund --prefix "$cache/npm"
  rm -rf "$cache/venv"
  python3 -m venv "$cache/venv"
  "$cache/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  echo "$stamp" >"$cache/stamp"
fi
# An ES module finds its packages beside itself.
cp "$here/driver.mjs" "$cache/npm/driver.mjs"

direct=()
if [ "${1:-}" = --direct ]; then
  direct=(--direct)
  shift
fi
exec "$node" "$here/stage.mjs" "${direct[@]}" "$cache" "$proxy" "$out" "$@"
