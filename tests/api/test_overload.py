"""More at once than the API takes on: refused with a time to come again, and nothing is lost or sent twice by that."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import httpx2
import pytest

from domain.identifiers import new_id
from embedded.processes import until
from embedded.temporal_server import TemporalServer
from tests.api.support import mobile, refusal
from tests.iris import Iris, running_iris

SUBMISSIONS: Final = 4
WEBHOOKS: Final = 6
LARGEST: Final = 1_000
CROWD: Final = 30


@pytest.fixture(scope="module")
async def iris(mongodb_uri: str, temporal_server: TemporalServer, database_name: str) -> AsyncIterator[Iris]:
    async with running_iris(
        mongodb_uri,
        temporal_server.address,
        f"{database_name}_overload",
        submissions_at_once=SUBMISSIONS,
        webhooks_at_once=WEBHOOKS,
        largest_webhook=LARGEST,
        admission_wait=timedelta(seconds=0.3),
    ) as running:
        yield running


def webhook_path(iris: Iris) -> str:
    return f"/webhooks/sandbox/{iris.demo.integrations['sms']}"


@asynccontextmanager
async def uploading(iris: Iris, path: str, number: int, size: int) -> AsyncGenerator[None]:
    """So many requests whose bodies are still to come, until the end of the block."""
    url = iris.http.base_url
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: {iris.http.headers['Authorization']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    )

    async def upload() -> None:
        while True:  # again when it is refused, because another request was in its place
            reader, writer = await asyncio.open_connection(url.host, url.port)
            try:
                writer.write(head.encode())
                await reader.read(1)
            finally:
                writer.close()

    uploads = [asyncio.create_task(upload()) for _ in range(number)]
    try:
        yield
    finally:
        for task in uploads:
            task.cancel()
        await asyncio.gather(*uploads, return_exceptions=True)


async def until_refused(iris: Iris, path: str, size: int = 2) -> httpx2.Response:
    """The refusal once there is no room for a body of so many bytes."""
    async with asyncio.timeout(60):
        while True:
            response = await iris.http.post(path, content=b"{" + b" " * (size - 2) + b"}")
            if response.status_code == 503:
                return response
            await asyncio.sleep(0.02)


def check_asked_to_come_again(response: httpx2.Response) -> None:
    assert refusal(response, 503)["error"][0]["code"] == "overloaded"
    assert int(response.headers["Retry-After"]) > 0


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


async def test_submissions_leave_webhooks_and_readers_their_room(iris: Iris) -> None:
    sent = await iris.send("sms", mobile())
    async with uploading(iris, "/v1/interactions", SUBMISSIONS, size=10):
        check_asked_to_come_again(await until_refused(iris, "/v1/interactions"))
        assert (await iris.receive(sent["id"], "delivered")).status_code == 200
        assert (await iris.http.get(f"/v1/interactions/{sent['id']}")).status_code == 200
        assert (await iris.http.get("/health/ready")).status_code == 200


async def test_webhooks_leave_submissions_their_room(iris: Iris) -> None:
    async with uploading(iris, webhook_path(iris), WEBHOOKS, size=10):
        check_asked_to_come_again(await until_refused(iris, webhook_path(iris)))
        await iris.send("sms", mobile())


async def test_the_bodies_of_webhooks_are_bounded_together(iris: Iris) -> None:
    async with uploading(iris, webhook_path(iris), 4, size=LARGEST):
        check_asked_to_come_again(await until_refused(iris, webhook_path(iris)))


async def test_room_comes_back_when_callers_hang_up(iris: Iris) -> None:
    async with uploading(iris, "/v1/interactions", SUBMISSIONS, size=10):
        await until_refused(iris, "/v1/interactions")

    async def is_taken_on() -> bool:
        return (await iris.post(iris.request("sms", mobile()))).status_code == 200

    async with asyncio.timeout(60):
        await until(is_taken_on)
