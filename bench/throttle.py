"""`python -m bench.throttle`: whether messages keep to the rate of their sender, over three workers."""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from typing import Annotated, Any, Final

import httpx2
import typer
import uvloop
from rich.console import Console

from bench.deployment import deployed
from bench.limited_provider import LimitedProvider
from domain.identifiers import new_id
from embedded.gateway import running
from embedded.iris_processes import Program
from embedded.processes import until

OUT: Final = Console(width=160, highlight=False)
WORKERS: Final = 3
AT_ONCE: Final = 16
"""Concurrent requests to the API."""

SEGMENTS: Final = 3
TEXT: Final = "x" * 400
"""Text of `SEGMENTS` segments."""

JITTER_SECONDS: Final = 1.0
"""Time by which a message may come early at the provider, because the one before it came late."""


@dataclass(frozen=True)
class Stage:
    """Iris with several workers, and its API."""

    http: httpx2.AsyncClient
    workers: list[Program]
    limit: asyncio.Semaphore

    async def integration(self, url: str, throttle: dict[str, Any]) -> str:
        """Create an integration that sends to a provider; returns its id."""
        body = {
            "name": f"throttled {new_id()}",
            "channel": "SMS",
            "provider": "sandbox",
            "configuration": {"baseUrl": url},
            "credentials": {"token": "made-up", "signingSecret": "made-up"},
            "throttle": throttle,
        }
        return (await self._post("/v1/integrations", body))["id"]

    async def send(self, integration_id: str, number: int, text: str, category: str = "transactional") -> str:
        """Send a message to the recipient with this number; returns its id."""
        body = {
            "payLoad": {"Type": "simple-text", "Text": text},
            "integrationId": integration_id,
            "processId": None,
            "Destinations": [f"346{number:08d}"],
            "AutoCreateUser": True,
            "AutoCreateProcess": True,
            "category": category,
        }
        return (await self._post("/v1/interactions", body))["id"]

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Idempotency-Key": new_id()}
        async with self.limit:
            response = await self.http.post(path, json=body, headers=headers)
            while response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:  # a busy machine
                await asyncio.sleep(1)
                response = await self.http.post(path, json=body, headers=headers)
        response.raise_for_status()
        return response.json()["payload"]


def main(
    messages: Annotated[int, typer.Option(min=2, help="Messages of three segments, at one segment per second.")] = 60,
    queued: Annotated[int, typer.Option(min=0, help="Marketing messages in front of the codes.")] = 10_000,
    codes: Annotated[int, typer.Option(min=0, help="Messages of authentication behind them.")] = 40,
    killed: Annotated[int, typer.Option(min=0, help="Messages during which a worker is killed.")] = 100,
) -> None:
    """Measure the rate, the wait of a code behind marketing, and the rate after kill -9 of a worker."""
    uvloop.run(_run(messages, queued, codes, killed))


async def _run(messages: int, queued: int, codes: int, killed: int) -> None:
    with tempfile.TemporaryDirectory(prefix="iris-bench-") as directory:
        async with open_stage(Path(directory)) as stage:
            await _rate(stage, messages)
            if codes:
                await _codes(stage, queued, codes)
            if killed:
                await _killed(stage, killed)


async def _rate(stage: Stage, messages: int) -> None:
    """Send messages at once; they go at one segment per second."""
    provider = LimitedProvider(rate=1, capacity=SEGMENTS + JITTER_SECONDS)
    async with running(provider.app()) as url:
        integration_id = await stage.integration(url, {"rate": 1, "unit": "segment"})
        await asyncio.gather(*(stage.send(integration_id, number, TEXT) for number in range(messages)))
        await until(lambda: _are_there(provider, messages))
    _check_each_once(provider, messages)
    took = provider.accepted[-1].at - provider.accepted[0].at + SEGMENTS
    refused = len(provider.arrivals) - messages
    wanted = messages * SEGMENTS
    OUT.print(f"{messages} messages of {SEGMENTS} segments: {took:.1f} s ({took / wanted - 1:+.1%}), {refused} refused")


