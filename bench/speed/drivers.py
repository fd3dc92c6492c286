"""Drivers of each baseline: one end-to-end run, from the call to the last receipt."""

import asyncio
import json
import random
import secrets
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, Final

import aiohttp
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy

from bench.speed.baselines import QUEUE, Ceiling, Minimal, Naive
from bench.speed.fake_provider import FakeProvider
from bench.speed.noop_activities import STEPS_QUEUE
from bench.speed.stage import Stage, open_stage
from domain.clock import to_wire, utc_now
from domain.events import ProviderEvent, ReceivedEvent
from domain.identifiers import derived_id, new_id, workflow_id
from domain.interaction import IntegrationReference
from domain.status import Milestone
from domain.submission import Submission
from embedded.gateway.callbacks import signature
from embedded.ports import LOOPBACK
from embedded.processes import until
from queries.correlation import InteractionRef
from temporal.interactions import signal_events, submit

BETWEEN_RECEIPTS: Final = 0.05
"""Seconds from a dispatch to its first receipt, and to the next; without the delay receipts would share a task."""

_BUSY: Final = HTTPStatus.SERVICE_UNAVAILABLE
_AGAIN: Final = 0.2
"""Seconds until a webhook is sent again, as providers do."""

_TEXT: Final = "Su cita es mañana a las 10:00"


class Driver(ABC):
    """A baseline, and the driver of one end-to-end run."""

    name: ClassVar[str]

    @abstractmethod
    async def run_once(self) -> float:
        """Drive one run to its end; return the duration of the call in seconds."""


class LimitDriver(Driver):
    """A bare update."""

    name = "ceiling"

    def __init__(self, temporal: Client) -> None:
        """Use a Temporal server."""
        self._temporal = temporal

    async def run_once(self) -> float:
        """Update with start."""
        start = WithStartWorkflowOperation(
            Ceiling.run, id=f"ceiling-{new_id()}", task_queue=QUEUE, id_conflict_policy=WorkflowIDConflictPolicy.FAIL
        )
        begun = time.perf_counter()
        await _update(self._temporal, "admitted", start)
        return time.perf_counter() - begun


class FloorDriver(Driver):
    """Durable steps alone."""

    name = "minimal"

    def __init__(self, temporal: Client) -> None:
        """Use a Temporal server."""
        self._temporal = temporal

    async def run_once(self) -> float:
        """Update with start, and two signals."""
        start = WithStartWorkflowOperation(
            Minimal.run, id=f"minimal-{new_id()}", task_queue=QUEUE, id_conflict_policy=WorkflowIDConflictPolicy.FAIL
        )
        begun = time.perf_counter()
        await _update(self._temporal, "admitted", start)
        answered = time.perf_counter() - begun
        handle = await start.workflow_handle()
        for _ in range(2):
            await asyncio.sleep(BETWEEN_RECEIPTS)
            await handle.signal(Minimal.apply)
        await handle.result()
        return answered


class StepsDriver(Driver):
    """Iris's durable steps alone: no HTTP, no database, no provider."""

    name = "steps"

    def __init__(self, stage: Stage, integration: IntegrationReference) -> None:
        """Submit and signal events like the API."""
        self._temporal = stage.temporal
        self._settings = stage.settings.model_copy(update={"task_queue": STEPS_QUEUE})
        self._tenant = stage.demo.tenant
        self._integration = integration

    async def run_once(self) -> float:
        """Submit, and signal events twice."""
        asked = submission(self._tenant, self._integration)
        begun = time.perf_counter()
        admission = await submit(self._temporal, self._settings, asked)
        answered = time.perf_counter() - begun
        interaction = InteractionRef.of(admission.interaction)
        for milestone in (Milestone.DELIVERED, Milestone.READ):
            await asyncio.sleep(BETWEEN_RECEIPTS)
            word = milestone.name.lower()
            event = ProviderEvent(key=word, provider_status=word, milestone=milestone, reference=asked.interaction_id)
            receipt = ReceivedEvent(id=new_id(), received_at=utc_now(), event=event)
            await signal_events(self._temporal, self._settings, interaction, [receipt])
        await self._temporal.get_workflow_handle(workflow_id(asked.interaction_id)).result()
        return answered


class NaiveDriver(Driver):
    """Iris's work step by step: the caller starts it and polls."""

    name = "naive"

    def __init__(self, stage: Stage, integration: IntegrationReference) -> None:
        """Send through an integration of the demo."""
        self._temporal = stage.temporal
        self._tenant = stage.demo.tenant
        self._integration = integration

    async def run_once(self) -> float:
        """Start, poll until admitted, then two signals."""
        asked = submission(self._tenant, self._integration)
        interaction_id = asked.interaction_id
        arrival = asyncio.get_running_loop().create_future()
        FakeProvider.arrivals[interaction_id] = arrival
        begun = time.perf_counter()
        handle: WorkflowHandle[Naive, None] = await self._temporal.start_workflow(
            Naive.run, asked, id=f"naive-{interaction_id}", task_queue=QUEUE
        )
        await until(lambda: handle.query(Naive.is_admitted))
        answered = time.perf_counter() - begun
        await arrival
        for word in ("delivered", "read"):
            await asyncio.sleep(BETWEEN_RECEIPTS)
            await handle.signal(Naive.apply, word)
        await handle.result()
        return answered


