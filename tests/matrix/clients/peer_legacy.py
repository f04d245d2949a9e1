"""The Python SDK of the legacy era (mcp 1.x), as driver.py wants a peer."""

from contextlib import asynccontextmanager

import anyio
import mcp.types as types
from mcp import ClientSession, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from pydantic import AnyUrl

from peer import all_items, callbacks, plain


class Peer:
    era = "legacy"

    def __init__(self, session: ClientSession) -> None:
        self.session = session

    async def items(self, kind: str) -> list[dict]:
        return await all_items(
            self.session, kind, lambda fetch, cursor: fetch(params=types.PaginatedRequestParams(cursor=cursor))
        )

    async def call(self, name: str, arguments: dict, progress=None) -> dict:
        return plain(await self.session.call_tool(name, arguments, progress_callback=progress))

    async def call_with_level(self, name: str, level: str) -> dict:
        await self.session.set_logging_level(level)
        return await self.call(name, {})

    async def cancelled_call(self, name: str) -> bool:
        """Calls, and cancels with the first progress. This SDK leaves it to its user to say so."""
        with anyio.CancelScope() as scope:
            request_id = self.session._request_id

            async def told(done, total, message) -> None:
                scope.cancel()

            await self.session.call_tool(name, {}, progress_callback=told)
        if scope.cancelled_caught:
            params = types.CancelledNotificationParams(requestId=request_id, reason="enough")
            await self.session.send_notification(types.ClientNotification(types.CancelledNotification(params=params)))
        return scope.cancelled_caught

    async def read(self, uri: str) -> dict:
        return plain(await self.session.read_resource(AnyUrl(uri)))

    async def prompt(self, name: str) -> dict:
        return plain(await self.session.get_prompt(name, {}))

    @asynccontextmanager
    async def subscribed(self, uri: str):
        await self.session.subscribe_resource(AnyUrl(uri))
        yield
        await self.session.unsubscribe_resource(AnyUrl(uri))

    @asynccontextmanager
    async def listening(self, kind: str):
        yield  # A legacy client is told without asking.


@asynccontextmanager
async def connect(plan: dict, heard):
    async def hear(message) -> None:
        if isinstance(message, types.ServerNotification):
            heard.notify(plain(message.root))

    if plan["way"] == "http":
        transport = streamable_http_client(plan["url"])
    elif plan["way"] == "sse":
        transport = sse_client(plan["url"])
    else:
        transport = stdio_client(StdioServerParameters(command=plan["command"], args=plan["args"], env=plan["env"]))
    async with transport as (read_stream, write_stream, *_):
        session = ClientSession(read_stream, write_stream, message_handler=hear, **callbacks(types, heard))
        async with session:
            await session.initialize()
            yield Peer(session)
