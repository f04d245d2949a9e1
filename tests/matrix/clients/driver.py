"""A client by the Python SDK: does the checks with one server, directly or through the proxy, and writes what it saw as JSON.

  python driver.py legacy|modern PLAN OUT

`legacy` is mcp 1.x, `modern` is mcp 2.x, which finds the era by itself. The plan and what is written are as in driver.mjs.
"""

import json
import sys
import warnings
from pathlib import Path

import anyio

warnings.simplefilter("ignore")
generation, plan_path, out_path = sys.argv[1:]
if generation == "legacy":
    from peer_legacy import connect
else:
    from peer_modern import connect

plan = json.loads(Path(plan_path).read_text())
FIELDS = {"name": "Ada", "color": "blue", "check": True, "interpretation": "snake"}
POLL_SECONDS = 0.02


class Heard:
    """What the client is asked and told, and how it answers. The peers call it."""

    def __init__(self) -> None:
        self.asked: list[dict] = []
        self.notices: list[dict] = []
        self.answer: str | None = None
        self.arrived = anyio.Event()

    def elicit(self, params: dict) -> dict:
        if params.get("mode") == "url":
            self.asked.append({"url": params["url"], "message": params["message"]})
            return {"action": self.answer or "accept"}
        fields = list(params["requestedSchema"]["properties"])
        self.asked.append({"form": params["message"], "fields": fields})
        if self.answer == "echo":
            return {"action": "accept", "content": {fields[0]: params["message"]}}
        if self.answer not in (None, "accept"):
            return {"action": self.answer}
        return {"action": "accept", "content": {field: FIELDS[field] for field in fields if field in FIELDS}}

    def sample(self, params: dict) -> dict:
        self.asked.append({"sampling": text_of(params["messages"][0]["content"]), "maxTokens": params["maxTokens"]})
        content = {"type": "text", "text": "as the model said"}
        return {"role": "assistant", "content": content, "model": "model", "stopReason": "endTurn"}

    def roots(self) -> dict:
        return {"roots": [{"uri": "file:///work/one", "name": "one"}]}

    def notify(self, notification: dict) -> None:
        self.notices.append(notification)
        self.arrived.set()
        self.arrived = anyio.Event()

    async def notice(self, method: str, start: int) -> dict:
        """Waits for a notification from the position `start` on. The limit of the check ends it."""
        while True:
            for said in self.notices[start:]:
                if said["method"] == method:
                    return said
            await self.arrived.wait()


def text_of(content) -> str:
    return (content[0] if isinstance(content, list) else content)["text"]


heard = Heard()


def named(name: str) -> str:
    return plan["prefix"] + name


def bare(name: str) -> str:
    prefix = plan["prefix"]
    return name[len(prefix) :] if name.startswith(prefix) else f"!{name}"


def shown(result: dict) -> dict:
    seen = {"text": text_of(result["content"])}
    return seen | {"isError": True} if result.get("isError") else seen


async def items(peer, kind: str) -> list[str]:
    found = await peer.items(kind)
    if kind in ("tools", "prompts"):
        return [bare(item["name"]) for item in found]
    return [item["uri" if kind == "resources" else "uriTemplate"] for item in found]


async def call(peer, tool: str, arguments: dict | None = None, **more) -> dict:
    return shown(await peer.call(named(tool), arguments or {}, **more))


async def lists(peer, check: dict) -> dict:
    return {kind: " ".join(sorted(await items(peer, kind))) for kind in ("tools", "prompts", "resources", "templates")}


async def do_call(peer, check: dict) -> dict:
    return await call(peer, check["tool"], check.get("arguments"))


async def read(peer, check: dict) -> dict:
    return {"text": (await peer.read("matrix://thing"))["contents"][0]["text"]}


async def at_once(peer, check: dict) -> dict:
    texts = [""] * len(check["tags"])

    async def one(i: int, tag: str) -> None:
        texts[i] = (await call(peer, check["tool"], {"tag": tag}))["text"]

    async with anyio.create_task_group() as group:
        for i, tag in enumerate(check["tags"]):
            group.start_soon(one, i, tag)
    return {"texts": texts}


