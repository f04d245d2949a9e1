#!/usr/bin/env python3
"""Writes deploy/start.ld: which functions a start runs, for the linker to lay side by side.

    cargo build --release && python3 deploy/start.py target/release/mcp-proxy > deploy/start.ld

Runs the program as desktop clients do (`serve --stdio`, servers as programs), then as a shared endpoint (`serve --http`, one server by
URL), under `valgrind --tool=callgrind`, and takes the functions that ran. Functions are named by the path of their names without the
hash at the end, so that the list outlives a rebuild; a name that is gone does no harm, one that is new lies among the rest until this
is run again. Needs valgrind and nm, and a binary with its symbols.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

# A path is taken as a whole when this much of its code ran; else its parts are looked at.
WHOLE = 0.85
# Functions of one name, one for each type they were made for: left out when less than this ran of so many bytes.
RARE, LARGE = 0.1, 48_000

# Of both eras.
SERVERS = "".join(f"  m{i}: {{ command: {{program}}, args: [demo-server, {kind}] }}\n"
                  for i, kind in enumerate(["tools", "library", "asker"]))
SERVERS += "".join(f"  l{i}: {{ command: {sys.executable}, args: [{os.path.abspath(__file__)}, --server] }}\n" for i in range(7))


def message(method, id=None, **params):
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params} | ({"id": id} if id is not None else {}))


HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "start", "version": "1"}}


def server():
    """A server of the legacy era, on stdin and stdout."""
    schema = {"type": "object", "properties": {"text": {"type": "string", "description": "What is said"}}}
    tools = [{"name": f"echo{i}", "description": "Says what is said", "inputSchema": schema} for i in range(28)]
    for line in sys.stdin:
        asked = json.loads(line)
        answer = {"jsonrpc": "2.0", "id": asked.get("id")}
        match asked["method"]:
            case "initialize":
                told = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {"listChanged": True}},
                        "serverInfo": {"name": "legacy", "version": "1"}}
                answer["result"] = told
            case "tools/list":
                answer["result"] = {"tools": tools}
            case "tools/call":
                answer["result"] = {"content": [{"type": "text", "text": asked["params"]["arguments"]["text"]}]}
            case _:
                answer["error"] = {"code": -32601, "message": "Method not found"}
        if "id" in asked:
            print(json.dumps(answer), flush=True)


class Run:
    """The program under valgrind; `ran` are the functions."""

    def __init__(self, program, home, config, *args):
        self.out = tempfile.mkdtemp(dir=home)
        path = os.path.join(self.out, "config.yaml")
        with open(path, "w") as f:
            f.write(config.replace("{program}", program))
        valgrind = ["valgrind", "--tool=callgrind", "--demangle=no", "--trace-children=yes",
                    "--trace-children-skip-by-arg=*demo-server*,*--server*", f"--callgrind-out-file={self.out}/%p", "-q"]
        self.process = subprocess.Popen(
            [*valgrind, program, "serve", "--config", path, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env={**os.environ, "HOME": home, "XDG_RUNTIME_DIR": home})

    def ask(self, method, id, **params):
        self.process.stdin.write((message(method, id, **params) + "\n").encode())
        self.process.stdin.flush()
        while (got := json.loads(self.process.stdout.readline())).get("id") != id or "method" in got:
            pass
        return got["result"]

    def end(self):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait(120)
        ran = set()
        os.remove(os.path.join(self.out, "config.yaml"))
        for name in os.listdir(self.out):
            with open(os.path.join(self.out, name)) as f:
                ran |= {m[1].split("'")[0] for line in f if (m := re.match(r"c?fn=\(\d+\) (\S+)", line))}
        return ran


def by_stdio(program, home):
    config = "servers:\n" + SERVERS
    ran = set()
    # The second time there is a catalog.
    for _ in range(2):
        run = Run(program, home, config, "--stdio")
        run.ask("initialize", 1, **HELLO)
        run.process.stdin.write((message("notifications/initialized") + "\n").encode())
        names = [t["name"] for t in run.ask("tools/list", 2)["tools"]]
        run.ask("resources/list", 3)
        run.ask("prompts/list", 4)
        tools = [(next(n for n in names if n.endswith("add")), {"a": 1, "b": 2}),
                 (next(n for n in names if n.endswith("echo7")), {"text": 'so "it" is'})]
        for i in range(5, 60):
            name, arguments = tools[i % 2]
            run.ask("tools/call", i, name=name, arguments=arguments)
        time.sleep(3)
        ran |= run.end()
    return ran


def by_http(program, home):
    back = Run(program, home, "servers:\n" + SERVERS, "--http", "--port", "18461")
    front = Run(program, home, "servers:\n  far: { url: 'http://127.0.0.1:18461/mcp' }\n", "--http", "--port", "18462")

    def post(body, headers):
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream", **headers}
        request = urllib.request.Request("http://127.0.0.1:18462/mcp", body.encode(), headers)
        return urllib.request.urlopen(request, timeout=60)

    while True:
        try:
            session = {"mcp-session-id": post(message("initialize", 1, **HELLO), {}).headers["mcp-session-id"]}
            break
        except urllib.error.URLError:
            if front.process.poll() is not None:
                sys.exit("it does not serve HTTP")
            time.sleep(0.1)
    post(message("notifications/initialized"), session)
    events = {"accept": "text/event-stream", **session}
    stream = urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:18462/mcp", headers=events), timeout=60)
    while not (names := re.findall(r'"name":"([a-z0-9_]*add)"', post(message("tools/list", 2), session).read().decode())):
        time.sleep(0.1)
    for i in range(3, 40):
        post(message("tools/call", i, name=names[0], arguments={"a": i, "b": 1}), session).read()
    time.sleep(3)
    stream.close()
    return front.end() | back.end()


def parts(name):
    """The path of a name, each part with its length, and whether it had a hash."""
    if not name.startswith("_ZN"):
        return [re.sub(r"Cs[0-9A-Za-z]+_", "Cs*_", name)], False
    found, at = [], 3
    while at < len(name) and name[at].isdigit():
        length = re.match(r"\d+", name[at:])[0]
        found.append(name[at:at + len(length) + int(length)])
        at += len(length) + int(length)
    hashed = bool(found) and bool(re.fullmatch("17h[0-9a-f]{16}", found[-1]))
    return ["_ZN" + found[0], *found[1:-1]] if hashed and len(found) > 1 else [name], hashed


class Path:
    """What lies under a path: bytes, how many of them ran, and whether functions are named exactly so."""

    def __init__(self):
        self.below, self.n_bytes, self.n_ran, self.named = {}, 0, 0, None

    def add(self, path, hashed, n_bytes, ran):
        self.n_bytes += n_bytes
        self.n_ran += n_bytes * ran
        if path:
            self.below.setdefault(path[0], Path()).add(path[1:], hashed, n_bytes, ran)
        else:
            self.named = hashed

    def patterns(self, name):
        """Each with how much of it ran."""
        share = self.n_ran / self.n_bytes if self.n_bytes else 0
        if not self.n_ran or (not self.below and self.n_bytes > LARGE and share < RARE):
            return
        if name and self.below and share >= WHOLE:
            yield share, name + "*"
            return
        if self.named is not None:
            yield share, name + ("17h*" if self.named else "")
        for part, below in self.below.items():
            yield from below.patterns(name + part)


def main():
    if sys.argv[1:] == ["--server"]:
        return server()
    program = os.path.abspath(sys.argv[1])
    sizes = {}
    for line in subprocess.run(["nm", "-S", program], capture_output=True, text=True, check=True).stdout.splitlines():
        words = line.split()
        if len(words) == 4 and words[2] in "tTwW":
            sizes[words[3]] = int(words[1], 16)
    print("/* Made by deploy/start.py. Functions that a start runs lie side by side: of the rest nothing is loaded. */")
    print("SECTIONS {\n  .text.start : {")
    seen = set()
    for way in (by_stdio, by_http):
        with tempfile.TemporaryDirectory() as home:
            ran = way(program, home)
        root = Path()
        for name, n_bytes in sizes.items():
            root.add(*parts(name), n_bytes, name in ran)
        # What ran as a whole first: what did not lies at the end.
        for _, pattern in sorted(root.patterns(""), key=lambda found: (-round(found[0], 1), found[1])):
            if pattern not in seen:
                seen.add(pattern)
                print(f"    *(.text*.{pattern})")
    print("  }\n} INSERT BEFORE .text;")


main()
