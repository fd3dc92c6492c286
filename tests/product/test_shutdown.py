"""Stopping processes: they finish current sends, and nothing is sent twice."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import worker
from api.app import create_app
from bootstrap import http_clients
from embedded.gateway.server import running
from embedded.iris_processes import WebProgram, WorkerProgram
from embedded.ports import free_port
from embedded.processes import until
from embedded.temporal_server import TemporalServer
from integrations.provider_factory import ProviderFactory
from security.credential_encryption import Vault
from settings import Settings
from tests.api.support import mobile
from tests.iris import Iris, calling, open_database, running_worker
from tests.product.provider_lines import environment_of
from tests.silent_provider import SilentProvider
from worker import create_worker

SLOW = "34600000011"
"""Recipient whose message the sandbox accepts, with a response seconds later."""


@pytest.fixture(scope="module")
def port() -> int:
    """Port of the API of this module's product."""
    return free_port()


@pytest.fixture(scope="module")
def settings(iris: Iris, port: int) -> Settings:
    """Settings of a product whose interactions are executed by the tests' own workers only."""
    return iris.settings.model_copy(
        update={
            "task_queue": f"stopping-{port}",
            "public_url": f"http://127.0.0.1:{port}",
            "admission_timeout": timedelta(seconds=1.5),
        }
    )


@pytest.fixture(scope="module")
async def stopping(iris: Iris, settings: Settings, port: int) -> AsyncIterator[Iris]:
    """The product with these settings."""
    async with (
        open_database(iris.settings),  # reopen the client that a stopped application leaves closed
        running(create_app(settings), port=port) as url,
        calling(url, iris.demo.api_key) as http,
    ):
        yield replace(iris, settings=settings, http=http)


async def is_taken(iris: Iris, interaction_id: str) -> bool:
    return bool(await iris.taken_by_gateway(interaction_id))


async def test_a_worker_finishes_its_sends_and_another_continues_from_there(
    stopping: Iris, temporal_server: TemporalServer, server_directory: Path
) -> None:
    program = WorkerProgram(server_directory / "stopping.log", environment_of(stopping.settings), temporal_server)
    async with program:
        sent = await stopping.send("sms", SLOW)
        async with asyncio.timeout(60):
            await until(lambda: is_taken(stopping, sent["id"]))
        await program.stop()
        assert await program.ended() == 0
    async with running_worker(stopping.temporal, stopping.settings):
        seen = await stopping.until_status(sent["id"], "COMPLETED")
    assert [entry["status"] for entry in seen["auditTrail"]["history"]][2] == "SENT"
    (message,) = await stopping.taken_by_gateway(sent["id"])
    assert message["requests"] == 1


async def test_sends_that_last_longer_than_a_stopping_worker_waits_are_unknown_and_not_sent_again(
    stopping: Iris, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "SENDING_GRACE", timedelta(seconds=0.5))
    settings, guard = stopping.settings, stopping.settings.address_guard()
    fake_provider = SilentProvider()
    async with fake_provider.serving(), http_clients(guard, 10) as http:
        provider_factory = ProviderFactory(Vault(settings.vault_keys()), http, settings.public_url, guard)
        integration = await stopping.twilio(fake_provider.url)
        async with create_worker(stopping.temporal, settings, provider_factory):
            sent = await asyncio.gather(*(stopping.send("sms", mobile(), integrationId=integration) for _ in range(3)))
            await fake_provider.until_connections(len(sent))
        async with create_worker(stopping.temporal, settings, provider_factory):
            for one in sent:
                await stopping.until_status(one["id"], "PROVIDER_SENDING_ERROR", "unknown")
            # Longer than the first retry delay.
            await asyncio.sleep(1.5)
    assert fake_provider.connections == len(sent)


async def test_the_api_answers_the_submissions_that_it_has_begun(
    iris: Iris, settings: Settings, server_directory: Path
) -> None:
    environment = environment_of(settings) | {"IRIS_ADMISSION_TIMEOUT": "1.5"}
    async with (
        WebProgram("api", server_directory / "stopping.log", environment, free_port(), "/health/live") as api,
        calling(api.url, iris.demo.api_key) as http,
    ):
        stopping = replace(iris, settings=settings, http=http)
        submitting = asyncio.create_task(stopping.post(stopping.request("sms", mobile())))
        await asyncio.sleep(0.5)
        await api.stop()
        response = await submitting
        assert response.status_code == 200, response.text
        assert response.json()["payload"]["status"] == "VALIDATION_PENDING"
        assert await api.ended() in {0, -signal.SIGTERM, 128 + signal.SIGTERM}
