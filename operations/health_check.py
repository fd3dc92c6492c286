"""Health check of each component that Iris needs."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import httpx2
import pymongo
from pymongo.errors import PyMongoError
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from bootstrap import connect_temporal, mongodb_client
from domain.clock import to_wire, utc_now
from models import DOCUMENTS
from models.indexes import Index, State, survey_indexes
from models.worker_fault import FaultSummary, WorkerFault
from security.payload_codec import UndecryptableError
from settings import Settings
from temporal.reconciliation import check_payload_keys, schedule_id
from temporal.task_queues import WORKFLOWS, pollers, queues_of
from workflows import attributes

TIMEOUT: Final = 4.0
"""Timeout for a component's answer, in seconds."""

_PING_SECONDS: Final = 3.0
"""Timeout for MongoDB's answer."""

FAULTS_SHOWN: Final = timedelta(minutes=10)
"""How long after its last fault a polling worker is reported."""


@dataclass(frozen=True, slots=True)
class Component:
    """State of a component.

    Attributes:
        problem: what is wrong with it; empty if nothing is.
        unreachable: whether it does not answer at all.
    """

    name: str
    problem: str = ""
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class HealthReport:
    """State of all components.

    Attributes:
        client: a client of Temporal, if everything answers that comparing MongoDB with Temporal needs.
    """

    components: Sequence[Component]
    client: Client | None


async def examine(settings: Settings, api_url: str) -> HealthReport:
    """Check each component."""
    api, database, (client, temporal) = await asyncio.gather(
        _examine_api(api_url), _examine_mongodb(settings), _connect(settings)
    )
    components = [api, *database.components, temporal]
    if client is None:
        return HealthReport(components, None)
    queues, keys = await asyncio.gather(_examine_queues(client, settings), _examine_keys(client, settings))
    missing = await _missing_search_attributes(client)
    problem = f"{', '.join(missing)} missing: a worker adds them when it starts" if missing else ""
    schedule = Component("reconciliation schedule", await _schedule_problem(client, settings))
    polling = {worker for queue in queues for worker in queue.workers}
    faults = _examine_faults(database.faults, polling)
    components += [
        keys,
        Component("search attributes", problem),
        schedule,
        *(queue.component for queue in queues),
        *faults,
    ]
    comparing = (database.components[0], keys, *(queue.component for queue in queues[:2]))
    return HealthReport(components, None if any(component.unreachable for component in comparing) else client)


async def _examine_api(url: str) -> Component:
    """Check that the API answers and is ready."""
    try:
        async with httpx2.AsyncClient(timeout=TIMEOUT, trust_env=False) as http:
            answer = await http.get(f"{url.rstrip('/')}/health/ready")
            parts: dict[str, str] = answer.json()["parts"]
    except (httpx2.HTTPError, ValueError, KeyError) as error:
        return Component("API", f"{url} does not answer: {type(error).__name__} {error}".rstrip(), unreachable=True)
    missed = ", ".join(name for name, state in parts.items() if state != "ok" and name != "workers")
    return Component("API", f"{url} does not reach {missed}" if missed else "")


@dataclass(frozen=True, slots=True)
class _Database:
    """State of MongoDB and its indexes, and the stored faults of workers."""

    components: Sequence[Component]
    faults: Sequence[FaultSummary] = ()


async def _examine_mongodb(settings: Settings) -> _Database:
    async with mongodb_client(settings) as client:
        try:
            async with asyncio.timeout(TIMEOUT):
                with pymongo.timeout(_PING_SECONDS):
                    await client.admin.command("ping")
                database = client[settings.mongodb_database]
                indexes = await survey_indexes(database, DOCUMENTS)
                faults = await WorkerFault.since(database, utc_now() - FAULTS_SHOWN)
        except (PyMongoError, TimeoutError) as error:
            return _Database(
                [Component("MongoDB", f"no answer: {str(error) or type(error).__name__}"[:300], unreachable=True)]
            )
    return _Database(
        [Component("MongoDB"), Component("indexes of MongoDB", "; ".join(_index_problems(indexes)))], faults
    )


def _index_problems(indexes: Sequence[Index]) -> Iterator[str]:
    remedies = {
        State.MISSING: "`iris indexes --prune` builds them",
        State.OBSOLETE: "`iris indexes --prune` removes them, once every process runs this version",
    }
    for state, remedy in remedies.items():
        names = [f"{one.collection}.{one.name}" for one in indexes if one.state is state]
        if names:
            yield f"{', '.join(names)} {state}: {remedy}"


async def _connect(settings: Settings) -> tuple[Client | None, Component]:
    """Return a Temporal client, and whether Temporal answers."""
    try:
        return await asyncio.wait_for(connect_temporal(settings), TIMEOUT), Component("Temporal")
    except (RuntimeError, TimeoutError) as error:
        words = str(error) or "no answer in time"
        return None, Component("Temporal", f"{settings.temporal_address}: {words}", unreachable=True)


async def _missing_search_attributes(client: Client) -> list[str]:
    request = ListSearchAttributesRequest(namespace=client.namespace)
    known = await client.operator_service.list_search_attributes(request)
    return [key.name for key in attributes.KEYS if key.name not in known.custom_attributes]


async def _schedule_problem(client: Client, settings: Settings) -> str:
    try:
        description = await client.get_schedule_handle(schedule_id(settings)).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return f"{schedule_id(settings)} does not exist: a worker makes it when it starts"
    if description.schedule.state.paused:
        return f"it is paused: {description.schedule.state.note or 'nobody said why'}"
    return ""


async def _examine_keys(client: Client, settings: Settings) -> Component:
    """Check that payloads encrypted by workers can be decrypted here."""
    try:
        await check_payload_keys(client, settings)
    except UndecryptableError as error:
        return Component("payload keys", f"what the workers encrypt cannot be read here: {error}", unreachable=True)
    return Component("payload keys")


def _examine_faults(faults: Sequence[FaultSummary], polling: Collection[str]) -> list[Component]:
    """Report the faults of workers that still poll."""
    return [
        Component(
            f"worker {fault.worker}",
            f"{fault.occurrences} {fault.kind} faults, the last at {to_wire(fault.last)}: {fault.detail}",
        )
        for fault in faults
        if fault.worker in polling
    ]


@dataclass(frozen=True, slots=True)
class _Queue:
    """State of a task queue.

    Attributes:
        workers: identities of the workers that polled it recently.
    """

    component: Component
    workers: frozenset[str] = field(default_factory=frozenset[str])


async def _examine_queues(client: Client, settings: Settings) -> Sequence[_Queue]:
    return await asyncio.gather(
        *(_examine_queue(client, queue, kind) for queue, kind in queues_of(settings.task_queue))
    )


async def _examine_queue(client: Client, name: str, kind: TaskQueueType.ValueType) -> _Queue:
    workers = await pollers(client, name, kind)
    what = "workflows" if kind == WORKFLOWS else "activities"
    problem = "" if workers else "no worker asks for its work: start one with `iris worker`"
    return _Queue(Component(f"workers of {name} ({what})", problem, unreachable=not workers), workers)