async def _codes(stage: Stage, queued: int, codes: int) -> None:
    """Send codes while marketing of the same sender queues."""
    provider = LimitedProvider(rate=1, capacity=2)
    async with running(provider.app()) as url:
        integration_id = await stage.integration(url, {"rate": 1})
        marketing = (
            stage.send(integration_id, 10_000_000 + number, "Rebajas", "marketing") for number in range(queued)
        )
        await asyncio.gather(*marketing)
        waits: list[float] = []
        for number in range(codes):
            waits.append(await _wait_of_code(stage, provider, integration_id, 20_000_000 + number))
            await asyncio.sleep(3.3)  # the rate also serves marketing between the codes
    p50, p95 = quantiles(waits, n=20)[9], quantiles(waits, n=20)[18]
    refused = len(provider.arrivals) - len(provider.accepted)
    OUT.print(f"a code behind {queued} of marketing: p50 {p50:.2f} s, p95 {p95:.2f} s, {refused} refused")


async def _wait_of_code(stage: Stage, provider: LimitedProvider, integration_id: str, number: int) -> float:
    """Send a code, and return the seconds until its provider had it."""
    began = time.monotonic()
    code = await stage.send(integration_id, number, "Su código es 1234", "authentication")
    await until(lambda: _is_there(provider, code))
    return next(arrival.at for arrival in provider.accepted if arrival.reference == code) - began


async def _killed(stage: Stage, messages: int) -> None:
    """Kill a worker while messages of a sender queue, and the other workers go on."""
    provider = LimitedProvider(rate=2, capacity=2 + JITTER_SECONDS)
    async with running(provider.app()) as url:
        integration_id = await stage.integration(url, {"rate": 2})
        await asyncio.gather(*(stage.send(integration_id, 30_000_000 + n, "Hola") for n in range(messages)))
        before = len(provider.accepted)
        killed_at = time.monotonic()
        await stage.workers[0].kill()
        # Attempts that were in flight end as unknown after ten seconds, and are not repeated.
        with suppress(TimeoutError):
            async with asyncio.timeout(messages):
                await until(lambda: _are_there(provider, messages))
    later = [arrival.at for arrival in provider.accepted[before:]]
    gap = max(after - earlier for earlier, after in pairwise([killed_at, *later[: len(later) * 3 // 4]]))
    references = [arrival.reference for arrival in provider.accepted]
    OUT.print(
        f"kill -9 of a worker with {messages - before} messages left: longest gap {gap:.2f} s, "
        f"{len(references) - len(set(references))} sent twice, {messages - len(set(references))} not sent"
    )


def _check_each_once(provider: LimitedProvider, messages: int) -> None:
    references = {arrival.reference for arrival in provider.accepted}
    if len(references) != messages or len(provider.accepted) != messages:
        raise RuntimeError(f"{len(provider.accepted)} accepted, of {len(references)} messages; {messages} were sent")


async def _are_there(provider: LimitedProvider, messages: int) -> bool:
    return len(provider.accepted) >= messages


async def _is_there(provider: LimitedProvider, reference: str) -> bool:
    return any(arrival.reference == reference for arrival in provider.accepted)


@asynccontextmanager
async def open_stage(directory: Path) -> AsyncGenerator[Stage]:
    """Start Iris with its servers and `WORKERS` workers."""
    async with AsyncExitStack() as stack:
        iris = await stack.enter_async_context(deployed(directory))
        workers: list[Program] = [iris.worker(f"worker-{number}") for number in range(WORKERS)]
        for program in (*workers, iris.api):
            await stack.enter_async_context(program)
        headers = {"Authorization": f"Bearer {iris.demo.api_key}"}
        http = httpx2.AsyncClient(base_url=iris.url, headers=headers, trust_env=False, timeout=60)
        yield Stage(await stack.enter_async_context(http), workers, asyncio.Semaphore(AT_ONCE))


if __name__ == "__main__":
    typer.run(main)
