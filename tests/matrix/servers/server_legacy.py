"""The server of the legacy era by the Python SDK (mcp 1.x).

  python server_legacy.py stdio | http PORT       HTTP: Streamable at /mcp, HTTP+SSE at /sse
"""

import contextlib
import sys
import uuid
import weakref

import anyio
import mcp.types as types
import uvicorn
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.sse import SseServerTransport
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import McpError, UrlElicitationRequiredError
from mcp.shared.message import ServerMessageMetadata
from pydantic import AnyUrl
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount, Route

from features import LEVELS, RESOURCE, digest, extras, list_prompts, list_resources, list_tools, note, offered, questions, work
from features import FEATURES

server = Server("matrix", version="1.0.0")
ANSWERS = {
    "elicitation/create": (types.ElicitRequest, types.ElicitResult),
    "sampling/createMessage": (types.CreateMessageRequest, types.CreateMessageResult),
    "roots/list": (types.ListRootsRequest, types.ListRootsResult),
}
# All that have called or listed, with what they subscribe to and their level.
sessions: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
was_sent_away = False


def here() -> dict:
    return sessions.setdefault(server.request_context.session, {"uris": set(), "level": "debug"})


def text(words: str, **more) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=words)], **more)


async def ask(rounds: list, arguments: dict) -> str:
    """Asks round after round; what is asked in one round is asked at once."""
    context = server.request_context
    answers = {}

    async def one(key: str, request: dict) -> None:
        kind, result = ANSWERS[request["method"]]
        given = await context.session.send_request(
            types.ServerRequest(kind.model_validate(request)),
            result,
            metadata=ServerMessageMetadata(related_request_id=context.request_id),
        )
        answers[key] = given.model_dump(mode="json", by_alias=True, exclude_none=True)

    for asked in rounds:
        async with anyio.create_task_group() as group:
            for key, request in questions(asked, arguments, elicitationId=str(uuid.uuid4())).items():
                group.start_soon(one, key, request)
    return digest(answers)


async def progress(values: list) -> None:
    context = server.request_context
    token = context.meta.progressToken if context.meta else None
    if token is None:
        return
    for value in values:
        await context.session.send_progress_notification(token, value, 3, related_request_id=str(context.request_id))
        await work()


async def wait(arguments: dict) -> types.CallToolResult:
    try:
        await progress([1])
        await anyio.sleep_forever()
    finally:
        note("wait cancelled")


async def log(arguments: dict) -> types.CallToolResult:
    context = server.request_context
    for level in LEVELS[LEVELS.index(here()["level"]) :]:
        await context.session.send_log_message(level, f"at {level}", related_request_id=context.request_id)
    return text("logged")


async def page_first(arguments: dict) -> types.CallToolResult:
    global was_sent_away
    if was_sent_away:
        return text("seen")
    was_sent_away = True
    page = types.ElicitRequestURLParams(
        mode="url", url="https://example.com/first", message="Look here first", elicitationId=str(uuid.uuid4())
    )
    raise UrlElicitationRequiredError([page])


async def add(arguments: dict) -> types.CallToolResult:
    return text(f"{arguments['a'] + arguments['b']:g}")


async def fails(arguments: dict) -> types.CallToolResult:
    return text("it fails", isError=True)


async def touch(arguments: dict) -> types.CallToolResult:
    for session, of in list(sessions.items()):
        if RESOURCE["uri"] in of["uris"]:
            await session.send_resource_updated(AnyUrl(RESOURCE["uri"]))
    return text("touched")


def change(kind: str, tell: str):
    async def changed(arguments: dict) -> types.CallToolResult:
        extras[kind] += 1
        for session in list(sessions):
            await getattr(session, tell)()
        return text("changed")

    return changed


TOOLS = {
    "add": add, "fails": fails, "page_first": page_first, "wait": wait, "log": log, "touch": touch,
    "change_tools": change("tools", "send_tool_list_changed"),
    "change_prompts": change("prompts", "send_prompt_list_changed"),
    "change_resources": change("resources", "send_resource_list_changed"),
}  # fmt: skip


@server.call_tool(validate_input=False)
async def call(name: str, arguments: dict) -> types.CallToolResult:
    here()
    found = offered("legacy").get(name)
    if found is None:
        raise McpError(types.ErrorData(code=types.INVALID_PARAMS, message=f"there is no tool {name}"))
    note(f"{name} begun")
    await progress(found.get("progress", [])[:-1])
    if "rounds" in found:
        answer = text(await ask(found["rounds"], arguments))
    else:
        answer = text("done") if "progress" in found else await TOOLS[name](arguments)
    await progress(found.get("progress", [])[-1:])
    note(f"{name} finished")
    return answer


@server.get_prompt()
async def get(name: str, arguments: dict | None) -> types.GetPromptResult:
    found = FEATURES["prompts"][name]
    note(f"{name} begun")
    words = await ask(found["rounds"], arguments or {}) if "rounds" in found else "plain"
    note(f"{name} finished")
    content = types.TextContent(type="text", text=words)
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=content)])


@server.list_tools()
async def tools() -> list[types.Tool]:
    here()
    return [types.Tool.model_validate(tool) for tool in list_tools("legacy")]


@server.list_prompts()
async def prompts() -> list[types.Prompt]:
    return [types.Prompt.model_validate(prompt) for prompt in list_prompts()]


@server.list_resources()
async def resources() -> list[types.Resource]:
    return [types.Resource.model_validate(resource) for resource in list_resources()]


@server.list_resource_templates()
async def templates() -> list[types.ResourceTemplate]:
    return []


@server.read_resource()
async def read(uri: AnyUrl) -> str:
    return "a thing"


@server.subscribe_resource()
async def subscribe(uri: AnyUrl) -> None:
    here()["uris"].add(str(uri))


@server.unsubscribe_resource()
async def unsubscribe(uri: AnyUrl) -> None:
    here()["uris"].discard(str(uri))


@server.set_logging_level()
async def set_level(level: types.LoggingLevel) -> None:
    here()["level"] = level


OPTIONS = server.create_initialization_options(
    NotificationOptions(prompts_changed=True, resources_changed=True, tools_changed=True)
)
# The manager asks the server for its options by itself.
server.create_initialization_options = lambda: OPTIONS


async def stdio() -> None:
    async with stdio_server() as (read_stream, write_stream):
        await server.run(read_stream, write_stream, OPTIONS)


def http(port: int) -> None:
    manager = StreamableHTTPSessionManager(server)
    sse = SseServerTransport("/messages/")

    async def listen(request):
        async with sse.connect_sse(request.scope, request.receive, request._send) as (read_stream, write_stream):
            await server.run(read_stream, write_stream, OPTIONS)
        return Response()

    @contextlib.asynccontextmanager
    async def lifespan(app):
        async with manager.run():
            yield

    class Streamable:
        async def __call__(self, scope, receive, send):
            await manager.handle_request(scope, receive, send)

    routes = [Route("/mcp", Streamable()), Route("/sse", listen), Mount("/messages/", app=sse.handle_post_message)]
    uvicorn.run(Starlette(routes=routes, lifespan=lifespan), host="127.0.0.1", port=port, log_level="warning")


if sys.argv[1] == "stdio":
    anyio.run(stdio)
else:
    http(int(sys.argv[2]))
