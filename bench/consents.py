"""`python -m bench.consents`: time to import and export consents with the `iris` command."""

import json
import subprocess
import sys
import tempfile
import time
from asyncio import to_thread
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from bench.deployment import api_alone

OUT: Final = Console(width=180, highlight=False)

MAX_SECONDS: Final = 60
"""Promised time of an import of 100 000 consents."""


def main(
    number: Annotated[int, typer.Option(min=1_000, help="How many consents.")] = 100_000,
    report: Annotated[Path | None, typer.Option(help="Write the measurements here too, as JSON.")] = None,
) -> None:
    """Import new consents, import them again, export them, and import the export."""
    rows = uvloop.run(_measure(number))
    table = Table("step", "seconds", "a second", "said", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["step"], f"{row['seconds']:.1f}", f"{number / row['seconds']:.0f}", row["said"])
    OUT.print(table)
    OUT.print(f"{number} consents; {MAX_SECONDS} s are promised for an import of 100000")
    if report is not None:
        report.write_text(json.dumps(rows, indent=2) + "\n")


async def _measure(number: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="iris-bench-") as name:
        directory = Path(name)
        rows, exported = directory / "consents.ndjson", directory / "exported.csv"
        rows.write_text("".join(f"{json.dumps(_row(position))}\n" for position in range(number)))
        async with api_alone(directory) as (demo, url):

            async def measured(step: str, command: str, file: Path) -> dict[str, Any]:
                arguments = ["consents", command, "--api-url", url, "--api-key", demo.api_key, str(file)]
                begun = time.perf_counter()
                said = await to_thread(_iris, arguments)
                return {"step": step, "seconds": time.perf_counter() - begun, "said": said}

            return [
                await measured("import of new ones", "import", rows),
                await measured("the same again", "import", rows),
                await measured("export", "export", exported),
                await measured("import of the export", "import", exported),
            ]


def _row(position: int) -> dict[str, str]:
    return {
        "destination": f"34{600_000_000 + position}",
        "channel": "SMS",
        "category": "marketing",
        "state": "out",
        "at": "2026-01-02T03:04:05.678Z",
        "text": "Se dio de baja en la tienda",
    }


def _iris(arguments: list[str]) -> str:
    """Run the `iris` command, and return its last line."""
    command = [sys.executable, "-m", "cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    return done.stdout.strip().rpartition("\n")[2]


if __name__ == "__main__":
    typer.run(main)
