# What the stages with real peers need, installed outside the clone. To be sourced by their run.sh.
# Sets `cache`, the folder for all of it: ${XDG_CACHE_HOME:-~/.cache}/mcp-proxy-ci.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mcp-proxy-ci
mkdir -p "$cache"

# Node and pip bring certificates of their own; a machine behind a proxy has others besides.
certificates=/etc/ssl/certs/ca-certificates.crt
if [ -f "$certificates" ]; then
  export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-$certificates} PIP_CERT=${PIP_CERT:-$certificates}
fi

# want_node: puts Node 22 first on PATH, which the conformance suite wants; where there is an older one, npm brings its own.
want_node() {
  [ "$(node -p 'Number(process.versions.node.split(".")[0])')" -lt 22 ] || return 0
  local own=$cache/node/node_modules/node/bin
  [ -x "$own/node" ] || npm install --loglevel=error --no-audit --no-fund --prefix "$cache/node" node@22
  export PATH=$own:$PATH
}

# kept FOLDER FILE...: whether what FILEs name is in FOLDER already; if not, `keep FOLDER FILE...` says so later.
kept() {
  local folder=$1
  shift
  [ "$(cat "$folder/stamp" 2>/dev/null || true)" = "$(cat "$@" | sha256sum)" ]
}
keep() {
  local folder=$1
  shift
  cat "$@" | sha256sum >"$folder/stamp"
}

# npm_folder SOURCE FOLDER: the packages that SOURCE/package-lock.json pins, in FOLDER/node_modules.
npm_folder() {
  local files=("$1/package.json" "$1/package-lock.json")
  kept "$2" "${files[@]}" && return
  mkdir -p "$2"
  cp "${files[@]}" "$2/"
  npm ci --loglevel=error --no-audit --no-fund --prefix "$2"
  keep "$2" "${files[@]}"
}

# venv REQUIREMENTS FOLDER: a Python with what REQUIREMENTS pins.
venv() {
  kept "$2" "$1" && return
  rm -rf "$2"
  python3 -m venv "$2"
  "$2/bin/pip" install --quiet --disable-pip-version-check -r "$1"
  keep "$2" "$1"
}
