"""The server of the modern era by the Python SDK (mcp 2.x); it refuses the legacy era.

  python server_modern.py stdio | http PORT
"""

import json
import sys
import warnings

import anyio
import mcp_types as types
import uvicorn
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.server.subscriptions import (
    InMemorySubscriptionBus, ListenHandler, PromptsListChanged, ResourcesListChanged, ResourceUpdated, ToolsListChanged,
)  # fmt: skip
from mcp.shared.exceptions import MCPError

from features import FEATURES, LEVELS, RESOURCE, digest, extras, list_prompts, list_resources, list_tools, note, offered, questions, work

warnings.simplefilter("ignore")
bus = InMemorySubscriptionBus()
UNSUPPORTED_VERSION = -32022
MODERN = "2026-07-28"


def text(words: str, **more) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=words)], **more)


def ask(rounds: list, params) -> types.InputRequiredResult | str:
    """The next questions, or what all answers were. The state has the answers of the rounds before."""
    state = json.loads(params.request_state) if params.request_state else {"n": -1, "answers": {}}
    n, answers = state["n"], state["answers"]
    if n >= 0:
        given = params.input_responses or {}
        if set(rounds[n]) - set(given):
            raise MCPError(types.INVALID_PARAMS, "an answer is missing")
        answers |= {key: plain(given[key]) for key in rounds[n]}
    if n + 1 == len(rounds):
        return digest(answers)
    return types.InputRequiredResult.model_validate({
        "inputRequests": questions(rounds[n + 1], params.arguments or {}),
        "requestState": json.dumps({"n": n + 1, "answers": answers}),
    })  # fmt: skip


def plain(value) -> dict:
    return value if isinstance(value, dict) else value.model_dump(mode="json", by_alias=True, exclude_none=True)


async def progress(ctx, values: list) -> None:
    for value in values:
        await ctx.session.report_progress(value, 3)
        await work()


async def add(ctx, arguments: dict) -> types.CallToolResult:
    return text(f"{arguments['a'] + arguments['b']:g}")


async def fails(ctx, arguments: dict) -> types.CallToolResult:
    return text("it fails", is_error=True)


async def wait(ctx, arguments: dict) -> types.CallToolResult:
    try:
        await progress(ctx, [1])
        await anyio.sleep_forever()
    finally:
        note("wait cancelled")


async def log(ctx, arguments: dict) -> types.CallToolResult:
    for level in LEVELS:
        await ctx.session.send_log_message(level, f"at {level}")
    return text("logged")


async def touch(ctx, arguments: dict) -> types.CallToolResult:
    await bus.publish(ResourceUpdated(uri=RESOURCE["uri"]))
    return text("touched")


def change(kind: str, event):
    async def changed(ctx, arguments: dict) -> types.CallToolResult:
        extras[kind] += 1
        await bus.publish(event())
        return text("changed")

    return changed


TOOLS = {
    "add": add, "fails": fails, "wait": wait, "log": log, "touch": touch,
    "change_tools": change("tools", ToolsListChanged),
    "change_prompts": change("prompts", PromptsListChanged),
    "change_resources": change("resources", ResourcesListChanged),
}  # fmt: skip


async def call(ctx, params: types.CallToolRequestParams):
    name = params.name
    found = offered("modern").get(name)
    if found is None:
        raise MCPError(types.INVALID_PARAMS, f"there is no tool {name}")
    if params.request_state is None:
        note(f"{name} begun")
    await progress(ctx, found.get("progress", [])[:-1])
    if "rounds" in found:
        answer = ask(found["rounds"], params)
        if isinstance(answer, types.InputRequiredResult):
            return answer
        answer = text(answer)
    else:
        answer = text("done") if "progress" in found else await TOOLS[name](ctx, params.arguments or {})
    await progress(ctx, found.get("progress", [])[-1:])
    note(f"{name} finished")
    return answer


async def get(ctx, params: types.GetPromptRequestParams):
    found = FEATURES["prompts"][params.name]
    if params.request_state is None:
        note(f"{params.name} begun")
    words = ask(found["rounds"], params) if "rounds" in found else "plain"
    if isinstance(words, types.InputRequiredResult):
        return words
    note(f"{params.name} finished")
    content = types.TextContent(type="text", text=words)
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=content)])


async def tools(ctx, params) -> types.ListToolsResult:
    return types.ListToolsResult.model_validate({"tools": list_tools("modern")})


async def prompts(ctx, params) -> types.ListPromptsResult:
    return types.ListPromptsResult.model_validate({"prompts": list_prompts()})


async def resources(ctx, params) -> types.ListResourcesResult:
    return types.ListResourcesResult.model_validate({"resources": list_resources()})


async def templates(ctx, params) -> types.ListResourceTemplatesResult:
    return types.ListResourceTemplatesResult(resource_templates=[])


async def read(ctx, params) -> types.ReadResourceResult:
    return types.ReadResourceResult(contents=[types.TextResourceContents(uri=params.uri, text="a thing")])


async def level(ctx, params) -> types.EmptyResult:
    # Only so that the capability is declared: the modern era has no such request.
    return types.EmptyResult()


async def only_modern(ctx, call_next):
    if ctx.method == "initialize":
        wanted = (ctx.params or {}).get("protocolVersion")
        raise MCPError(UNSUPPORTED_VERSION, "Unsupported protocol version", {"supported": [MODERN], "requested": wanted})
    return await call_next(ctx)


server = Server(
    "matrix", version="1.0.0",
    on_list_tools=tools, on_call_tool=call, on_list_prompts=prompts, on_get_prompt=get, on_list_resources=resources,
    on_list_resource_templates=templates, on_read_resource=read, on_set_logging_level=level,
    on_subscriptions_listen=ListenHandler(bus),
)  # fmt: skip
server.middleware.append(only_modern)


async def stdio() -> None:
    async with stdio_server() as (read_stream, write_stream):
        await server.run(read_stream, write_stream, server.create_initialization_options())


if sys.argv[1] == "stdio":
    anyio.run(stdio)
else:
    uvicorn.run(server.streamable_http_app(), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
