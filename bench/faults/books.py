"""The books: what callers were told, and what MongoDB, Temporal and the gateway each hold of every order."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus

from bench.faults.callers import Order
from bench.faults.stage import Stage
from domain.identifiers import derived_id
from domain.status import Standing

WORKFLOWS: Final = "WorkflowType IN ('Interaction', 'Reception')"

Record = Mapping[str, Any]
"""An interaction as MongoDB has it."""

_AT_ONCE: Final = 6
_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Callback:
    """One callback of the gateway; `state` is `pending`, `told` or `abandoned`."""

    status: str
    state: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What the gateway's ledger has of a message.

    Attributes:
        verdicts: on each request that asked for it: taken, repeated, throttled, refused, reused.
    """

    verdicts: Sequence[str] = ()
    callbacks: Sequence[Callback] = ()


@dataclass
class Runs:
    """What Temporal has of an interaction's workflow.

    Attributes:
        dispatches: how often a send was scheduled, in all runs.
        standing: where the last run left it; None while it runs, or when it did not end well.
    """

    statuses: list[str] = field(default_factory=list[str])
    dispatches: int = 0
    standing: Standing | None = None


@dataclass(frozen=True, slots=True)
class Books:
    """All of it, by interaction id.

    Attributes:
        owners: how many users own a destination, by the destination's value.
        last_entries: the interaction that each process names as its last, by the process's id.
    """

    orders: Mapping[str, Order]
    records: Mapping[str, Record]
    ledger: Mapping[str, Entry]
    inbound_states: Mapping[str, str]
    runs: Mapping[str, Runs]
    owners: Mapping[str, int]
    last_entries: Mapping[str, str]


def interaction_of(order: Order, tenant: str) -> str:
    """The id of the interaction that an order makes."""
    if order.is_inbound:
        return derived_id("inbound", order.integration_id, order.key)
    return derived_id("interaction", tenant, order.key)


async def read_books(stage: Stage, gateway: httpx2.AsyncClient, orders: Sequence[Order]) -> Books:
    """Read everything once nothing moves any more."""
    database = stage.database
    owners: defaultdict[str, int] = defaultdict(int)
    async for user in database.users.find({"tenant": stage.demo.tenant}):
        for owned in user["destinations"]:
            owners[owned["value"]] += 1
    return Books(
        orders={interaction_of(order, stage.demo.tenant): order for order in orders},
        records={record["_id"]: record async for record in database.interactions.find()},
        ledger=await _ledger(gateway),
        inbound_states={order.key: await _inbound(gateway, order.key) for order in orders if order.is_inbound},
        runs=await _runs(stage),
        owners=owners,
        last_entries={process["_id"]: process["last_interaction_id"] async for process in database.processes.find()},
    )


async def pending_callbacks(gateway: httpx2.AsyncClient, orders: Sequence[Order]) -> int:
    """How many callbacks the gateway still owes."""
    totals = (await gateway.get("/v1/ledger", params={"limit": 1})).json()["totals"]
    written = [order.key for order in orders if order.is_inbound and order.is_answered]
    states = [await _inbound(gateway, key) for key in written[-_PAGE:]]
    return totals["callbacks"]["pending"] + states.count("pending")


async def _ledger(gateway: httpx2.AsyncClient) -> dict[str, Entry]:
    callbacks = {
        message["reference"]: [Callback(one["status"], one["state"]) for one in message["callbacks"]]
        async for message in _pages(gateway, "/v1/messages", "messages")
    }
    return {
        entry["reference"]: Entry(entry["verdicts"], callbacks.get(entry["reference"], []))
        async for entry in _pages(gateway, "/v1/ledger", "entries")
    }


async def _pages(gateway: httpx2.AsyncClient, path: str, items: str) -> AsyncIterator[dict[str, Any]]:
    after: int | None = 0
    while after is not None:
        page = (await gateway.get(path, params={"after": after, "limit": _PAGE})).json()
        for item in page[items]:
            yield item
        after = page["next"]


async def _inbound(gateway: httpx2.AsyncClient, key: str) -> str:
    response = await gateway.get(f"/v1/inbound/{key}")
    return response.json()["callback"]["state"] if response.is_success else "unknown"


async def _runs(stage: Stage) -> dict[str, Runs]:
    found: defaultdict[str, Runs] = defaultdict(Runs)
    limit = asyncio.Semaphore(_AT_ONCE)

    async def read(interaction_id: str, run_id: str) -> None:
        handle = stage.temporal.get_workflow_handle(f"interaction-{interaction_id}", run_id=run_id)
        async with limit:
            history = await handle.fetch_history()
        scheduled = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        found[interaction_id].dispatches += sum(
            event.event_type == scheduled
            and event.activity_task_scheduled_event_attributes.activity_type.name == "dispatch"
            for event in history.events
        )

    async def read_result(interaction_id: str) -> None:
        handle = stage.temporal.get_workflow_handle(f"interaction-{interaction_id}", result_type=Standing)
        async with limit:
            found[interaction_id].standing = await handle.result(follow_runs=False)

    reading: list[asyncio.Task[None]] = []
    last: dict[str, tuple[Any, WorkflowExecutionStatus | None]] = {}
    async for run in stage.temporal.list_workflows(WORKFLOWS):
        interaction_id = run.id.removeprefix("interaction-")
        found[interaction_id].statuses.append(run.status.name if run.status else "?")
        reading.append(asyncio.create_task(read(interaction_id, run.run_id)))
        if interaction_id not in last or run.start_time > last[interaction_id][0]:
            last[interaction_id] = (run.start_time, run.status)
    await asyncio.gather(*reading)
    completed = [key for key, (_, status) in last.items() if status is WorkflowExecutionStatus.COMPLETED]
    await asyncio.gather(*map(read_result, completed))
    return dict(found)
