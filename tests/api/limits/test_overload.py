"""Overload: excess requests are refused with `Retry-After`, and nothing is lost or sent twice."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import pytest

from domain.identifiers import new_id
from embedded.temporal_server import TemporalServer
from tests.api.support import mobile, refusal
from tests.iris import Iris, running_iris

SUBMISSIONS: Final = 4
CROWD: Final = 30


@pytest.fixture(scope="module")
async def iris(mongodb_uri: str, temporal_server: TemporalServer, database_name: str) -> AsyncIterator[Iris]:
    async with running_iris(
        mongodb_uri,
        temporal_server.address,
        f"{database_name}_overload",
        max_concurrent_submissions=SUBMISSIONS,
        admission_timeout=timedelta(seconds=0.3),
    ) as running:
        yield running


async def test_each_of_a_crowd_is_admitted_or_asked_to_come_again_and_then_is_one_message(iris: Iris) -> None:
    answers: list[str] = []

    async def submit() -> str:
        body, key = iris.request("sms", mobile()), new_id()
        while True:
            response = await iris.post(body, **{"Idempotency-Key": key})
            if response.status_code == 200:
                answers.append(response.json()["payload"]["status"])
                return response.json()["payload"]["id"]
            answers.append(refusal(response, 503)["error"][0]["code"])
            assert int(response.headers["Retry-After"]) > 0
            await asyncio.sleep(0.3)

    crowd = [asyncio.create_task(submit()) for _ in range(CROWD)]
    await asyncio.sleep(0.05)
    assert (await iris.http.get("/health/live")).status_code == 200
    ids = await asyncio.gather(*crowd)
    assert "overloaded" in answers
    assert len(set(ids)) == CROWD
    for interaction_id in ids:
        await iris.until_status(interaction_id, "COMPLETED")
        assert len(await iris.taken_by_gateway(interaction_id)) == 1
