"""Observations: the callers' responses, and the records of MongoDB, Temporal, the gateway and the tenant."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import httpx2
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode

from bench.faults.endpoint import ReceivedDelivery, ledger
from bench.faults.environment import Stage
from bench.faults.requests import Demand, FollowUp, Order
from domain.identifiers import interaction_of, workflow_id
from domain.status import InteractionState
from domain.webhook_events import NotificationState

Record = Mapping[str, Any]
"""A document in MongoDB's form."""

T = TypeVar("T")

TIMEOUT: Final = timedelta(seconds=120)
"""Timeout for reading each source."""

_AT_ONCE: Final = 6
_PAGE: Final = 200


class UnreadableError(Exception):
    """A source that could not be read in time."""


@dataclass(frozen=True, slots=True)
class Callback:
    """One callback of the gateway; `state` is `pending`, `delivered` or `abandoned`."""

    status: str
    state: str


@dataclass(frozen=True, slots=True)
class Entry:
    """The gateway's ledger entry of a message.

    Attributes:
        verdicts: on each request: accepted, repeated, throttled, refused, reused.
        received: the time of each request.
    """

    verdicts: Sequence[str] = ()
    received: Sequence[datetime] = ()
    callbacks: Sequence[Callback] = ()


@dataclass
class Runs:
    """Temporal's record of an interaction's workflow.

    Attributes:
        dispatches: number of scheduled sends, in all runs, without those that the sender's throttle put off.
        state: final state of the last run; None while it runs, or when it failed.
    """

    statuses: list[str] = field(default_factory=list[str])
    dispatches: int = 0
    state: InteractionState | None = None


@dataclass(frozen=True, slots=True)
class Observations:
    """All observations; by interaction id, unless stated otherwise.

    Attributes:
        inbound_states: state of the gateway's callback for each message that an end user wrote, by its key.
        users, processes, strategy_runs: by their own ids.
        deliveries: deliveries that the tenant's endpoint received.
        undelivered: the states of the notifications that are not delivered.
        traces: where MongoDB still has personal data of an order whose user is erased, by the order's key.
    """

    orders: Mapping[str, Order]
    demands: Sequence[Demand]
    records: Mapping[str, Record]
    ledger: Mapping[str, Entry]
    inbound_states: Mapping[str, str]
    runs: Mapping[str, Runs]
    users: Mapping[str, Record]
    processes: Mapping[str, Record]
    strategy_runs: Mapping[str, Record]
    deliveries: Mapping[str, Sequence[ReceivedDelivery]]
    undelivered: Mapping[str, Sequence[str]]
    traces: Mapping[str, Sequence[str]]

    @property
    def erased(self) -> list[Order]:
        """Orders whose users were to be erased."""
        return erased(self.demands)


def erased(demands: Sequence[Demand]) -> list[Order]:
    """Orders whose users were to be erased, or merged into one that was."""
    named = [
        step
        for demand in demands
        if demand.follow_up is FollowUp.ERASE
        for step in (demand.order, demand.order.then)
        if step is not None
    ]
    return [*named, *(one.order for one in demands if one.follow_up is FollowUp.MERGE and one.into in named)]


async def read_observations(
    stage: Stage, gateway: httpx2.AsyncClient, orders: Sequence[Order], demands: Sequence[Demand]
) -> Observations:
    """Read all observations once the system is idle.

    Raises:
        UnreadableError: if a source cannot be read in time; the error names it.
    """
    inbound = [order.key for order in orders if order.is_inbound]
    mongodb = await in_time("MongoDB", _documents(stage))
    deliveries: defaultdict[str, list[ReceivedDelivery]] = defaultdict(list)
    for one in ledger(stage.endpoint_ledger):
        deliveries[one.interaction_id].append(one)
    undelivered: defaultdict[str, list[str]] = defaultdict(list)
    for notification in mongodb["notifications"]:
        if notification["state"] != NotificationState.DELIVERED:
            undelivered[notification["interaction_id"]].append(notification["state"])
    return Observations(
        orders={order.interaction_id: order for order in orders},
        demands=demands,
        records=_by_id(mongodb["interactions"]),
        ledger=await in_time("the gateway's ledger", _ledger(gateway)),
        inbound_states=await in_time("the gateway's messages from end users", _inbound_states(gateway, inbound)),
        runs=await in_time("the workflows' histories", _runs(stage)),
        users=_by_id(mongodb["users"]),
        processes=_by_id(mongodb["processes"]),
        strategy_runs=_by_id(mongodb["strategy_runs"]),
        deliveries=deliveries,
        undelivered=undelivered,
        traces=_traces(mongodb, erased(demands)),
    )


async def in_time(what: str, reading: Awaitable[T]) -> T:
    """Await a source.

    Raises:
        UnreadableError: if it is not read in time.
    """
    try:
        return await asyncio.wait_for(reading, TIMEOUT.total_seconds())
    except TimeoutError as error:
        raise UnreadableError(f"{what} did not come within {TIMEOUT.total_seconds():.0f} s") from error


