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
    """Ask every part whether it is well, compare MongoDB with Temporal, and repair what surely can be.

    Ends with 0 if all is well or repaired, with 1 if something is not, with 2 if a part that is needed does not answer.
    The servers are those of the environment, else those of the running `iris up`.
    """
    # Unreachable components are reported below, in short.
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)
    settings = server_settings(data_dir)
    address = api_url or api_address(data_dir) or settings.public_url
    try:
        parts, report = asyncio.run(_examine(settings, address, repairs=not dry_run, quiet=as_json))
    except RuntimeError as error:
        fail(str(error), 2)
    if as_json:
        findings = report.model_dump(mode="json") if report else None
        shown = {"parts": [asdict(part) for part in parts], "report": findings}
        print(json.dumps(shown, ensure_ascii=False, indent=2))  # noqa: T201 - for programs
    else:
        _show(parts, report)
    raise typer.Exit(_exit_code(parts, report))


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
        checkup = await examine(settings, address)
    except RPCError as error:
        raise RuntimeError(f"Temporal at {settings.temporal_address}: {error}") from error
    if checkup.client is None:
        return checkup.parts, None
    start = ReconciliationInput(repairs=repairs, most=ASKED_FOR)
    with ERR.status("Comparing MongoDB with Temporal …") if not quiet else nullcontext() as status:

        def show_progress(report: "Report") -> None:
            if status is not None and report.looked_at:
                status.update(f"Comparing MongoDB with Temporal: {_looked_at(report)} …")

        try:
            return checkup.parts, await reconcile(checkup.client, settings, start, show_progress)
        except NotBegunError as error:
            raise RuntimeError(f"no worker could begin the comparison, and its run is terminated: {error}") from error
        except (RPCError, UndecryptableError, WorkflowFailureError) as error:
            raise RuntimeError(f"the comparison came to no end: {error}") from error


def _looked_at(report: "Report") -> str:
    return ", ".join(f"{check} {number}" for check, number in report.looked_at.items())


def _show(parts: "Sequence[Component]", report: "Report | None") -> None:
    for part in parts:
        _say("wrong" if part.trouble else "well", part.name, part.trouble, is_well=not part.trouble)
    if report is None:
        ERR.print("MongoDB and Temporal were not compared: a part that is needed does not answer.", soft_wrap=True)
        return
    for check, reason in report.unchecked.items():
        _say("wrong", f"could not compare what is {check}", reason, is_well=False)
    for finding in report.tally.findings:
        done = "repaired" if finding.repair else "found"
        _say(done, finding.interaction_id, finding.sentence(), is_well=finding.repair is not None)
    found, repaired = sum(report.tally.found.values()), sum(report.tally.repaired.values())
    unnamed = found - len(report.tally.findings)
    OUT.print(f"Looked at: {_looked_at(report)}.", highlight=False, soft_wrap=True)
    OUT.print(f"Found {found}, repaired {repaired}{f'; {unnamed} are not named' if unnamed else ''}.", highlight=False)


def _say(mark: str, subject: str, words: str, *, is_well: bool) -> None:
    colour = "green" if is_well else "red"
    text = f"{subject}: {words}" if words else subject
    OUT.print(f"[{colour}]{mark:<9}[/]{escape(text)}", highlight=False, soft_wrap=True)


def _exit_code(parts: "Sequence[Component]", report: "Report | None") -> int:
    if report is None or any(part.is_away for part in parts):
        return 2
    is_clean = not report.unchecked and report.tally.found == report.tally.repaired
    return 0 if is_clean and not any(part.trouble for part in parts) else 1
