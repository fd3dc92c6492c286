"""Processes of the product are killed (-9) under load: every accepted send ends, and nothing is sent twice."""

import asyncio
import json
import os
import secrets
import signal
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from embedded.processes import until
from tests.plain_http import plain_client
from tests.stack.running import Killed, Stack, send

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Product:
    """A stack of `iris up`, with clients of its API and of its gateway's ledger."""

    stack: Stack
    api: httpx2.AsyncClient
    gateway: httpx2.AsyncClient
    integration_id: str

    async def submit(self) -> str:
        """Submit until the response is 200; return the interaction's id."""
        key = secrets.token_hex()
        body = {
            "payLoad": {"Type": "simple-text", "Text": "Su código es 123456"},
            "integrationId": self.integration_id,
            "Destinations": [f"346{secrets.randbelow(10**8):08d}"],
        }
        while True:
            response = await self.api.post("/v1/interactions", json=body, headers={"Idempotency-Key": key})
            if response.status_code == 200:
                return response.json()["payload"]["id"]
            assert response.status_code == 503, response.text
            assert int(response.headers["Retry-After"]) > 0
            await asyncio.sleep(0.5)

    async def until_completed(self, interaction_id: str, seconds: float = 60) -> dict[str, Any]:
        async with asyncio.timeout(seconds):
            while True:
                response = await self.api.get(f"/v1/interactions/{interaction_id}")
                if response.status_code == 200 and response.json()["payload"]["status"] == "COMPLETED":
                    return response.json()["payload"]
                await asyncio.sleep(0.3)

    async def times_taken(self, interaction_id: str) -> int:
        response = await self.gateway.get("/v1/messages", params={"reference": interaction_id})
        return len(response.json()["messages"])


@pytest.fixture(scope="module")
async def product(shared_stack: tuple[Stack, list[str]]) -> AsyncIterator[Product]:
    stack, _ = shared_stack
    described = stack.described()
    accounts = json.loads(json.loads((stack.data / "secrets.json").read_text())["IRIS_SANDBOX_ACCOUNTS"])
    async with (
        _calling(described["api_url"], described["api_key"]) as api,
        _calling(described["sandbox_url"], accounts[0]["token"]) as gateway,
    ):
        yield Product(stack, api, gateway, described["integrations"]["sms"])


def _calling(url: str, token: str) -> httpx2.AsyncClient:
    return plain_client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=40)


async def test_a_worker_killed_at_the_deadline_of_a_step_starts_the_next_one_once(product: Product) -> None:
    payload = {"Type": "simple-text", "Text": "Su código es 123456"}
    steps = [
        {"integrationId": product.integration_id, "payLoad": payload, "destinations": [to], "deadline": "PT5S"}
        for to in ("34600000010", "34600000001")
    ]
    response = await product.api.post("/v1/interactions", json={"strategy": {"steps": steps}})
    assert response.status_code == 200, response.text
    run_id = response.json()["payload"]["strategy"]["runId"]
    await asyncio.sleep(4.8)
    product.stack.kill("worker")

    async def is_over() -> bool:
        return (await product.api.get(f"/v1/strategy-runs/{run_id}")).json()["payload"]["outcome"] is not None

    await asyncio.wait_for(until(is_over), 60)
    run = (await product.api.get(f"/v1/strategy-runs/{run_id}")).json()["payload"]
    assert (run["outcome"], run["steps"][1]["reason"]) == ("succeeded", "deadline")
    assert [await product.times_taken(one["interactionId"]) for one in run["steps"]] == [1, 1]


async def test_a_worker_killed_right_after_the_answer_leaves_one_message_sent(product: Product) -> None:
    interaction_id = await product.submit()
    killed = product.stack.kill("worker")
    await product.until_completed(interaction_id)
    assert await product.times_taken(interaction_id) == 1
    await killed.has_come_back()
    assert (await send(product.stack))["status"] == "DISPATCH_PENDING"


async def test_killing_the_database_and_the_engine_under_fifty_submissions_loses_and_repeats_nothing(
    product: Product,
) -> None:
    async def submit_in_turn(place: int) -> str:
        await asyncio.sleep(0.05 * place)
        return await product.submit()

    async def kill_in_turn() -> list[Killed]:
        await asyncio.sleep(0.5)
        database = product.stack.kill("mongodb")
        await asyncio.sleep(1.5)
        return [database, product.stack.kill("temporal")]

    async with asyncio.TaskGroup() as tasks:
        killing = tasks.create_task(kill_in_turn())
        submitted = [tasks.create_task(submit_in_turn(place)) for place in range(50)]
    interaction_ids = [task.result() for task in submitted]
    async with asyncio.timeout(60):
        for interaction_id in interaction_ids:  # serially: fifty concurrent polls would starve the rest
            await product.until_completed(interaction_id)
    taken = Counter([await product.times_taken(interaction_id) for interaction_id in interaction_ids])
    assert taken == {1: 50}
    for killed in killing.result():
        await killed.has_come_back()


async def test_without_a_worker_a_submission_is_admitted_and_sent_later(product: Product) -> None:
    os.kill(product.stack.pid_of("worker"), signal.SIGSTOP)
    try:
        response = await product.api.post(
            "/v1/interactions",
            json={
                "payLoad": {"Type": "simple-text", "Text": "Su código es 123456"},
                "integrationId": product.integration_id,
                "Destinations": ["34600000001"],
            },
        )
    finally:
        os.kill(product.stack.pid_of("worker"), signal.SIGCONT)
    assert response.status_code == 200, response.text
    assert response.json()["payload"]["status"] == "VALIDATION_PENDING"
    await product.until_completed(response.json()["payload"]["id"])
