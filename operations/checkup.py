"""Whether each part that Iris needs answers and is as it should be."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import httpx2
import pymongo
from pymongo.errors import PyMongoError
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from bootstrap import connect_temporal, mongodb_client
from models import DOCUMENTS
from models.indexes import Index, State, survey_indexes
from operations.reconciling import schedule_id
from operations.task_queues import WORKFLOWS, queues_of
from settings import Settings
from workflows import attributes

PATIENCE: Final = 10.0
"""Seconds that a part is given to answer."""

_PING_SECONDS: Final = 3.0
"""How long MongoDB is given to say that it is there."""

LATEST_SECONDS: Final = 120
"""How long ago a worker that is well asked for work last; asking takes up to a minute."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part, and how it is.

    Attributes:
        trouble: what is wrong with it; empty if nothing is.
        is_away: whether it does not answer at all.
    """

    name: str
    trouble: str = ""
    is_away: bool = False


@dataclass(frozen=True, slots=True)
class Checkup:
    """How the parts are.

    Attributes:
        client: a client of Temporal, if all answers that is needed to compare MongoDB with Temporal.
    """

    parts: Sequence[Part]
    client: Client | None


async def examine(settings: Settings, api_url: str) -> Checkup:
    """Ask each part how it is."""
    api, (mongodb_part, *indexes), (client, temporal) = await asyncio.gather(
        _examine_api(api_url), _examine_mongodb(settings), _connect(settings)
    )
    parts = [api, mongodb_part, *indexes, temporal]
    if client is None:
        return Checkup(parts, None)
    queues = await asyncio.gather(
        *(_examine_queue(client, queue, kind) for queue, kind in queues_of(settings.task_queue))
    )
    missing = await _missing_search_attributes(client)
    trouble = f"{', '.join(missing)} missing: a worker adds them when it starts" if missing else ""
    schedule = Part("reconciliation schedule", await _schedule_trouble(client, settings))
    parts += [Part("search attributes", trouble), schedule, *queues]
    comparing = (mongodb_part, *queues[:2])
    return Checkup(parts, None if any(part.is_away for part in comparing) else client)


async def _examine_api(url: str) -> Part:
    """Whether the API serves, and says that it can work."""
    try:
        async with httpx2.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
            answer = await http.get(f"{url.rstrip('/')}/health/ready")
            parts: dict[str, str] = answer.json()["parts"]
    except (httpx2.HTTPError, ValueError, KeyError) as error:
        return Part("API", f"{url} does not answer: {type(error).__name__} {error}".rstrip(), is_away=True)
    missed = ", ".join(name for name, state in parts.items() if state != "ok")
    return Part("API", f"{url} does not reach {missed}" if missed else "")


async def _examine_mongodb(settings: Settings) -> Sequence[Part]:
    """Whether MongoDB answers, and whether it has its indexes."""
    async with mongodb_client(settings) as client:
        try:
            async with asyncio.timeout(PATIENCE):
                with pymongo.timeout(_PING_SECONDS):
                    await client.admin.command("ping")
                indexes = await survey_indexes(client[settings.mongodb_database], DOCUMENTS)
        except (PyMongoError, TimeoutError) as error:
            return [Part("MongoDB", f"no answer: {str(error) or type(error).__name__}"[:300], is_away=True)]
    return [Part("MongoDB"), Part("indexes of MongoDB", "; ".join(_trouble_with(indexes)))]


def _trouble_with(indexes: Sequence[Index]) -> Iterator[str]:
    remedies = {
        State.MISSING: "`iris indexes --prune` builds them",
        State.OBSOLETE: "`iris indexes --prune` removes them, once every process runs this version",
    }
    for state, remedy in remedies.items():
        names = [f"{one.collection}.{one.name}" for one in indexes if one.state is state]
        if names:
            yield f"{', '.join(names)} {state}: {remedy}"


async def _connect(settings: Settings) -> tuple[Client | None, Part]:
    """A client of Temporal, and whether Temporal answers."""
    try:
        return await asyncio.wait_for(connect_temporal(settings), PATIENCE), Part("Temporal")
    except (RuntimeError, TimeoutError) as error:
        words = str(error) or "no answer in time"
        return None, Part("Temporal", f"{settings.temporal_address}: {words}", is_away=True)


async def _missing_search_attributes(client: Client) -> list[str]:
    request = ListSearchAttributesRequest(namespace=client.namespace)
    known = await client.operator_service.list_search_attributes(request)
    return [name for name in attributes.NAMES if name not in known.custom_attributes]


async def _schedule_trouble(client: Client, settings: Settings) -> str:
    try:
        description = await client.get_schedule_handle(schedule_id(settings)).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return f"{schedule_id(settings)} does not exist: a worker makes it when it starts"
    if description.schedule.state.paused:
        return f"it is paused: {description.schedule.state.note or 'nobody said why'}"
    return ""


async def _examine_queue(client: Client, name: str, kind: TaskQueueType.ValueType) -> Part:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=name), task_queue_type=kind
    )
    answer = await client.workflow_service.describe_task_queue(request)
    since = time.time() - LATEST_SECONDS
    is_served = any(poller.last_access_time.ToSeconds() > since for poller in answer.pollers)
    what = "workflows" if kind == WORKFLOWS else "activities"
    trouble = "" if is_served else "no worker asks for its work: start one with `iris worker`"
    return Part(f"workers of {name} ({what})", trouble, is_away=not is_served)
