"""What the Python servers share: features.json, the ledger, and how a question looks. The same as features.mjs."""

import json
import os
from pathlib import Path

import anyio

FEATURES = json.loads((Path(__file__).parent / "features.json").read_text())
LEVELS = FEATURES["levels"]
RESOURCE = FEATURES["resource"]
NOTHING = {"type": "object", "properties": {}}
# Between two notices something is done: clients look at what came right before an answer only after it.
WORK_SECONDS = 0.02
extras = {"tools": 0, "prompts": 0, "resources": 0}


def offered(era: str) -> dict:
    return {name: tool for name, tool in FEATURES["tools"].items() if era in tool.get("eras", [era])}


def added(kind: str) -> list[str]:
    return [f"extra_{i + 1}" for i in range(extras[kind])]


def list_tools(era: str) -> list[dict]:
    own = [
        {"name": name, "description": tool["description"], "inputSchema": tool.get("inputSchema", NOTHING)}
        for name, tool in offered(era).items()
    ]
    return own + [{"name": name, "description": "Was added", "inputSchema": NOTHING} for name in added("tools")]


def list_prompts() -> list[dict]:
    own = [{"name": name, "description": prompt["description"]} for name, prompt in FEATURES["prompts"].items()]
    return own + [{"name": name, "description": "Was added"} for name in added("prompts")]


def list_resources() -> list[dict]:
    return [RESOURCE] + [{"uri": f"matrix://{name}", "name": name} for name in added("resources")]


def note(line: str) -> None:
    with open(os.environ["MATRIX_LEDGER"], "a") as ledger:
        ledger.write(f"{line}\n")


async def work() -> None:
    await anyio.sleep(WORK_SECONDS)


def questions(asked: dict, arguments: dict, **url_more) -> dict:
    """The requests of a round, by key."""

    def request(it: dict) -> dict:
        if "form" in it:
            schema = {"type": "object", "properties": {it["field"]: {"type": "string"}}, "required": [it["field"]]}
            message = it["form"].replace("{tag}", arguments.get("tag", ""))
            return {"method": "elicitation/create", "params": {"message": message, "requestedSchema": schema}}
        if "url" in it:
            return {"method": "elicitation/create", "params": {"mode": "url", **it, **url_more}}
        if "sampling" not in it:
            return {"method": "roots/list"}
        messages = [{"role": "user", "content": {"type": "text", "text": it["sampling"]}}]
        return {"method": "sampling/createMessage", "params": {"messages": messages, "maxTokens": it["maxTokens"]}}

    return {key: request(it) for key, it in asked.items()}


def digest(answers: dict) -> str:
    """What was answered, without what SDKs add."""

    def short(it: dict):
        if "action" in it:
            return {key: it[key] for key in ("action", "content") if it.get(key) is not None}
        if "roots" in it:
            return [root["uri"] for root in it["roots"]]
        return {"text": it["content"]["text"], "model": it["model"]}

    return json.dumps({key: short(it) for key, it in answers.items()})