class IrisDriver(Driver):
    """The product, through its HTTP routes."""

    name = "iris"

    def __init__(self, stage: Stage, http: aiohttp.ClientSession) -> None:
        """Use the API of a running product."""
        self._stage = stage
        self._http = http
        self._integration_id = stage.demo.integrations["whatsapp"]

    async def run_once(self) -> float:
        """Post, and two webhooks."""
        key = secrets.token_hex(12)
        interaction_id = derived_id("interaction", self._stage.demo.tenant, key)
        arrival = asyncio.get_running_loop().create_future()
        FakeProvider.arrivals[interaction_id] = arrival
        destination = _somebody()
        body = {
            "payLoad": {"Type": "simple-text", "Text": _TEXT},
            "integrationId": self._integration_id,
            "processId": None,
            "Destinations": [destination],
            "AutoCreateUser": True,
            "AutoCreateProcess": True,
        }
        begun = time.perf_counter()
        async with self._http.post("/v1/interactions", json=body, headers={"Idempotency-Key": key}) as response:
            await response.read()
        answered = time.perf_counter() - begun
        response.raise_for_status()
        await arrival
        for sequence, word in enumerate(("delivered", "read"), start=1):
            await asyncio.sleep(BETWEEN_RECEIPTS)
            await self._post_receipt(interaction_id, destination, word, sequence)
        await self._stage.temporal.get_workflow_handle(workflow_id(interaction_id)).result()
        return answered

    async def _post_receipt(self, interaction_id: str, destination: str, word: str, sequence: int) -> None:
        receipt = {
            "id": f"sbx_{interaction_id}",
            "reference": interaction_id,
            "channel": "WhatsApp",
            "to": [destination],
            "status": word,
            "timestamp": to_wire(utc_now()),
            "sequence": sequence,
        }
        body = json.dumps(receipt).encode()
        timestamp = str(int(time.time()))
        headers = {
            "X-Sandbox-Timestamp": timestamp,
            "X-Sandbox-Signature": signature(self._stage.signing_secret, timestamp, body),
        }
        while True:
            async with self._http.post(
                f"/webhooks/sandbox/{self._integration_id}", data=body, headers=headers
            ) as response:
                await response.read()
            if response.status != _BUSY:
                break
            await asyncio.sleep(_AGAIN)
        response.raise_for_status()


async def _update(temporal: Client, name: str, start: WithStartWorkflowOperation[Any, Any]) -> None:
    await temporal.execute_update_with_start_workflow(name, start_workflow_operation=start)  # pyright: ignore[reportUnknownMemberType] - the SDK's own generics


@asynccontextmanager
async def on_stage() -> AsyncGenerator[tuple[Stage, aiohttp.ClientSession]]:
    """The running product with its fake provider, and a lean client of its API, which leaves the CPU to the product."""
    fake_provider = await asyncio.get_running_loop().create_server(FakeProvider, LOOPBACK, 0)
    port = fake_provider.sockets[0].getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="iris-bench-") as directory:
        async with (
            open_stage(Path(directory), port) as stage,
            aiohttp.ClientSession(
                stage.api_url,
                headers={"Authorization": f"Bearer {stage.demo.api_key}"},
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=60),
            ) as http,
        ):
            yield stage, http


def submission(tenant: str, integration: IntegrationReference) -> Submission:
    """A message to a new user, as the API submits it."""
    interaction_id = new_id()
    return Submission(
        interaction_id=interaction_id,
        fingerprint="",
        tenant=tenant,
        author_id=new_id(),
        submitted_at=utc_now(),
        integration=integration,
        payload={"Type": "simple-text", "Text": _TEXT},
        destinations=[_somebody()],
        process_id=None,
        new_process_id=derived_id("process", interaction_id),
        auto_create_user=True,
        auto_create_process=True,
    )


def _somebody() -> str:
    return f"346{random.randrange(10**8):08d}"


async def drive(shape: Driver, runs: int, concurrency: int) -> tuple[float, Sequence[float]]:
    """Drive a number of runs at a concurrency; return the seconds until all had ended, and those of each call."""
    left = iter(range(runs))
    latencies: list[float] = []

    async def one_caller() -> None:
        latencies.extend([await shape.run_once() for _ in left])

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as callers:
        for _ in range(concurrency):
            callers.create_task(one_caller())
    return time.perf_counter() - begun, latencies
