"""Sends by strategies, and their runs."""

import asyncio
from typing import Any

from embedded.processes import until
from tests.iris import Iris

TEXT = {"Type": "simple-text", "Text": "Su código es 123456"}


def step(iris: Iris, channel: str = "sms", destination: str | None = None, **changes: object) -> dict[str, Any]:
    """A step through a channel of the demo."""
    payload = {**TEXT, "Type": "text-message-rcs"} if channel == "rcs" else TEXT
    own = {} if destination is None else {"destinations": [destination]}
    return {"integrationId": iris.demo.integrations[channel], "payLoad": payload, "deadline": "PT1H", **own, **changes}


async def send(iris: Iris, *steps: dict[str, Any], **changes: object) -> dict[str, Any]:
    """Send by a strategy, asserting admission; return the interaction of the response."""
    response = await iris.post({"strategy": {"steps": list(steps)}, **changes})
    assert response.status_code == 200, response.text
    return response.json()["payload"]


async def read_run(iris: Iris, run_id: str) -> dict[str, Any]:
    response = await iris.http.get(f"/v1/strategy-runs/{run_id}")
    assert response.status_code == 200, response.text
    return response.json()["payload"]


async def ended(iris: Iris, sent: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
    """Wait until the run of an interaction has an outcome, and return it."""
    seen: dict[str, Any] = {}

    async def is_over() -> bool:
        nonlocal seen
        seen = await read_run(iris, sent["strategy"]["runId"])
        return seen["outcome"] is not None

    await asyncio.wait_for(until(is_over), seconds)
    return seen
