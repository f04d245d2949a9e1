"""Drives one server by the Python SDK (mcp 2.x) and writes what it saw as JSON.

  python driver.py legacy|auto PLAN OUT

The plan and what is written are as in driver.mjs.
"""

import json
import sys
import warnings
from pathlib import Path

import anyio
import mcp_types as types
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError

warnings.simplefilter("ignore")
mode, plan_path, out_path = sys.argv[1:]
plan = json.loads(Path(plan_path).read_text())
prefix = plan["prefix"]
asked: list[dict] = []
notices: list[dict] = []
arrived = anyio.Event()
roots = [types.Root(uri="file:///work/one", name="one")]


def plain(value) -> dict:
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)


def ask(method: str, params) -> None:
    shown = plain(params) if params is not None else {}
    shown.pop("_meta", None)
    asked.append({"method": method, "params": shown})


async def elicit(context, params):
    ask("elicitation/create", params)
    return types.ElicitResult(action="accept", content={"name": "Ada", "check": True})


async def sample(context, params):
    ask("sampling/createMessage", params)
    text = types.TextContent(type="text", text="as the model said")
    return types.CreateMessageResult(role="assistant", content=text, model="model", stop_reason="endTurn")


async def list_roots(context):
    ask("roots/list", None)
    return types.ListRootsResult(roots=roots)


async def hear(message) -> None:
    global arrived
    if isinstance(message, Exception):
        return
    said = plain(message)
    said.get("params", {}).pop("_meta", None)
    notices.append({"method": said["method"], "params": said.get("params", {})})
    arrived.set()
    arrived = anyio.Event()


async def notice(method: str, start: int):
    with anyio.move_on_after(15):
        while True:
            for said in notices[start:]:
                if said["method"] == method:
                    return said["params"]
            await arrived.wait()
    return None


def named(name: str) -> str:
    return prefix + name


def bare(item: dict) -> dict:
    name = item["name"]
    return {**item, "name": name[len(prefix):] if name.startswith(prefix) else f"!{name}"}


async def attempt(work):
    try:
        return await work()
    except MCPError as e:
        message = e.error.message.replace(prefix, "") if prefix else e.error.message
        return {"thrown": {"code": e.error.code, "message": message}}
    except Exception as e:
        message = str(e).replace(prefix, "") if prefix else str(e)
        return {"thrown": {"code": type(e).__name__, "message": message}}


async def pages(fetch, key: str):
    items, cursor = [], None
    while True:
        page = plain(await fetch(cursor=cursor))
        items.extend(page[key])
        cursor = page.get("nextCursor")
        if cursor is None:
            return items


async def list_all(client, step):
    async def tools():
        return [bare(t) for t in await pages(client.list_tools, "tools")]

    async def prompts():
        return [bare(p) for p in await pages(client.list_prompts, "prompts")]

    return {
        "tools": await attempt(tools),
        "prompts": await attempt(prompts),
        "resources": await attempt(lambda: pages(client.list_resources, "resources")),
        "templates": await attempt(lambda: pages(client.list_resource_templates, "resourceTemplates")),
    }


async def call(client, step):
    # The modern edition tells only who listens.
    if "notice" in step and client.protocol_version >= "2026":
        async with client.listen(resources_list_changed=True):
            return await call_told(client, step)
    return await call_told(client, step)


async def call_told(client, step):
    told: list[dict] = []
    start = len(notices)

    async def progress(done, total, message):
        told.append({"progress": done, "total": total, "message": message})

    result = plain(
        await client.call_tool(
            named(step["name"]), step["arguments"], progress_callback=progress if step.get("progress") else None
        )
    )
    if "notice" in step:
        return {"result": result, "notice": await notice(step["notice"], start) is not None}
    return {"result": result, "told": told} if step.get("progress") else result


async def cancel(client, step):
    n = 0
    ended = "answered"
    with anyio.CancelScope() as scope:

        async def progress(done, total, message):
            nonlocal n
            n += 1
            if n == 2:
                scope.cancel()

        await client.call_tool(named(step["name"]), step["arguments"], progress_callback=progress)
    if scope.cancelled_caught:
        ended = "cancelled"
    return {"ended": ended, "progress": n >= 2}


async def read(client, step):
    return plain(await client.read_resource(step["uri"]))


async def prompt(client, step):
    return plain(await client.get_prompt(named(step["name"]), step["arguments"]))


async def complete(client, step):
    ref = step["ref"]
    if ref["type"] == "ref/prompt":
        target = types.PromptReference(type="ref/prompt", name=named(ref["name"]))
    else:
        target = types.ResourceTemplateReference(type="ref/resource", uri=ref["uri"])
    return plain(await client.complete(target, step["argument"]))


async def change_roots(client, step):
    roots[:] = [types.Root(uri="file:///work/one"), types.Root(uri="file:///work/two", name="two")]
    before = len(asked)
    await client.send_roots_list_changed()
    # Asked twice within a call or not at all would depend on who is faster: the question is waited for.
    with anyio.move_on_after(15):
        while len(asked) == before:
            await anyio.sleep(0.02)
    return {"asked": len(asked) > before}


async def level(client, step):
    return plain(await client.set_logging_level(step["level"]))


async def subscribe(client, step):
    start = len(notices)
    uri = step["uri"]
    if client.protocol_version >= "2026":
        async with client.listen(resource_subscriptions=[uri]):
            return await updates(client, step, start)
    await client.subscribe_resource(uri)
    return await updates(client, step, start)


async def updates(client, step, start):
    message = await notice(step["notice"], start) if "notice" in step else None
    if "updates" not in step:
        return {"subscribed": True}
    await client.call_tool(named(step["updates"]), {})
    updated = await notice("notifications/resources/updated", start)
    await client.call_tool(named(step["updates"]), {})
    return {"message": message, "updated": updated}


STEPS = {
    "list": list_all, "call": call, "cancel": cancel, "read": read, "prompt": prompt, "complete": complete,
    "roots": change_roots, "level": level, "subscribe": subscribe,
}


async def main() -> None:
    server = StdioServerParameters(command=plan["command"], args=plan["args"], env=plan["env"])
    seen = []
    async with Client(
        server,
        mode=mode,
        elicitation_callback=elicit,
        sampling_callback=sample,
        list_roots_callback=list_roots,
        message_handler=hear,
        client_info=types.Implementation(name="driver", version="1.0.0"),
    ) as client:
        for i, step in enumerate(plan["steps"]):
            before = len(asked)
            outcome = await attempt(lambda: STEPS[step["do"]](client, step))
            label = step.get("name") or step.get("uri") or step.get("level") or ""
            seen.append({"step": f"{i} {step['do']} {label}".strip(), "outcome": outcome, "asked": asked[before:]})
    Path(out_path).write_text(json.dumps(seen, indent=1, ensure_ascii=False))


anyio.run(main)
