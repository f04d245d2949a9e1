"""The Python SDK of the modern era (mcp 2.x), as driver.py wants a peer."""

from contextlib import asynccontextmanager

import anyio
import mcp_types as types
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from peer import all_items, callbacks, plain

MODERN = "2026"
LOG_LEVEL = "io.modelcontextprotocol/logLevel"


class Peer:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.era = "modern" if client.protocol_version >= MODERN else "legacy"

    async def items(self, kind: str) -> list[dict]:
        return await all_items(self.client, kind, lambda fetch, cursor: fetch(cursor=cursor))

    async def call(self, name: str, arguments: dict, progress=None, meta=None) -> dict:
        return plain(await self.client.call_tool(name, arguments, progress_callback=progress, meta=meta))

    async def call_with_level(self, name: str, level: str) -> dict:
        if self.era == "modern":
            return await self.call(name, {}, meta={LOG_LEVEL: level})
        await self.client.set_logging_level(level)
        return await self.call(name, {})

    async def cancelled_call(self, name: str) -> bool:
        """Calls, and cancels with the first progress."""
        with anyio.CancelScope() as scope:

            async def told(done, total, message) -> None:
                scope.cancel()

            await self.client.call_tool(name, {}, progress_callback=told)
        return scope.cancelled_caught

    async def read(self, uri: str) -> dict:
        return plain(await self.client.read_resource(uri))

    async def prompt(self, name: str) -> dict:
        return plain(await self.client.get_prompt(name, {}))

    @asynccontextmanager
    async def subscribed(self, uri: str):
        if self.era == "modern":
            async with self.client.listen(resource_subscriptions=[uri]):
                yield
        else:
            await self.client.subscribe_resource(uri)
            yield
            await self.client.unsubscribe_resource(uri)

    @asynccontextmanager
    async def listening(self, kind: str):
        if self.era == "modern":
            async with self.client.listen(**{f"{kind}_list_changed": True}):
                yield
        else:
            yield


@asynccontextmanager
async def connect(plan: dict, heard):
    async def hear(message) -> None:
        if not isinstance(message, Exception):
            heard.notify(plain(message))

    if plan["way"] == "http":
        server = plan["url"]
    else:
        server = StdioServerParameters(command=plan["command"], args=plan["args"], env=plan["env"])
    client = Client(server, mode="auto", message_handler=hear, **callbacks(types, heard))
    async with client:
        yield Peer(client)
