"""`iris processes`: conversations and their messages."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.client import OUT, call, print_json, show_more, text_of
from cli.options import AsJson, Connect, Limit, PageCursor, connected
from cli.schedules import InOrder, OrderAfter, OrderTimeout, StopOnFailure, order_of
from cli.terminal import DataTable
from cli.users import Metadata, PrimaryKey, named_filters, pairs

processes = typer.Typer(help="Processes: conversations, which group interactions.", no_args_is_help=True)

ProcessId = Annotated[str, typer.Argument(metavar="ID", help="The process's id.")]


@processes.command("list")
@connected
def list_processes(
    connect: Connect,
    user: Annotated[str | None, typer.Option(help="The id of one of its users.")] = None,
    integration: Annotated[str | None, typer.Option(help="The id of its integration.")] = None,
    closed: Annotated[
        bool | None, typer.Option("--closed/--open", help="Filter by whether the process is closed.")
    ] = None,
    draft: Annotated[
        bool | None, typer.Option("--draft/--begun", help="Filter by whether the process is a draft.")
    ] = None,
    metadata: Metadata = None,
    primary_key: PrimaryKey = None,
    since: Annotated[
        str | None, typer.Option(help="Only those created at or after this instant, as 2026-01-31T09:00:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only those created before this instant.")] = None,
    last: Annotated[str | None, typer.Option(help="in or out: whose the last interaction is.")] = None,
    active_since: Annotated[
        str | None, typer.Option(help="Only those whose last interaction is at or after this instant.")
    ] = None,
    active_until: Annotated[
        str | None, typer.Option(help="Only those whose last interaction is before this instant.")
    ] = None,
    unanswered: Annotated[
        bool | None, typer.Option("--unanswered/--answered", help="Filter by whether an end user waits for an answer.")
    ] = None,
    by_activity: Annotated[
        bool, typer.Option("--by-activity", help="Sort by the last interaction instead of creation.")
    ] = False,
    limit: Limit = 50,
    cursor: PageCursor = None,
    as_json: AsJson = False,
) -> None:
    """List processes, the newest first; by the last interaction where an option asks for that."""
    params = {
        "userId": user,
        "integrationId": integration,
        "isClosed": closed,
        "isDraft": draft,
        "since": since,
        "until": until,
        **named_filters(metadata, primary_key),
        "lastDirection": last,
        "activeSince": active_since,
        "activeUntil": active_until,
        "unanswered": unanswered,
        "order": "activity" if by_activity else None,
        "limit": limit,
        "cursor": cursor,
    }
    envelope = call(connect(), "GET", "/v1/processes", params=params)
    if as_json:
        print_json(envelope)
        return
    _show_page(envelope)


def _show_page(envelope: dict[str, Any]) -> None:
    """Print one page of processes."""
    table = DataTable("id", "created", "state", "last", "active", "users")
    for process in envelope["payload"]["items"]:
        direction, active = process["lastDirection"] or "", process["lastInteractionAt"] or ""
        people = ", ".join(process["userIds"])
        table.add_row(process["id"], process["created"], _state(process), direction, active, people)
    OUT.print(table)
    show_more(envelope)


@processes.command()
@connected
def show(
    connect: Connect,
    process_id: ProcessId,
    limit: Annotated[int, typer.Option(help="Number of interactions to list, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show a process, and what was said in it last; with `--json` the process alone."""
    connection, path = connect(), f"/v1/processes/{quote(process_id)}"
    envelope = call(connection, "GET", path)
    _show(envelope, as_json=as_json)
    if as_json:
        return
    interactions = call(connection, "GET", f"{path}/interactions?limit={limit}")["payload"]["items"]
    table = DataTable("interaction", "when", "direction", "status", "customStatus", "text")
    for one in reversed(interactions):
        custom, text = one["customStatus"] or "", text_of(one["summary"])
        table.add_row(one["id"], one["auditTrail"]["created"], one["direction"], one["status"], custom, text)
    OUT.print(table)


