import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from pydantic import ValidationError

from embedded.gateway import GatewaySettings, create_gateway, running
from embedded.ports import free_port
from tests.embedded.gateway.caller import ACCOUNTS, NOBODY, OTHER_TOKEN, Caller, Desk, settings
from tests.embedded.gateway.receiver import Receiver


@asynccontextmanager
async def _process(http: httpx2.AsyncClient, port: int, ledger: Path) -> AsyncGenerator[str]:
    """A gateway in a separate process, ended by `kill -9`; yields its base URL."""
    environment = {
        **os.environ,
        "IRIS_SANDBOX_ACCOUNTS": json.dumps(ACCOUNTS),
        "IRIS_SANDBOX_LEDGER": str(ledger),
        "IRIS_SANDBOX_CALLBACK_DELAY": "0.5",
    }
    program = f"import asyncio, embedded.gateway as g; asyncio.run(g.serve(g.GatewaySettings(), port={port}))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        await _wait_until_well(http, url)
        yield url
    finally:
        process.kill()
        await process.wait()


async def _wait_until_well(http: httpx2.AsyncClient, url: str) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await http.get(f"{url}/health")
            except httpx2.ConnectError:
                await asyncio.sleep(0.02)
            else:
                return


async def test_killed_and_begun_again_it_remembers_every_message_and_callback(
    http: httpx2.AsyncClient, desk: Desk, receiver: Receiver, reference: str, tmp_path: Path
) -> None:
    port, ledger = free_port(), tmp_path / "ledger.sqlite"
    async with _process(http, port, ledger) as url:
        before = await desk.at(url).post(reference)
    assert receiver.words(reference) == []
    async with _process(http, port, ledger) as url:
        caller = desk.at(url)
        assert (await caller.post(reference)).json() == before.json()
        assert (await caller.entry(reference))["verdicts"] == ["accepted", "repeated"]
        await receiver.wait_for(reference, 2)
    assert receiver.words(reference) == ["sent", "delivered"]


async def test_an_inbound_message_is_called_back_after_a_restart(
    http: httpx2.AsyncClient, desk: Desk, receiver: Receiver, reference: str, tmp_path: Path
) -> None:
    port, ledger = free_port(), tmp_path / "ledger.sqlite"
    receiver.answers[reference] = [503] * 100
    async with _process(http, port, ledger) as url:
        assert (await desk.at(url).write(reference)).status_code == 201
        await receiver.wait_for(reference, 1)
    in_vain = len(receiver.of(reference))
    del receiver.answers[reference]
    async with _process(http, port, ledger):
        await receiver.wait_for(reference, in_vain + 1)


async def test_a_removed_account_gets_no_callbacks_after_a_restart(
    http: httpx2.AsyncClient, reference: str, tmp_path: Path
) -> None:
    ledger = str(tmp_path / "ledger.sqlite")
    async with running(create_gateway(settings(ledger=ledger))) as url:
        await Caller(http, url, NOBODY).post(reference)
    async with running(create_gateway(settings(ledger=ledger, accounts=ACCOUNTS[1:]))) as url:
        assert (await Caller(http, url, NOBODY, OTHER_TOKEN).get("/v1/ledger"))["entries"] == []
    async with running(create_gateway(settings(ledger=ledger))) as url:
        callbacks = (await Caller(http, url, NOBODY).message(reference))["callbacks"]
        assert {callback["state"] for callback in callbacks} == {"pending"}


def test_a_gateway_without_accounts_does_not_start() -> None:
    with pytest.raises(ValidationError, match="accounts"):
        GatewaySettings()
