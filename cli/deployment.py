"""Deployment of a changed worker (`docs/deploying.md`)."""

import asyncio
import json
import logging
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from cli.client import ERR, OUT, fail, server_settings
from cli.options import AsJson, DataDirectory
from cli.terminal import DataTable

if TYPE_CHECKING:
    from operations.replay_check import Summary
    from settings import Settings
    from temporal.worker_versions import Version


def replay(
    query: Annotated[
        str | None, typer.Option(help="A visibility query; else the open workflows of IRIS_TASK_QUEUE.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of workflows.")] = None,
    as_json: AsJson = False,
    data_dir: DataDirectory = Path(".iris"),
) -> None:
    """Replay the workflows of a server against this code, before it is deployed; ends with 1 if one would break.

    The server is that of TEMPORAL_ADDRESS, else that of the running `iris up`.
    """
    from operations.replay_check import ADVICE

    # Each failure is reported below, in short.
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)
    settings = server_settings(data_dir)
    try:
        summary = asyncio.run(_replay(settings, query, limit, quiet=as_json))
    except RuntimeError as error:
        fail(f"Temporal at {settings.temporal_address}: {error}", 2)
    if as_json:
        advice = ADVICE if summary.failed else None
        print(json.dumps({**asdict(summary), "advice": advice}, ensure_ascii=False, indent=2))  # noqa: T201 - for programs
    else:
        _show(summary, ADVICE)
    if summary.failed:
        raise typer.Exit(1)


def promote(
    build_id: Annotated[
        str | None, typer.Argument(help="The version on which new interactions begin.", show_default=False)
    ] = None,
    wait: Annotated[float, typer.Option(min=0, help="Timeout for the version's workers to appear, in seconds.")] = 60,
    as_json: AsJson = False,
    data_dir: DataDirectory = Path(".iris"),
) -> None:
    """Let new interactions begin on a version of the worker, its TEMPORAL_WORKER_BUILD_ID; show all versions.

    Those that are open end on the version that they began on: stop its workers once it has drained.
    """
    settings = server_settings(data_dir)
    try:
        known = asyncio.run(_promote(settings, build_id, timedelta(seconds=wait)))
    except RuntimeError as error:
        fail(f"Temporal at {settings.temporal_address}: {error}", 2)
    if as_json:
        print(json.dumps([asdict(version) for version in known], indent=2))  # noqa: T201 - for programs
        return
    table = DataTable("version", "status")
    for version in known:
        table.add_row(version.build_id, version.status)
    OUT.print(table)


async def _promote(settings: "Settings", build_id: str | None, max_wait: timedelta) -> "list[Version]":
    from temporalio.service import RPCError

    from bootstrap import connect_temporal
    from temporal.worker_versions import promote, versions

    client, deployment = await connect_temporal(settings), settings.temporal_deployment_name
    try:
        if build_id is not None:
            await promote(client, deployment, build_id, max_wait)
        return await versions(client, deployment)
    except RPCError as error:
        raise RuntimeError(error.message) from error


async def _replay(settings: "Settings", query: str | None, limit: int | None, *, quiet: bool) -> "Summary":
    from rich.progress import Progress
    from temporalio.service import RPCError

    from bootstrap import connect_temporal
    from operations.replay_check import open_workflows, replay, replayer

    client = await connect_temporal(settings)
    wanted = open_workflows(settings.task_queue) if query is None else query
    try:
        found = (await client.count_workflows(wanted)).count
        with Progress(console=ERR, transient=True, disable=quiet) as progress:
            task = progress.add_task("Replaying", total=min(found, limit or found))
            return await replay(
                client,
                wanted,
                limit=limit,
                replayer=replayer(client),
                on_progress=lambda summary: progress.update(task, completed=summary.replayed),
            )
    except* RPCError as errors:
        raise RuntimeError(str(errors.exceptions[0])) from errors


def _show(summary: "Summary", advice: str) -> None:
    for failure in summary.failures:
        ERR.print(f"[red]{failure.workflow_id}[/] {failure.run_id}", highlight=False, soft_wrap=True)
        ERR.print(f"  {escape(failure.reason)}", highlight=False, soft_wrap=True)
    if summary.failed > len(summary.failures):
        ERR.print(f"… and {summary.failed - len(summary.failures)} more", highlight=False)
    OUT.print(f"{summary.replayed} replayed, {summary.failed} failed", highlight=False)
    if summary.failed:
        ERR.print(escape(advice), highlight=False, soft_wrap=True)