@processes.command()
@connected
def create(
    connect: Connect,
    integration: Annotated[str, typer.Argument(help="The integration's id.")],
    user: Annotated[list[str] | None, typer.Option(help="A user's id; may be repeated.")] = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="Create it as a draft: inbound messages do not join it.")
    ] = False,
    metadata: Metadata = None,
    primary_key: PrimaryKey = None,
    in_order: InOrder = None,
    order_after: OrderAfter = None,
    order_timeout: OrderTimeout = None,
    stop_on_failure: StopOnFailure = False,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Idempotency key: calls with the same key create one process.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a process."""
    body = {
        "integrationId": integration,
        "userIds": user or [],
        "isDraft": draft,
        "metadata": pairs(metadata),
        "primaryKey": pairs(primary_key),
        **order_of(in_order, order_after, order_timeout, stop_on_failure=stop_on_failure),
    }
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    _show(call(connect(), "POST", "/v1/processes", body, headers), as_json=as_json)


@processes.command()
@connected
def update(
    connect: Connect,
    process_id: ProcessId,
    draft: Annotated[bool | None, typer.Option("--draft/--begun", help="Whether it is being prepared.")] = None,
    metadata: Metadata = None,
    primary_key: PrimaryKey = None,
    in_order: InOrder = None,
    order_after: OrderAfter = None,
    order_timeout: OrderTimeout = None,
    stop_on_failure: StopOnFailure = False,
    as_json: AsJson = False,
) -> None:
    """Change whether a process is a draft, its order, or all its metadata, or its whole primary key."""
    body: dict[str, Any] = {} if draft is None else {"isDraft": draft}
    body |= {"metadata": pairs(metadata)} if metadata else {}
    body |= {"primaryKey": pairs(primary_key)} if primary_key else {}
    body |= order_of(in_order, order_after, order_timeout, stop_on_failure=stop_on_failure)
    path = f"/v1/processes/{quote(process_id)}"
    _show(call(connect(), "PATCH", path, body), as_json=as_json)


@processes.command()
@connected
def close(
    connect: Connect,
    process_id: ProcessId,
    as_json: AsJson = False,
) -> None:
    """Close a process: sends that name it are refused."""
    path = f"/v1/processes/{quote(process_id)}/close"
    _show(call(connect(), "POST", path), as_json=as_json)


@processes.command()
@connected
def reopen(
    connect: Connect,
    process_id: ProcessId,
    as_json: AsJson = False,
) -> None:
    """Reopen a process."""
    path = f"/v1/processes/{quote(process_id)}/reopen"
    _show(call(connect(), "POST", path), as_json=as_json)


@processes.command("inbound-to-closed")
@connected
def inbound_to_closed(
    connect: Connect,
    choice: Annotated[str | None, typer.Argument(help="replace or reopen; shown unless it is given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Choose whether a message to a closed process opens a new one or reopens it."""
    connection = connect()
    change = ("GET", None) if choice is None else ("PATCH", {"inboundToClosed": choice})
    envelope = call(connection, change[0], "/v1/tenant", change[1])
    if as_json:
        print_json(envelope)
    else:
        OUT.print(envelope["payload"]["inboundToClosed"], highlight=False, markup=False)


def _show(envelope: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(envelope)
        return
    process = envelope["payload"]
    table = DataTable("", "")
    table.show_header = False
    for name in ("id", "integrationId", "created"):
        table.add_row(name, process[name])
    table.add_row("state", _state(process))
    table.add_row("users", ", ".join(process["userIds"]))
    for field in ("metadata", "primaryKey"):
        values: dict[str, Any] = process[field]
        for name, value in values.items():
            table.add_row(f"{field}.{name}", str(value))
    OUT.print(table)


def _state(process: dict[str, Any]) -> str:
    return ("closed" if process["isClosed"] else "open") + (", draft" if process["isDraft"] else "")
