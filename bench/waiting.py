"""`python -m bench.waiting`: what interactions that wait for receipts cost, in memory and beside them."""

import asyncio
import json
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final

import httpx2
import typer
import uvloop
from rich.console import Console
from rich.table import Table
from temporalio.service import RPCError

from api.engine import tell
from bench.speed.drive import IrisDriven, drive
from bench.speed.far_end import FarEnd
from bench.speed.stage import Stage, open_stage
from domain.identifiers import new_id
from embedded.ports import LOOPBACK
from models.matching import Addressee

OUT: Final = Console(width=160, highlight=False)
AT_ONCE: Final = 40
LIVES: Final = 100
TOLD_AT_ONCE: Final = 10
STILL: Final = 0.15
"""Seconds of the processor in one second, of all processes, below which they count as still."""


def main(
    waiting: Annotated[int, typer.Option(min=100, help="How many interactions wait in the end.")] = 50_000,
    step: Annotated[int, typer.Option(min=100, help="After how many more to measure.")] = 10_000,
    report: Annotated[Path | None, typer.Option(help="Write the measurements here too, as JSON.")] = None,
) -> None:
    """Open more and more interactions that wait for receipts; measure memory, and the cost of whole lives beside them.

    Each is a record in SENT and a run that goes on from it, as after any receipt: the same timer, the same state.
    """
    rows = uvloop.run(_measure(waiting, step))
    table = Table(box=None, pad_edge=False)
    for column in rows[0]:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*(f"{value:.1f}" if isinstance(value, float) else str(value) for value in row.values()))
    OUT.print(table)
    if report is not None:
        report.write_text(json.dumps(rows, indent=2) + "\n")


async def _measure(waiting: int, step: int) -> list[dict[str, float | int]]:
    far_end = await asyncio.get_running_loop().create_server(FarEnd, LOOPBACK, 0)
    with tempfile.TemporaryDirectory(prefix="iris-bench-") as directory:
        async with (
            open_stage(Path(directory), far_end.sockets[0].getsockname()[1]) as stage,
            httpx2.AsyncClient(
                base_url=stage.api_url,
                headers={"Authorization": f"Bearer {stage.demo.api_key}"},
                timeout=60,
                trust_env=False,
            ) as http,
        ):
            lives = IrisDriven(stage, http)
            await drive(lives, LIVES, TOLD_AT_ONCE)
            rows = [await _row(stage, lives, 0)]
            OUT.print(rows[-1])
            template: dict[str, Any] = await stage.database.interactions.find_one({"custom_status": "read"})
            for opened in range(step, waiting + 1, step):
                await _open(stage, template, step)
                rows.append(await _row(stage, lives, opened))
                OUT.print(rows[-1])
            return rows


async def _still(stage: Stage) -> None:
    """Wait until the runs that were opened have taken their first steps, and nothing works any more."""
    before = sum(stage.cpu_seconds().values())
    await asyncio.sleep(1)
    while sum(stage.cpu_seconds().values()) - before > STILL:
        before = sum(stage.cpu_seconds().values())
        await asyncio.sleep(1)


async def _row(stage: Stage, lives: IrisDriven, opened: int) -> dict[str, float | int]:
    await _still(stage)
    memory = {f"{name} MB": size // 2**20 for name, size in stage.memory().items() if name != "shapes"}
    before = stage.cpu_seconds()
    seconds, _ = await drive(lives, LIVES, TOLD_AT_ONCE)
    used = stage.cpu_seconds()
    cpu = sum(used[name] - before[name] for name in used if name != "callers") * 1000 / LIVES
    return {"waiting": opened, **memory, "CPU-ms per life": cpu, "lives per second": LIVES / seconds}


async def _open(stage: Stage, template: dict[str, Any], number: int) -> None:
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
    addressee = Addressee.model_validate(template)
    await asyncio.gather(*(_begin(stage, addressee, ids[place::AT_ONCE]) for place in range(AT_ONCE)))


async def _begin(stage: Stage, addressee: Addressee, ids: Sequence[str]) -> None:
    left = list(ids)
    while left:
        with suppress(RPCError):  # it is asked again, as a provider would
            await tell(stage.temporal, stage.settings, addressee.model_copy(update={"id": left[-1]}), [])
            left.pop()


if __name__ == "__main__":
    typer.run(main)
