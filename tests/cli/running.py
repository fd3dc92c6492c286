"""Helpers of the command tests."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

Command = Callable[..., Awaitable[str]]


async def payload(command: Command, *arguments: str) -> dict[str, Any]:
    return json.loads(await command(*arguments, "--json"))["payload"]
