"""Cancelled operations on a silent database, like those of a step that has timed out."""

import asyncio
import time
from random import Random
from typing import Any, Final

import pymongo
import pytest
from pymongo import AsyncMongoClient

import bootstrap
from bench.faults.tcp_proxy import ProxyMode, TcpProxy
from embedded.ports import LOOPBACK, free_port

assert bootstrap.mongodb_client, "opens the product's connections, and mends the driver's pool on import"

_TIMEOUT: Final = 0.3
_OPERATIONS: Final = 40
_LONG: Final = 30.0


@pytest.mark.parametrize("turns", range(6))
async def test_operations_cancelled_as_they_time_out_do_not_block_those_that_follow(
    mongodb_uri: str, turns: int
) -> None:
    line = TcpProxy(free_port(), int(mongodb_uri.partition("/?")[0].rpartition(":")[2]), Random(1))
    await line.open()
    uri = f"mongodb://{LOOPBACK}:{line.port}/?directConnection=true"
    async with AsyncMongoClient[dict[str, Any]](uri, timeoutMS=round(_TIMEOUT * 1000)) as client:
        with pymongo.timeout(_LONG):
            await client.admin.command("ping")
        await line.change(ProxyMode.SLOW, 60)
        operations = [asyncio.create_task(client.admin.command("ping")) for _ in range(_OPERATIONS)]
        await asyncio.sleep(0.05)
        time.sleep(_TIMEOUT)  # noqa: ASYNC251 - the process stands still, so that all time out in the same turn of the event loop
        for _ in range(turns):
            await asyncio.sleep(0)
        for operation in operations:
            operation.cancel()
        _, stuck = await asyncio.wait(operations, timeout=5)
        assert not stuck
        await line.change(ProxyMode.CLEAR)
        with pymongo.timeout(_LONG):
            await client.admin.command("ping")
    await line.end()
