"""`iris strategies`: steps to send a message by, and their runs."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.client import OUT, call, print_json, show_more
from cli.options import AsJson, Connect, Limit, PageCursor, connected
from cli.rules import object_in
from cli.terminal import DataTable

strategies = typer.Typer(help="Strategies: if it does not arrive here, send it there.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The strategy's id.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id: `strategy.runId` of an interaction.")]
File = Annotated[
    Path,
    typer.Argument(exists=True, dir_okay=False, help="JSON file with name, steps and variables, as for the API."),
]


@strategies.command("list")
@connected
def list_all(connect: Connect, limit: Limit = 50, cursor: PageCursor = None, as_json: AsJson = False) -> None:
    """List strategies, the newest first."""
    envelope = call(connect(), "GET", "/v1/strategies", params={"limit": limit, "cursor": cursor or None})
    if as_json:
        print_json(envelope)
        return
    table = DataTable("id", "version", "steps", "name")
    for one in envelope["payload"]["items"]:
        table.add_row(one["id"], str(one["version"]), str(len(one["steps"])), one["name"])
    OUT.print(table)
    show_more(envelope)


@strategies.command()
@connected
def show(
    connect: Connect,
    strategy_id: Id,
    version: Annotated[int | None, typer.Option("--version", help="Which version; else the newest.")] = None,
) -> None:
    """Show a strategy as JSON."""
    params = {"version": str(version)} if version else {}
    print_json(call(connect(), "GET", f"/v1/strategies/{quote(strategy_id)}", params=params)["payload"])


@strategies.command()
@connected
def create(
    connect: Connect,
    file: File,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Idempotency key: calls with the same key create one strategy.")
    ] = None,
) -> None:
    """Create a strategy."""
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    print_json(call(connect(), "POST", "/v1/strategies", object_in(file), headers)["payload"])


@strategies.command()
@connected
def update(connect: Connect, strategy_id: Id, file: File) -> None:
    """Create a new version of a strategy with the given changes."""
    print_json(call(connect(), "PATCH", f"/v1/strategies/{quote(strategy_id)}", object_in(file))["payload"])


@strategies.command()
@connected
def delete(connect: Connect, strategy_id: Id) -> None:
    """Delete a strategy with all its versions; its runs go on."""
    call(connect(), "DELETE", f"/v1/strategies/{quote(strategy_id)}")


@strategies.command("dry-run")
@connected
def dry_run(
    connect: Connect,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="JSON file with strategy, Destinations and assume.")
    ],
    as_json: AsJson = False,
) -> None:
    """Rehearse a strategy on a virtual clock; nothing is sent."""
    envelope = call(connect(), "POST", "/v1/strategies/dry-run", object_in(file))
    if as_json:
        print_json(envelope)
        return
    payload = envelope["payload"]
    table = DataTable("after", "step", "what happens")
    for one in payload["timeline"]["moments"]:
        what = one["outcome"] or one["progress"] or f"starts: {one['reason']}"
        table.add_row(f"{one['afterSeconds']:g} s", str(one["step"] or ""), what)
    OUT.print(table)
    for name, one in payload["cases"].items():
        OUT.print(f"{name}: {one['outcome']}, {one['messages']} sent", highlight=False, markup=False)


@strategies.command()
@connected
def runs(
    connect: Connect,
    outcome: Annotated[str | None, typer.Option(help="Filter by outcome, as unconfirmed.")] = None,
    strategy: Annotated[str | None, typer.Option(help="Filter by a stored strategy's id.")] = None,
    limit: Limit = 50,
    cursor: PageCursor = None,
    as_json: AsJson = False,
) -> None:
    """List runs, the newest first."""
    params = {"limit": limit, "cursor": cursor or None, "outcome": outcome, "strategy": strategy}
    envelope = call(connect(), "GET", "/v1/strategy-runs", params=params)
    if as_json:
        print_json(envelope)
        return
    table = DataTable("id", "created", "steps", "outcome", "name")
    for one in envelope["payload"]["items"]:
        started = sum(step["reason"] is not None for step in one["steps"])
        counts = f"{started} of {len(one['steps'])}"
        table.add_row(one["id"], one["created"], counts, one["outcome"] or "", one["name"] or "")
    OUT.print(table)
    show_more(envelope)


@strategies.command()
@connected
def run(connect: Connect, run_id: RunId, as_json: AsJson = False) -> None:
    """Show a run: which steps started, when and why, and what comes next."""
    _show_run(call(connect(), "GET", f"/v1/strategy-runs/{quote(run_id)}"), as_json=as_json)


@strategies.command()
@connected
def cancel(connect: Connect, run_id: RunId, as_json: AsJson = False) -> None:
    """Cancel a run: no further step starts."""
    _show_run(call(connect(), "POST", f"/v1/strategy-runs/{quote(run_id)}/cancel"), as_json=as_json)


def _show_run(envelope: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(envelope)
        return
    payload = envelope["payload"]
    table = DataTable("step", "channel", "started", "progress", "why", "overlap")
    for one in payload["steps"]:
        channel = one["integration"]["integrationTypeName"]
        why = one["explanation"] or ""
        table.add_row(str(one["step"]), channel, one["started"] or "", one["progress"] or "", why, one["overlap"])
    OUT.print(table)
    OUT.print(payload["next"], highlight=False, markup=False, soft_wrap=True)
