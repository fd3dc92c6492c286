"""Whether it says which part is down."""

from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pymongo import AsyncMongoClient
from temporalio.client import Client

from api import health
from tests.iris import Iris


@pytest.mark.parametrize("down", ["mongodb", "temporal"])
async def test_it_is_not_ready_and_says_which_part_is_down(iris: Iris, down: str) -> None:
    app = FastAPI()
    app.include_router(health.router)
    database: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        "mongodb://127.0.0.1:1" if down == "mongodb" else iris.settings.mongodb_uri.get_secret_value(),
        serverSelectionTimeoutMS=2_000 if down == "temporal" else 100,
    )
    temporal = await Client.connect("127.0.0.1:1", lazy=True) if down == "temporal" else iris.temporal
    app.state.iris = SimpleNamespace(database=database, temporal=temporal)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://iris") as http:
        live, ready = await http.get("/health/live"), await http.get("/health/ready")
    await database.close()
    assert live.status_code == 200
    assert ready.status_code == 503
    parts = {"mongodb": "ok", "temporal": "ok", down: "unavailable"}
    assert ready.json() == {"status": "unavailable", "parts": parts}
