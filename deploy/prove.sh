#!/bin/sh
# Runs the image's steps where no Docker daemon is: puts the root together with deploy/root.sh as the Dockerfile does, goes into
# it with namespaces of its own as Docker would, and does there what compose file and health check do.
#   deploy/prove.sh [BINARY] [CONFIG.json]
# Needs root, util-linux, and of Debian: curl, tini, ca-certificates. Listens in a network namespace of its own only.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
binary=${1:-$here/../target/release/mcp-proxy}
work=$(mktemp -d)
root=$work/root
server=
chroot=$(command -v chroot)
cleanup() {
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
say() { printf '%s\n' "-- $*"; }
fail() { printf '%s\n' "FAILED: $*" >&2; cat "$work/log" >&2 2>/dev/null || true; exit 1; }

say "the root, as the Dockerfile puts it together"
sh "$here/root.sh" "$binary" "$root"
mv "$root/home" "$work/home"
cp -R "$work/home/." "$root/"
chown -R 1000:1000 "$root/data" "$root/tmp"
find "$root" -type f -o -type l | sed "s|$root||" | sort
du -sh "$root" | cut -f1
[ ! -e "$root/bin/sh" ] && [ ! -e "$root/usr/bin/sh" ] || fail "there is a shell"

# What Docker adds: names of hosts, devices, /proc, and the mounts of the compose file.
mkdir -p "$root/proc" "$root/dev" "$root/app/credentials"
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n' > "$root/etc/hosts"
touch "$root/etc/resolv.conf" "$root/app/config.json" "$root/dev/null" "$root/dev/urandom"
config=$work/mcp-config.json
if [ -n "${2:-}" ]; then
    cp "$2" "$config"
else
    # The product paper's, with addresses that lead nowhere here.
    cat > "$config" <<'JSON'
{
  "proxy": { "name": "Production MCP Proxy", "transport": "http", "host": "0.0.0.0", "port": 8000, "log_level": "INFO" },
  "servers": {
    "weather": {
      "transport": "http",
      "url": "https://weather-api.example.com/mcp",
      "auth": {"type": "bearer", "token": "${WEATHER_API_KEY}"}
    },
    "database": {
      "transport": "http",
      "url": "http://db-server:8001/mcp",
      "auth": {"type": "basic", "credentials": "${DB_CREDENTIALS}"}
    }
  },
  "features": {
    "authentication": true,
    "rate_limiting": {"requests_per_minute": 1000},
    "monitoring": {"enable_metrics": true, "prometheus_endpoint": "/metrics"}
  }
}
JSON
fi
mkdir "$work/credentials"
printf '%s' key-of-the-weather > "$work/credentials/WEATHER_API_KEY"
printf '%s' user:password > "$work/credentials/DB_CREDENTIALS"
# As the first user of a machine keeps them: nobody else may read them.
chmod 700 "$work/credentials"
chmod 600 "$work/credentials/"*
chown -R 1000:1000 "$work/credentials"

say "the first process, as user 1000, on a root that cannot be written"
cat > "$work/enter" <<INNER
set -eu
ip link set lo up
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --bind /dev/null "$root/dev/null"
mount --bind /dev/urandom "$root/dev/urandom"
mount --bind "$config" "$root/app/config.json"
mount -o remount,bind,ro "$root/app/config.json"
mount --bind "$work/credentials" "$root/app/credentials"
mount -o remount,bind,ro "$root/app/credentials"
mount --bind "$root/data" "$root/data"
mount -t tmpfs tmpfs "$root/tmp"
mount -o remount,bind,ro "$root"
cd "$root/app"
exec env -i HOME=/data PATH=/usr/bin MCP_CONFIG_PATH=/app/config.json MCP_CREDENTIALS_PATH=/app/credentials \
    $(command -v chroot) --userspec=1000:1000 --groups=1000 "$root" /usr/bin/tini -- mcp-proxy serve --http
INNER
unshare --mount --net --pid --fork --kill-child sh "$work/enter" > "$work/out" 2> "$work/log" &
server=$!
inner() { cat "/proc/$server/task/$server/children" 2>/dev/null | tr -d ' '; }
inside() {
    nsenter --target "$(inner)" --mount --net --pid -- env -i HOME=/data PATH=/usr/bin MCP_CONFIG_PATH=/app/config.json \
        MCP_CREDENTIALS_PATH=/app/credentials "$chroot" --userspec=1000:1000 --groups=1000 "$root" "$@"
}
n=0
until inside /usr/bin/mcp-proxy health > "$work/health" 2> "$work/why"; do
    n=$((n + 1))
    [ "$n" -lt 100 ] && kill -0 "$server" 2>/dev/null || { cat "$work/why" >&2; fail "it does not come up"; }
    sleep 0.1
done
say "the image's own health check: $(cat "$work/health")"
say "the product paper's health check: curl -f http://localhost:8000/health"
inside /usr/bin/curl --silent --show-error -f http://localhost:8000/health || fail "curl"
say "ready"
inside /usr/bin/curl --silent http://localhost:8000/ready
say "the processes in there, and whose they are"
for p in $(nsenter --target "$(inner)" --mount --pid -- sh -c "ls $root/proc" | grep '^[0-9]*$'); do
    sed -n 's/^Name:/  &/p; s/^Uid:/  &/p' "/proc/$(inner)/root/proc/$p/status" 2>/dev/null | tr '\n' ' '
    echo
done
say "nothing can be written but /data and /tmp"
inside /usr/bin/curl --silent -o /app/x file:///etc/passwd 2>/dev/null && fail "/app can be written"
inside /usr/bin/curl --silent -o /data/x file:///etc/passwd || fail "/data cannot be written"
inside /usr/bin/curl --silent -o /tmp/x file:///etc/passwd || fail "/tmp cannot be written"
say "a changed configuration is followed (a mounted file keeps its inode)"
sed 's/Production MCP Proxy/Renamed/' "$config" > "$work/changed" && cat "$work/changed" > "$config"
n=0
until grep -q 'configuration reloaded' "$work/log"; do
    n=$((n + 1))
    [ "$n" -lt 100 ] || fail "the change was not seen"
    sleep 0.1
done
say "TERM, as docker stop sends it"
kill -TERM "$(inner)"
n=0
while kill -0 "$server" 2>/dev/null; do
    n=$((n + 1))
    [ "$n" -lt 100 ] || fail "it does not end"
    sleep 0.1
done
server=
[ ! -s "$work/out" ] || fail "something was written to stdout"
grep -e key-of-the-weather -e user:password "$work/log" && fail "a secret in the log"
say "its log"
cat "$work/log"
say "all of it worked"
