#!/usr/bin/env bash
# The terminal in tmux before real servers from npm and PyPI, as people keep it open: traffic appears, an edit of the file is taken
# over, a killed server shows its card and comes again, a tool is hidden for good, and the shell has its screen back. At the end the
# official MCP Inspector is connected by `mcp-proxy inspector --run`.
#   tests/real/terminal.sh PROXY
# Skipped, with a word, only where there is no tmux.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
proxy=$(realpath -e "$1")
command -v tmux >/dev/null || {
  echo "skipped: there is no tmux (Debian: apt-get install tmux)"
  exit 0
}
source "$here/../peers/install.sh"
want_node
npm_folder "$here" "$cache/npm"
venv "$here/requirements.txt" "$cache/venv"

world=$(mktemp -d)
socket=$world/tmux
pane() { tmux -S "$socket" "$@"; }
trap 'pane kill-server 2>/dev/null || true; rm -rf "$world"' EXIT
mkdir -p "$world/home" "$world/run" "$world/files"
echo "a file to be read" >"$world/files/note.txt"
bin=$cache/npm/node_modules/.bin
cat >"$world/config.yaml" <<YAML
version: 1
proxy: { env: { path_from_login_shell: false } }
servers:
  everything:
    command: $bin/mcp-server-everything
  files:
    command: $bin/mcp-server-filesystem
    args: [$world/files]
  time:
    command: $cache/venv/bin/mcp-server-time
YAML

screen() { pane capture-pane -p; }
# shows TEXT: waits until the pane has it.
shows() {
  local n
  for n in $(seq 300); do
    screen | grep -qF -- "$1" && return 0
    read -rt 0.1 <> <(:) || true
  done
  echo "there never was '$1' on the screen:"
  screen
  exit 1
}
gone() {
  local n
  for n in $(seq 300); do
    screen | grep -qF -- "$1" || return 0
    read -rt 0.1 <> <(:) || true
  done
  echo "'$1' stayed on the screen:"
  screen
  exit 1
}
types() { pane send-keys -l -- "$1"; }
key() { pane send-keys "$1"; }

environment="PATH=$PATH HOME=$world/home XDG_RUNTIME_DIR=$world/run LANG=C.UTF-8 TERM=screen-256color PS1='ready> '"
pane -f /dev/null new-session -d -x 120 -y 40 "env -i $environment sh"
shows 'ready>'
types "$proxy tui --config $world/config.yaml"
key Enter
shows '3/3 ready'

# Traffic: a tool of a real server by its form, read as text, and found in Inspect.
types 3
shows 'everything__echo'
types '/timget'
shows 'time__get_current_time'
key Enter
key Enter
shows 'Call time__get_current_time'
types 'Europe/Berlin'
key Enter
shows 'answered in'
shows 'Europe/Berlin'
key Escape
key Escape
types 2
shows 'tools/call'
shows 'time__get_current_time'

# A tool is hidden for good: the file says so, and clients see it no more.
types 3
types '/everything__echo'
key Enter
types u
shows 'Hide `everything__echo` for good?'
types y
shows 'hidden'
grep -q 'echo' "$world/config.yaml"
shows '3/3 ready'
key Escape

# A killed server shows its card, and comes again.
types 1
shows 'health 60 min'
types j
shows "$world/files"
pid=$(screen | grep -o 'pid [0-9]*' | head -1 | cut -d' ' -f2)
kill -9 "$pid"
shows 'signal 9'
shows '3/3 ready'

# An edit of the file is taken over; the others stay.
sed -i 's/^  time:/  clock:/' "$world/config.yaml"
shows 'clock'
shows '3/3 ready'

# Any size.
pane resize-window -x 80 -y 24
gone 'KIND'
pane resize-window -x 200 -y 60
shows 'KIND'

types Q
shows 'ready>'
gone 'health 60 min'
[ "$(pane display-message -p '#{alternate_on}')" = 0 ]
echo "the terminal before real servers: well"

# The official Inspector, by its face for scripts.
listed=$(env HOME="$world/home" XDG_RUNTIME_DIR="$world/run" "$proxy" --config "$world/config.yaml" inspector --run --mode cli -- --method tools/list)
grep -q '"files__read_text_file"' <<<"$listed"
grep -q '"everything__echo"' <<<"$listed" && {
  echo "a hidden tool is listed"
  exit 1
}
echo "the MCP Inspector: $(grep -c '"name": "[a-z]*__' <<<"$listed") tools"
