"""What the two generations of the Python SDK have in common, as driver.py wants a peer."""


def plain(value) -> dict:
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)


async def all_items(client, kind: str, page_of) -> list[dict]:
    """The items of all pages; `page_of` fetches the one after a cursor."""
    key, method = (kind, f"list_{kind}") if kind != "templates" else ("resourceTemplates", "list_resource_templates")
    found, cursor = [], None
    while True:
        page = plain(await page_of(getattr(client, method), cursor))
        found += page[key]
        cursor = page.get("nextCursor")
        if cursor is None:
            return found


def callbacks(types, heard) -> dict:
    """How a client answers what it is asked, by the types of its generation."""

    async def elicit(context, params):
        return types.ElicitResult.model_validate(heard.elicit(plain(params)))

    async def sample(context, params):
        return types.CreateMessageResult.model_validate(heard.sample(plain(params)))

    async def roots(context):
        return types.ListRootsResult.model_validate(heard.roots())

    info = types.Implementation(name="matrix", version="1.0.0")
    return {"elicitation_callback": elicit, "sampling_callback": sample, "list_roots_callback": roots, "client_info": info}
