"""`python -m bench.faults`: inject faults for a while, and compare the observations."""

import asyncio
import json
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.faults.audit import Fault
from bench.faults.run import Report, RunOptions, run

OUT = Console()
ERR = Console(stderr=True, highlight=False)

MAX_SHOWN = 20


def main(
    seconds: Annotated[float, typer.Option(min=5, help="How long orders are placed and faults happen.")] = 60,
    seed: Annotated[int | None, typer.Option(help="Of all that is left to chance; by chance, and printed.")] = None,
    rate: Annotated[float, typer.Option(min=0.1, help="Orders per second.")] = 2,
    report: Annotated[Path | None, typer.Option(help="Write the report here too, as JSON.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Keep logs and data in this new directory.")] = None,
) -> None:
    """Send through the whole product while its parts are killed (-9), paused, slowed, cut off and garbled.

    Then the answers to callers, MongoDB, the workflows' histories and the gateway's ledger are compared. Ends with 1 if
    anything was lost, sent twice, stuck or recorded wrongly.
    """
    options = RunOptions(secrets.randbelow(10**6) if seed is None else seed, seconds, rate)
    # Not uvloop's: its process start can hang beside the threads of Temporal's client.
    if keep is not None:
        keep.mkdir(parents=True)
        made = asyncio.run(run(options, keep.resolve(), ERR.print))
    else:
        with tempfile.TemporaryDirectory(prefix="iris-faults-") as directory:
            made = asyncio.run(run(options, Path(directory), ERR.print))
    if report is not None:
        report.write_text(json.dumps(made.as_json(), indent=2) + "\n")
    show(made)
    if not made.is_good:
        raise typer.Exit(1)


def show(report: Report) -> None:
    """Print a report for people."""
    summary = Table(
        title=f"seed {report.options.seed}", title_justify="left", box=None, pad_edge=False, show_header=False
    )
    left, seconds = report.settled.left, report.settled.seconds
    settled = f"not: {_list(left)} left" if left else f"{seconds} s after the last fault"
    rows = {
        "interactions": f"{report.interactions}, {report.inbound} of them inbound; {report.messages_accepted} sent",
        "webhook calls": f"{report.webhook_calls}; {report.settled.begun} begun by the reconciliation",
        "faults": _list(report.faults),
        "answers": _list(report.answers),
        "asked afterwards": _list(report.demands),
        "endings": _list(report.endings),
        "ended by themselves": _list(report.own_deaths) or "none",
        "everything had ended": settled,
        **{fault.value: str(report.count(fault)) for fault in Fault},
        "found by iris doctor": str(len(report.contradictions)),
    }
    for name, value in rows.items():
        summary.add_row(f"[bold]{name}[/]", value)
    OUT.print(summary)
    if report.unread:
        OUT.print(f"the books were not compared: {report.unread}", markup=False)
    for finding in report.findings[:MAX_SHOWN]:
        OUT.print(f"{finding.fault}: {finding.interaction_id}: {finding.what}", markup=False, soft_wrap=True)
    for sentence in report.contradictions:
        OUT.print(f"doctor: {sentence}", markup=False, soft_wrap=True)
    if len(report.findings) > MAX_SHOWN:
        OUT.print(f"and {len(report.findings) - MAX_SHOWN} more", markup=False)


def _list(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items())


if __name__ == "__main__":
    typer.run(main)
