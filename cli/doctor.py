"""Health check of the system, and repair of its discrepancies."""

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from cli.client import ERR, OUT, api_address, fail, server_settings
from cli.options import ApiUrl, AsJson, DataDirectory

if TYPE_CHECKING:
    from operations.health_check import Component
    from settings import Settings
    from workflows.messages import Report


def doctor(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report only; repair nothing.")] = False,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    data_dir: DataDirectory = Path(".iris"),
) -> None:
    """Ask every component whether it is well, compare MongoDB with Temporal, and repair what surely can be.

    Ends with 0 if all is well or repaired, with 1 if something is not, with 2 if a required component does not answer.
    The servers are those of the environment, else those of the running `iris up`.
    """
    # Unreachable components are reported below, in short.
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)
    settings = server_settings(data_dir)
    address = api_url or api_address(data_dir) or settings.public_url
    try:
        components, report = asyncio.run(_examine(settings, address, repairs=not dry_run, quiet=as_json))
    except RuntimeError as error:
        fail(str(error), 2)
    if as_json:
        compared = report.model_dump(mode="json") if report else None
        shown = {"components": [asdict(component) for component in components], "report": compared}
        print(json.dumps(shown, ensure_ascii=False, indent=2))  # noqa: T201 - for programs
    else:
        _show(components, report)
    raise typer.Exit(_exit_code(components, report))


async def _examine(
    settings: "Settings", address: str, *, repairs: bool, quiet: bool
) -> "tuple[Sequence[Component], Report | None]":
    from temporalio.client import WorkflowFailureError
    from temporalio.service import RPCError

    from operations.health_check import examine
    from security.payload_codec import UndecryptableError
    from temporal.reconciliation import ASKED_FOR, NotBegunError, reconcile
    from workflows.messages import ReconciliationInput

    try:
        health = await examine(settings, address)
    except RPCError as error:
        raise RuntimeError(f"Temporal at {settings.temporal_address}: {error}") from error
    if health.client is None:
        return health.components, None
    start = ReconciliationInput(repairs=repairs, max_items=ASKED_FOR)
    with ERR.status("Comparing MongoDB with Temporal …") if not quiet else nullcontext() as status:

        def show_progress(report: "Report") -> None:
            if status is not None and report.examined:
                status.update(f"Comparing MongoDB with Temporal: {_examined(report)} …")

        try:
            return health.components, await reconcile(health.client, settings, start, show_progress)
        except NotBegunError as error:
            raise RuntimeError(f"no worker could begin the comparison, and its run is terminated: {error}") from error
        except (RPCError, UndecryptableError, WorkflowFailureError) as error:
            raise RuntimeError(f"the comparison came to no end: {error}") from error


def _examined(report: "Report") -> str:
    return ", ".join(f"{check} {number}" for check, number in report.examined.items())


def _show(components: "Sequence[Component]", report: "Report | None") -> None:
    for component in components:
        _say("wrong" if component.problem else "well", component.name, component.problem, is_well=not component.problem)
    if report is None:
        ERR.print("MongoDB and Temporal were not compared: a required component does not answer.", soft_wrap=True)
        return
    for check, reason in report.unchecked.items():
        _say("wrong", f"could not compare what is {check}", reason, is_well=False)
    for discrepancy in report.counts.discrepancies:
        done = "repaired" if discrepancy.repair else "found"
        _say(done, discrepancy.interaction_id, discrepancy.sentence(), is_well=discrepancy.repair is not None)
    found, repaired = sum(report.counts.found.values()), sum(report.counts.repaired.values())
    unnamed = found - len(report.counts.discrepancies)
    OUT.print(f"Looked at: {_examined(report)}.", highlight=False, soft_wrap=True)
    OUT.print(f"Found {found}, repaired {repaired}{f'; {unnamed} are not named' if unnamed else ''}.", highlight=False)


def _say(mark: str, subject: str, words: str, *, is_well: bool) -> None:
    colour = "green" if is_well else "red"
    text = f"{subject}: {words}" if words else subject
    OUT.print(f"[{colour}]{mark:<9}[/]{escape(text)}", highlight=False, soft_wrap=True)


def _exit_code(components: "Sequence[Component]", report: "Report | None") -> int:
    if report is None or any(component.unreachable for component in components):
        return 2
    is_clean = not report.unchecked and report.counts.found == report.counts.repaired
    return 0 if is_clean and not any(component.problem for component in components) else 1
