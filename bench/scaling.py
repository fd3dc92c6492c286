"""`python -m bench.scaling`: cost of a message beside increasing numbers of stored and waiting ones."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import aiohttp
import typer
import uvloop
from rich.console import Console
from rich.table import Table
from temporalio.service import RPCError

from bench.speed.drivers import IrisDriver, drive, on_stage
from bench.speed.stage import Stage
from domain.identifiers import new_id
from queries.correlation import InteractionRef
from temporal.interactions import signal_events

OUT: Final = Console(width=200, highlight=False)
AT_ONCE: Final = 40
LIVES: Final = 60
ROUNDS: Final = 8
"""Number of repetitions, of which the cheapest counts: other load on the machine only adds to it."""
MAX_CONCURRENT_NOTIFICATIONS: Final = 10
STILL: Final = 0.15
"""CPU seconds per second, of all processes, below which they count as idle."""

Row = dict[str, float | int]


def main(
    stored: Annotated[
        list[int] | None, typer.Option(help="How many ended interactions are stored: 1 000, 10 000, 100 000.")
    ] = None,
    waiting: Annotated[
        list[int] | None, typer.Option(help="How many wait for receipts after that: 1 000, 10 000, 50 000.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the measurements here too, as JSON.")] = None,
) -> None:
    """Measure the cost of whole runs beside more and more interactions, the memory, and how long restarts take.

    A waiting one is a record in SENT and a run that goes on from it, as after any receipt: same timer, same state.
    """
    rows = uvloop.run(_measure(stored or [1_000, 10_000, 100_000], waiting or [1_000, 10_000, 50_000]))
    table = Table(box=None, pad_edge=False)
    for column in rows[0]:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*(f"{value:.1f}" if isinstance(value, float) else str(value) for value in row.values()))
    OUT.print(table)
    if report is not None:
        report.write_text(json.dumps(rows, indent=2) + "\n")


async def _measure(stored: Sequence[int], waiting: Sequence[int]) -> list[Row]:
    async with _running() as (stage, driver):
        await drive(driver, LIVES, MAX_CONCURRENT_NOTIFICATIONS)
        template: dict[str, Any] = await stage.database.interactions.find_one({"custom_status": "read"})
        rows: list[Row] = []
        for number in stored:
            await _store(stage, template, number - await stage.database.interactions.estimated_document_count())
            rows.append(await _row(stage, driver, number, 0))
        opened = 0
        for number in waiting:
            await _open(stage, template, number - opened)
            opened = number
            rows.append(await _row(stage, driver, stored[-1] + opened, opened))
        for part in ("worker", "temporal"):
            OUT.print(
                f"{part} restarted after kill -9, and a life driven, in {await _restarted(stage, driver, part):.1f} s"
            )
        return rows


@asynccontextmanager
async def _running() -> AsyncGenerator[tuple[Stage, IrisDriver]]:
    async with on_stage() as (stage, http):
        yield stage, IrisDriver(stage, http)


async def _restarted(stage: Stage, driver: IrisDriver, part: str) -> float:
    """Seconds from the death of a process until an end-to-end run succeeds again."""
    await stage.servers[part].kill()
    begun = time.monotonic()
    await stage.servers[part].start()
    while True:
        with suppress(aiohttp.ClientError, TimeoutError):
            await driver.run_once()
            return time.monotonic() - begun
        await asyncio.sleep(0.2)


async def _still(stage: Stage) -> None:
    """Wait until the opened runs have taken their first steps, and all processes are idle."""
    before = sum(stage.cpu_seconds().values())
    await asyncio.sleep(1)
    while sum(stage.cpu_seconds().values()) - before > STILL:
        before = sum(stage.cpu_seconds().values())
        await asyncio.sleep(1)


async def _row(stage: Stage, driver: IrisDriver, stored: int, opened: int) -> Row:
    await _still(stage)
    memory = {f"{name} MB": size // 2**20 for name, size in stage.memory().items() if name != "shapes"}
    rounds = [await _cost(stage, driver) for _ in range(ROUNDS)]
    cost, speed = min(rounds, key=lambda one: sum(one[0].values()))
    row = {
        "stored": stored,
        "waiting": opened,
        **memory,
        **{f"{name} CPU-ms": used for name, used in cost.items()},
        "CPU-ms per life": sum(cost.values()),
        "runs per second": speed,
    }
    OUT.print(row)
    return row


async def _cost(stage: Stage, driver: IrisDriver) -> tuple[dict[str, float], float]:
    """CPU milliseconds per end-to-end run, by process, and runs per second."""
    before = stage.cpu_seconds()
    seconds, _ = await drive(driver, LIVES, MAX_CONCURRENT_NOTIFICATIONS)
    used = stage.cpu_seconds()
    cpu = {name: (used[name] - before[name]) * 1000 / LIVES for name in used if name not in {"callers", "shapes"}}
    return cpu, LIVES / seconds


async def _store(stage: Stage, template: dict[str, Any], number: int) -> None:
    """Insert ended interactions, a minute apart, each with a user and a process of its own."""
    user: dict[str, Any] = await stage.database.users.find_one({"_id": template["user_ids"][0]})
    process: dict[str, Any] = await stage.database.processes.find_one({"_id": template["process_id"]})
    for place in range(0, number, 1_000):
        interactions: list[dict[str, Any]] = []
        users: list[dict[str, Any]] = []
        processes: list[dict[str, Any]] = []
        for offset in range(place, min(place + 1_000, number)):
            created = template["created"] - timedelta(minutes=offset + 1)
            one, user_id, process_id = new_id(), new_id(), new_id()
            value = str(34_700_000_000 + int(one[-8:], 16) % 99_999_999)
            named = {"value": value, "normal_form": value}
            destinations = [{**template["destinations"][0], **named, "user_id": user_id}]
            interactions.append(
                {
                    **template,
                    "_id": one,
                    "created": created,
                    "process_id": process_id,
                    "user_ids": [user_id],
                    "destinations": destinations,
                    "provider_message_ids": [f"sbx_{one}"],
                }
            )
            owned = {**user["destinations"][0], "value": one, "normal_form": one}
            users.append({**user, "_id": user_id, "destinations": [owned]})
            processes.append({**process, "_id": process_id, "user_ids": [user_id], "last_interaction_id": one})
        for collection, documents in (("interactions", interactions), ("users", users), ("processes", processes)):
            await stage.database[collection].insert_many(documents, ordered=False)


async def _open(stage: Stage, template: dict[str, Any], number: int) -> None:
    """Open further interactions that wait for receipts."""
    ids = [new_id() for _ in range(number)]
    sent: dict[str, Any] = {
        "status": "SENT",
        "custom_status": "queued",
        "milestone": 1,
        "sequence": 3,
        "history": template["history"][:3],
        "provider_events": [],
    }
    await stage.database.interactions.insert_many([{**template, **sent, "_id": one} for one in ids], ordered=False)
    interaction = InteractionRef.model_validate(template)
    await asyncio.gather(*(_begin(stage, interaction, ids[place::AT_ONCE]) for place in range(AT_ONCE)))


async def _begin(stage: Stage, interaction: InteractionRef, ids: Sequence[str]) -> None:
    left = list(ids)
    while left:
        with suppress(RPCError):  # it is retried, as a provider would
            await signal_events(stage.temporal, stage.settings, interaction.model_copy(update={"id": left[-1]}), [])
            left.pop()


if __name__ == "__main__":
    typer.run(main)
