"""A new provider is its folder and one line of the registry: nothing else of Iris changes for it."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, cast

import httpx2
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from embedded.gateway import running
from embedded.temporal_server import TemporalServer
from providers import PROVIDERS
from providers.base import AnyProvider
from tests.api.support import mobile
from tests.iris import Iris, running_iris
from tests.product.new_provider.adapter import NewProvider

KEY = "key-of-the-newcomer"
NOBODY = "34600000404"


@pytest.fixture(scope="module")
async def iris(mongodb_uri: str, temporal_server: TemporalServer, database_name: str) -> AsyncIterator[Iris]:
    """The product, with one more line in its registry."""
    registry = cast("dict[str, type[AnyProvider]]", PROVIDERS)
    registry[NewProvider.name] = NewProvider
    try:
        async with running_iris(mongodb_uri, temporal_server.address, f"{database_name}_new_provider") as running:
            yield running
    finally:
        del registry[NewProvider.name]


@pytest.fixture
async def taken() -> list[dict[str, Any]]:
    """Messages that the provider's server has accepted."""
    return []


@pytest.fixture
async def integration_id(iris: Iris, taken: list[dict[str, Any]]) -> AsyncIterator[str]:
    """An integration made through the API, while the provider's server runs."""
    server = FastAPI()

    @server.post("/messages")
    async def send(request: Request) -> JSONResponse:
        message = await request.json()
        if message["to"] == NOBODY:
            return JSONResponse({"error": "nobody"}, HTTPStatus.BAD_REQUEST)
        taken.append(message)
        return JSONResponse({"id": f"n-{len(taken)}"})

    async with running(server) as url:
        made = {"name": "New", "channel": "SMS", "provider": "newcomer", "configuration": {"baseUrl": url}}
        response = await iris.http.post("/v1/integrations", json={**made, "credentials": {"key": KEY}})
        assert response.status_code == HTTPStatus.CREATED, response.text
        yield response.json()["payload"]["id"]
        assert (await iris.http.delete(f"/v1/integrations/{response.json()['payload']['id']}")).is_success


async def receipt(iris: Iris, integration_id: str, reference: str, key: str) -> httpx2.Response:
    body = json.dumps({"id": "n-1", "state": "arrived", "ref": reference}).encode()
    signature = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    path = f"/webhooks/newcomer/{integration_id}"
    return await iris.http.post(path, content=body, headers={"X-Signature": signature})


async def test_it_sends_reports_and_refuses(iris: Iris, integration_id: str, taken: list[dict[str, Any]]) -> None:
    number = mobile()
    sent = await iris.send("sms", number, integrationId=integration_id)
    assert sent["integration"]["integrationTypeProviderName"] == "Newcomer"
    await iris.until_status(sent["id"], "SENT")
    assert [(one["ref"], one["to"]) for one in taken] == [(sent["id"], number)]
    assert (await receipt(iris, integration_id, sent["id"], "another key")).status_code == HTTPStatus.UNAUTHORIZED
    assert (await receipt(iris, integration_id, sent["id"], KEY)).status_code == HTTPStatus.OK
    await iris.until_status(sent["id"], "COMPLETED")

    refused = await iris.send("sms", NOBODY, integrationId=integration_id)
    await iris.until_status(refused["id"], "PROVIDER_SENDING_ERROR")