async def prompt(peer, check: dict) -> dict:
    result = await peer.prompt(named(check["prompt"]))
    return {"text": text_of(result["messages"][0]["content"])}


async def updated(peer, check: dict) -> dict:
    async with peer.subscribed(check["uri"]):
        start = len(heard.notices)
        await call(peer, check["tool"])
        said = await heard.notice("notifications/resources/updated", start)
    return {"updated": said["params"]["uri"]}


async def changed(peer, check: dict) -> dict:
    kind = check["kind"]
    async with peer.listening(kind):
        start = len(heard.notices)
        await call(peer, check["tool"])
        # One of an earlier change may come late: the one that counts is followed by a list with what was added.
        while True:
            await heard.notice(f"notifications/{kind}/list_changed", start)
            start = len(heard.notices)
            if any(name.endswith("extra_1") for name in await items(peer, kind)):
                return {"told": True, "listed": True}


async def progress(peer, check: dict) -> dict:
    values: list[float] = []

    async def told(done, total, message) -> None:
        values.append(done)

    seen = await call(peer, check["tool"], progress=told)
    return seen | {"values": values, "increasing": all(a < b for a, b in zip(values, values[1:]))}


async def cancel(peer, check: dict) -> dict:
    ended = "cancelled" if await peer.cancelled_call(named(check["tool"])) else "answered"
    while "wait cancelled\n" not in Path(plan["ledger"]).read_text():
        await anyio.sleep(POLL_SECONDS)
    return {"ended": ended, "seen": True}


async def log(peer, check: dict) -> dict:
    start = len(heard.notices)
    seen = await peer.call_with_level(named(check["tool"]), check["level"])
    # By HTTP, lines and answer may come on two streams.
    while not any(said.get("params", {}).get("level") == "emergency" for said in heard.notices[start:]):
        await heard.notice("notifications/message", len(heard.notices))
    levels = [said["params"]["level"] for said in heard.notices[start:] if said["method"] == "notifications/message"]
    return shown(seen) | {"levels": levels}


async def everything(peer, check: dict) -> dict:
    tools = sorted(await items(peer, "tools"))

    async def content(name: str, arguments: dict) -> dict:
        return (await peer.call(named(name), arguments))["content"]

    # A server may add tools when it knows more of the client; one it does not list is not called.
    results = {name: await within(plan["limitMs"], content, name, args) for name, args, *_ in check["calls"] if name in tools}
    return {"tools": tools, "results": results}


DOING = {
    "lists": lists, "call": do_call, "read": read, "at once": at_once, "prompt": prompt, "updated": updated, "changed": changed,
    "progress": progress, "cancel": cancel, "log": log, "everything": everything,
}  # fmt: skip


def lines() -> list[str]:
    return Path(plan["ledger"]).read_text().split("\n")[:-1]


def ran(since: int) -> dict:
    """What ran since: name => [begun, finished]."""
    counts: dict[str, list[int]] = {}
    for line in lines()[since:]:
        name, what = line.split(" ")
        if what != "cancelled":
            counts.setdefault(name, [0, 0])[0 if what == "begun" else 1] += 1
    return counts


async def within(limit_ms: float, work, *args):
    try:
        with anyio.fail_after(limit_ms / 1000):
            return await work(*args)
    except TimeoutError:
        return {"error": "took too long"}
    except BaseExceptionGroup as group:
        return error_of(group.exceptions[0])
    except Exception as e:
        return error_of(e)


def error_of(e: BaseException) -> dict:
    if isinstance(e, BaseExceptionGroup):
        return error_of(e.exceptions[0])
    code = getattr(getattr(e, "error", None), "code", type(e).__name__)
    return {"error": code, "message": str(e)}


async def main() -> None:
    async with connect(plan, heard) as peer:
        seen: dict = {"era": peer.era}
        for check in plan["checks"]:
            heard.asked = []
            heard.answer = check.get("answer")
            since = len(lines())
            outcome = await within(check.get("limitMs", plan["limitMs"]), DOING[check["do"]], peer, check)
            seen[check["name"]] = outcome | {"asked": heard.asked, "ran": ran(since)}
        Path(out_path).write_text(json.dumps(seen, indent=1, ensure_ascii=False))


anyio.run(main)
