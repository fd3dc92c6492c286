"""`iris interactions`: find, follow, cancel, resend and explain messages."""

from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from cli.client import (
    OUT,
    Connection,
    call,
    explanation_lines,
    fail,
    print_json,
    show_interaction,
    show_more,
    text_of,
    watch_interaction,
)
from cli.messages import send, show
from cli.options import AsJson, Connect, connected
from cli.schedules import ExpireAt, SendAt, TimeZone, ValidFor, WindowOption, schedule_of
from cli.terminal import DataTable
from cli.users import Metadata, PrimaryKey, named_filters

interactions = typer.Typer(help="Interactions: outbound and inbound messages.", no_args_is_help=True)
interactions.command()(send)
interactions.command()(show)

InteractionId = Annotated[str, typer.Argument(metavar="ID", help="The interaction's id.")]

_MAX_PAGE_SIZE: Final = 200


@interactions.command("list")
@connected
def list_interactions(
    connect: Connect,
    status: Annotated[
        list[str] | None, typer.Option("--status", "-s", help="Filter by status; may be repeated.")
    ] = None,
    custom_status: Annotated[str | None, typer.Option(help="Filter by the provider's status.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", "-c", help="SMS, WhatsApp, RCS, Email…")] = None,
    provider: Annotated[str | None, typer.Option(help="A provider's name, in lower case.")] = None,
    integration: Annotated[str | None, typer.Option(help="An integration's id.")] = None,
    process: Annotated[str | None, typer.Option(help="A process's id.")] = None,
    user: Annotated[str | None, typer.Option(help="An end user's id.")] = None,
    destination: Annotated[str | None, typer.Option("--to", help="A destination, spelt in any usual way.")] = None,
    direction: Annotated[str | None, typer.Option(help="out or in.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only those created at or after this instant, as 2026-01-31T09:00:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only those created before this instant.")] = None,
    metadata: Metadata = None,
    primary_key: PrimaryKey = None,
    text: Annotated[str | None, typer.Option("--text", "-t", help="Whole words of the summary, all of them.")] = None,
    resend_of: Annotated[str | None, typer.Option(help="Filter by the interaction that was resent.")] = None,
    waiting_for: Annotated[
        str | None, typer.Option(help="Filter by what it waits for: scheduled, window, throttled, send, delivery…")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Number of items to list.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Where the list before ended.")] = None,
    as_json: AsJson = False,
) -> None:
    """List interactions that match every filter, newest first."""
    filters = {
        "status": status,
        "customStatus": custom_status,
        "channel": channel,
        "provider": provider,
        "integrationId": integration,
        "processId": process,
        "userId": user,
        "destination": destination,
        "direction": direction,
        "since": since,
        "until": until,
        "text": text,
        "resendOf": resend_of,
        "waitingFor": waiting_for,
        **named_filters(metadata, primary_key),
    }
    envelope = _read(connect(), filters, limit, cursor)
    if as_json:
        print_json(envelope)
        return
    _show_page(envelope)


def _show_page(envelope: dict[str, Any]) -> None:
    """Print one page of interactions."""
    table = DataTable("id", "created", "channel", "", "with", "status", "customStatus", "summary")
    for row in envelope["payload"]["items"]:
        table.add_row(
            row["id"],
            row["created"],
            row["integration"]["integrationTypeName"],
            row["direction"],
            ", ".join(destination["value"] for destination in row["destinations"]),
            row["status"],
            row["customStatus"] or "",
            text_of(row["summary"]),
        )
    OUT.print(table)
    show_more(envelope)


def _read(connection: Connection, filters: dict[str, Any], limit: int, cursor: str | None) -> dict[str, Any]:
    """Read rows from as many pages as needed: a page may contain few or none, and still have a next one."""
    items: list[Any] = []
    while True:
        page = {"limit": min(limit - len(items), _MAX_PAGE_SIZE), "cursor": cursor or None}
        envelope = call(connection, "GET", "/v1/interactions", params=filters | page)
        items += envelope["payload"]["items"]
        cursor = envelope["payload"]["nextCursor"]
        if cursor is None or len(items) >= limit:
            envelope["payload"]["items"] = items
            return envelope


@interactions.command()
@connected
def watch(
    connect: Connect,
    interaction_id: InteractionId,
) -> None:
    """Print each step of an interaction as it comes, until it ends."""
    watch_interaction(connect(), interaction_id)


@interactions.command()
@connected
def cancel(
    connect: Connect,
    interaction_id: InteractionId,
    as_json: AsJson = False,
) -> None:
    """Cancel an interaction that no provider has yet; ends with 1, and says why, if it is too late."""
    connection = connect()
    _show(connection, call(connection, "POST", f"/v1/interactions/{quote(interaction_id)}/cancel"), as_json=as_json)


@interactions.command()
@connected
def reschedule(
    connect: Connect,
    interaction_id: InteractionId,
    now: Annotated[bool, typer.Option("--now", help="Send it as soon as its windows allow.")] = False,
    send_at: SendAt = None,
    time_zone: TimeZone = None,
    expire_at: ExpireAt = None,
    valid_for: ValidFor = None,
    window: WindowOption = None,
    as_json: AsJson = False,
) -> None:
    """Change when a held interaction goes; ends with 1, and says why, if it is too late."""
    change = schedule_of(send_at, time_zone, expire_at, valid_for, window)
    if now:
        change["sendAt"] = None
    if not change:
        fail("say when it is to go: --now, --send-at, --expire-at, --valid-for or --window", 2)
    connection = connect()
    envelope = call(connection, "PATCH", f"/v1/interactions/{quote(interaction_id)}/schedule", change)
    _show(connection, envelope, as_json=as_json)


@interactions.command()
@connected
def waiting(connect: Connect, as_json: AsJson = False) -> None:
    """Count the interactions that wait, by what they wait for, each with the oldest."""
    envelope = call(connect(), "GET", "/v1/waiting")
    if as_json:
        print_json(envelope)
        return
    table = DataTable("waiting for", "number", "oldest", "since", "until")
    for row in envelope["payload"]["items"]:
        number = f"{row['count']}{'+' if row['isMore'] else ''}" if row["count"] is not None else "?"
        oldest = row["oldest"] or {"id": "", "created": "", "until": ""}
        table.add_row(row["waitingFor"], number, oldest["id"], oldest["created"], oldest["until"])
    OUT.print(table)


@interactions.command()
@connected
def resend(
    connect: Connect,
    interaction_id: InteractionId,
    integration: Annotated[str | None, typer.Option(help="Id of another integration to send through.")] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Resend even if the first message may still arrive (it may then arrive twice)."),
    ] = False,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Idempotency key: calls with the same key send once.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it until it ends.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send an interaction's contents again, as a new interaction."""
    connection = connect()
    body = {"integrationId": integration, "force": force}
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    envelope = call(connection, "POST", f"/v1/interactions/{quote(interaction_id)}/resend", body, headers)
    if watch:
        watch_interaction(connection, envelope["payload"]["id"])
    else:
        _show(connection, envelope, as_json=as_json)


@interactions.command()
@connected
def explain(
    connect: Connect,
    interaction_id: InteractionId,
    language: Annotated[str, typer.Option(help="es or en.")] = "en",
    as_json: AsJson = False,
) -> None:
    """Say why an interaction is where it is, what it waits for, until when, and what happens then."""
    connection = connect()
    headers = {"Accept-Language": language}
    envelope = call(connection, "GET", f"/v1/interactions/{quote(interaction_id)}/explanation", headers=headers)
    if as_json:
        print_json(envelope)
        return
    for line in explanation_lines(envelope["payload"]):
        OUT.print(line, highlight=False, markup=False, soft_wrap=True)


def _show(connection: Connection, envelope: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(envelope)
    else:
        show_interaction(connection, envelope["payload"])
