"""Readiness names the failed part."""

import base64
import os
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from pymongo import AsyncMongoClient
from temporalio.client import Client

from api.routes import health
from bootstrap import connect_temporal
from domain.identifiers import new_id
from temporal.reconciliation import ensure_schedule
from tests.iris import Iris


async def readiness(iris: Iris, down: str = "", temporal: Client | None = None, **changes: str) -> httpx2.Response:
    """The readiness answer of an API with these connections and settings."""
    app = FastAPI()
    app.include_router(health.router)
    database: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        "mongodb://127.0.0.1:1" if down == "mongodb" else iris.settings.mongodb_uri.get_secret_value(),
        serverSelectionTimeoutMS=2_000 if down != "mongodb" else 100,
    )
    settings = iris.settings.model_copy(update=changes)
    app.state.iris = SimpleNamespace(database=database, temporal=temporal or iris.temporal, settings=settings)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://iris") as http:
        live, ready = await http.get("/health/live"), await http.get("/health/ready")
    await database.close()
    assert live.status_code == 200
    return ready


def unavailable(ready: httpx2.Response) -> list[str]:
    """The failed required parts."""
    assert ready.status_code == (503 if ready.json()["status"] == "unavailable" else 200)
    return [name for name, state in ready.json()["parts"].items() if state != "ok" and name != "workers"]


async def test_it_is_ready_where_all_answers(iris: Iris) -> None:
    assert unavailable(await readiness(iris)) == []


async def test_it_is_not_ready_without_mongodb(iris: Iris) -> None:
    assert unavailable(await readiness(iris, down="mongodb")) == ["mongodb"]


async def test_it_is_not_ready_where_mongodb_has_no_disk_space_left(
    iris: Iris, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "MIN_FREE_DISK_BYTES", 2**62)
    assert unavailable(await readiness(iris)) == ["disk"]


async def test_it_is_not_ready_without_temporal(iris: Iris) -> None:
    nowhere = await Client.connect("127.0.0.1:1", lazy=True)
    assert "temporal" in unavailable(await readiness(iris, temporal=nowhere))


async def test_it_is_not_ready_with_a_namespace_that_temporal_does_not_know(iris: Iris) -> None:
    elsewhere = await Client.connect(iris.settings.temporal_address, namespace="elsewhere")
    assert "namespace" in unavailable(await readiness(iris, temporal=elsewhere))


async def test_it_is_not_ready_with_a_payload_key_that_differs_from_the_workers(iris: Iris) -> None:
    keys = [base64.urlsafe_b64encode(os.urandom(32)).decode() for _ in range(2)]
    clients = [
        await connect_temporal(iris.settings.model_copy(update={"payload_keys": SecretStr(key)})) for key in keys
    ]
    queue = {"task_queue": new_id()}
    await ensure_schedule(clients[0], iris.settings.model_copy(update=queue))
    assert unavailable(await readiness(iris, temporal=clients[0], **queue)) == []
    assert unavailable(await readiness(iris, temporal=clients[1], **queue)) == ["payload_keys"]
