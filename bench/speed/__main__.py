"""`python -m bench.speed`: measure Iris, the engine ceiling, the minimal workflow and the naive one in one run."""

import os
import platform
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop
from rich.console import Console

from bench.speed.drivers import Driver, FloorDriver, IrisDriver, LimitDriver, NaiveDriver, StepsDriver, on_stage
from bench.speed.measure import LIVES, Results, measure
from bench.speed.report import ratios, table_of, write
from bootstrap import mongodb
from integrations.references import to_reference
from models.integration import Integration

OUT: Final = Console(width=200, highlight=False)
ERR: Final = Console(stderr=True, highlight=False)
RESULTS: Final = Path(__file__).parents[1] / "results"


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each shape at each concurrency.")] = 5,
    at_once: Annotated[
        list[int] | None, typer.Option(help="How many at once; each that is known, if not given.")
    ] = None,
    shapes: Annotated[
        list[str] | None, typer.Option("--shape", help="Only these: ceiling, minimal, steps, iris, naive.")
    ] = None,
    save: Annotated[bool, typer.Option(help="Write bench/results/latest.json and latest.html.")] = True,
) -> None:
    """Measure whole runs: submitted, admitted, dispatched, delivered and read, through the real HTTP routes."""
    results = uvloop.run(_measure(rounds, at_once or list(LIVES), shapes))
    OUT.print(table_of(results))
    for name, value in ratios(results).items() if not shapes else ():
        OUT.print(f"{name}: {value:.2f}")
    OUT.print(f"delivered and read: {results.figures}, {results.history_bytes} bytes of history")
    OUT.print("memory: " + ", ".join(f"{name} {size // 2**20} MB" for name, size in results.memory.items()))
    if save and not shapes:
        write(results, RESULTS, f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")


async def _measure(rounds: int, concurrencies: list[int], shapes: list[str] | None) -> Results:
    async with on_stage() as (stage, http):
        async with mongodb(stage.settings):
            integration = await Integration.get(stage.demo.integrations["whatsapp"])
        assert integration is not None  # noqa: S101 - it was seeded
        driven: list[Driver] = [
            LimitDriver(stage.temporal),
            FloorDriver(stage.temporal),
            StepsDriver(stage, to_reference(integration)),
            IrisDriver(stage, http),
            NaiveDriver(stage, to_reference(integration)),
        ]
        chosen = [shape for shape in driven if not shapes or shape.name in shapes]
        return await measure(stage, chosen, concurrencies, rounds, ERR.print)


if __name__ == "__main__":
    typer.run(main)