async def pending_callbacks(gateway: httpx2.AsyncClient, orders: Sequence[Order]) -> int:
    """Number of callbacks that the gateway has not yet delivered."""
    totals = (await gateway.get("/v1/ledger", params={"limit": 1})).json()["totals"]
    written = [order.key for order in orders if order.is_inbound and order.is_answered]
    states = [await _inbound(gateway, key) for key in written[-_PAGE:]]
    return totals["callbacks"]["pending"] + states.count("pending")


async def _documents(stage: Stage) -> dict[str, list[Record]]:
    """Every document, by collection, including empty ones."""
    database = stage.database
    needed = ("interactions", "notifications", "processes", "strategy_runs", "users")
    names = {*needed, *await database.list_collection_names()}
    return {name: await database[name].find().to_list() for name in names}


def _by_id(documents: Iterable[Record]) -> dict[str, Record]:
    return {document["_id"]: document for document in documents}


def _traces(documents: Mapping[str, Iterable[Record]], orders: Sequence[Order]) -> dict[str, list[str]]:
    """Places with personal data of these orders."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, those in documents.items():
        for document in those:
            text = repr(document)
            for order in orders:
                # A second step that is admitted at that moment makes a new user, as any such send does.
                is_of_strategy = order.then is not None or order.is_later_step
                if name == "users" and is_of_strategy and document["erasure"] is None:
                    continue
                if order.key in text or order.destination in text:
                    found[order.key].append(f"{name} {document['_id']}")
    return found


async def _ledger(gateway: httpx2.AsyncClient) -> dict[str, Entry]:
    callbacks = {
        message["reference"]: [Callback(one["status"], one["state"]) for one in message["callbacks"]]
        async for message in _pages(gateway, "/v1/messages", "messages")
    }
    return {
        entry["reference"]: Entry(
            entry["verdicts"],
            [datetime.fromtimestamp(instant, UTC) for instant in entry["receivedAt"]],
            callbacks.get(entry["reference"], []),
        )
        async for entry in _pages(gateway, "/v1/ledger", "entries")
    }


async def _pages(gateway: httpx2.AsyncClient, path: str, items: str) -> AsyncIterator[dict[str, Any]]:
    after: int | None = 0
    while after is not None:
        page = (await gateway.get(path, params={"after": after, "limit": _PAGE})).json()
        for item in page[items]:
            yield item
        after = page["next"]


async def _inbound_states(gateway: httpx2.AsyncClient, keys: Sequence[str]) -> dict[str, str]:
    return {key: await _inbound(gateway, key) for key in keys}


async def _inbound(gateway: httpx2.AsyncClient, key: str) -> str:
    response = await gateway.get(f"/v1/inbound/{key}")
    return response.json()["callback"]["state"] if response.is_success else "unknown"


async def _runs(stage: Stage) -> dict[str, Runs]:
    """Runs that Temporal still has; those of erased users' interactions disappear while they are read."""
    found: defaultdict[str, Runs] = defaultdict(Runs)
    limit = asyncio.Semaphore(_AT_ONCE)
    last: dict[str, Any] = {}

    async def read(interaction_id: str, run_id: str, status: WorkflowExecutionStatus | None) -> None:
        handle = stage.temporal.get_workflow_handle(
            workflow_id(interaction_id), run_id=run_id, result_type=InteractionState
        )
        try:
            async with limit:
                history = await handle.fetch_history()
                is_done = status is WorkflowExecutionStatus.COMPLETED
                result = await handle.result(follow_runs=False) if is_done else None
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return
        runs = found[interaction_id]
        runs.statuses.append(status.name if status else "?")
        runs.dispatches += len(sends := _sends(history)) - await _put_off(stage.temporal, history, sends)
        if last[interaction_id].run_id == run_id:
            runs.state = result

    listed = [run async for run in stage.temporal.list_workflows("WorkflowType IN ('Interaction', 'InboundMessage')")]
    for run in sorted(listed, key=lambda run: run.start_time):
        last[interaction_of(run.id)] = run
    await asyncio.gather(*(read(interaction_of(run.id), run.run_id, run.status) for run in listed))
    return dict(found)


def _sends(history: WorkflowHistory) -> set[int]:
    """Ids of the events by which sends were scheduled."""
    return {
        event.event_id
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        and event.activity_task_scheduled_event_attributes.activity_type.name == "dispatch"
    }


async def _put_off(temporal: Client, history: WorkflowHistory, sends: set[int]) -> int:
    """Number of sends that were not made, because the gate held the message for its sender's throttle."""
    results = [
        event.activity_task_completed_event_attributes.result.payloads
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
        and event.activity_task_completed_event_attributes.scheduled_event_id in sends
    ]
    kinds = [(await temporal.data_converter.decode(result))[0]["kind"] for result in results]
    return kinds.count("held")
