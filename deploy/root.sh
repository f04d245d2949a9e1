#!/bin/sh
# Puts together what the image holds, and nothing else: no shell, no package manager.
#   deploy/root.sh BINARY DIRECTORY
# Run while the image is built; also by deploy/prove.sh. Needs `curl`, `tini` and `ca-certificates` of Debian installed.
set -eu
binary=$1
root=$2

# A program, and the libraries it is linked with, each where the loader looks for it.
put() {
    program=$1
    to=$2
    mkdir -p "$root$(dirname "$to")"
    cp -L "$program" "$root$to"
    # A static program has none: `ldd` says so and fails.
    ldd "$program" 2>/dev/null | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p' |
        while read -r library; do
            mkdir -p "$root$(dirname "$library")"
            cp -L "$library" "$root$library"
        done
}

mkdir -p "$root/etc/ssl/certs" "$root/app" "$root/home/data/.config" "$root/home/tmp"
put "$binary" /usr/bin/mcp-proxy
# What health checks written for other images call.
put /usr/bin/curl /usr/bin/curl
# The first process of a container has to wait for the orphans of all others.
put /usr/bin/tini-static /usr/bin/tini
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
# Names: the user, and where to look for hosts. glibc 2.34 and later need no library for either.
echo 'mcp-proxy:x:1000:1000::/data:/usr/sbin/nologin' > "$root/etc/passwd"
echo 'mcp-proxy:x:1000:' > "$root/etc/group"
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
chmod 1777 "$root/home/tmp"
