"""`iris webhooks`, `iris notifications` and `iris events`: webhook events of a tenant."""

import json
import time
from collections.abc import Iterator
from typing import Annotated, Any, Final
from urllib.parse import quote

import httpx2
import typer

from cli.client import OUT, Connection, call, fail, print_json, show_more
from cli.options import AsJson, Connect, Limit, PageCursor, connected
from cli.terminal import DataTable

webhooks = typer.Typer(help="Webhook endpoints: URLs that receive the events of an integration.", no_args_is_help=True)
notifications = typer.Typer(help="Notifications: events for webhook endpoints.", no_args_is_help=True)

IntegrationId = Annotated[str, typer.Argument(metavar="INTEGRATION", help="The integration's id.")]
NotificationId = Annotated[str, typer.Argument(metavar="ID", help="The notification's id.")]

Params = dict[str, list[str]]

_SILENCE: Final = 60.0
"""Seconds without any data, keep-alives included, after which a stream counts as dead."""


@webhooks.command("show")
@connected
def show_webhook(
    connect: Connect,
    integration_id: IntegrationId,
    as_json: AsJson = False,
) -> None:
    """Show the webhook endpoint and its subscriptions."""
    _show_webhook(call(connect(), "GET", _path(integration_id)), as_json=as_json)


@webhooks.command("set")
@connected
def set_webhook(
    connect: Connect,
    integration_id: IntegrationId,
    url: Annotated[str, typer.Argument(help="URL that receives the events.")],
    event: Annotated[
        list[str] | None, typer.Option("--event", "-e", help="An event, or -EVENT to exclude one; all by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Set the webhook endpoint; the first time, it shows the secret."""
    patterns = event or ["*"]
    if all(pattern.startswith("-") for pattern in patterns):
        patterns = ["*", *patterns]
    body = {"Url": url, "Subscriptions": patterns}
    _show_webhook(call(connect(), "PUT", _path(integration_id), body), as_json=as_json)


@webhooks.command("remove")
@connected
def remove_webhook(
    connect: Connect,
    integration_id: IntegrationId,
) -> None:
    """Delete the webhook endpoint."""
    call(connect(), "DELETE", _path(integration_id))
    OUT.print("removed")


@webhooks.command("rotate-secret")
@connected
def rotate_secret(
    connect: Connect,
    integration_id: IntegrationId,
    as_json: AsJson = False,
) -> None:
    """Rotate the webhook secret and show it; for a day, both sign."""
    path = f"{_path(integration_id)}/rotate-secret"
    _show_webhook(call(connect(), "POST", path), as_json=as_json)


@webhooks.command("redeliver")
@connected
def redeliver_webhook(
    connect: Connect,
    integration_id: IntegrationId,
    since: Annotated[str, typer.Option(help="A moment, as 2026-11-27T12:00:00Z.")],
    as_json: AsJson = False,
) -> None:
    """Redeliver all events since a moment; waits until every delivery is begun."""
    connection, path = connect(), f"{_path(integration_id)}/redeliveries"
    envelope = call(connection, "POST", path, {"Since": since})
    while not envelope["payload"]["isDone"]:
        time.sleep(0.3)
        envelope = call(connection, "GET", f"{path}/{envelope['payload']['id']}")
    if as_json:
        print_json(envelope)
    else:
        OUT.print(f"{envelope['payload']['started']} of {envelope['payload']['examined']} are delivered again")


@notifications.command("list")
@connected
def list_notifications(
    connect: Connect,
    integration: Annotated[str | None, typer.Option(help="Filter by integration id.")] = None,
    interaction: Annotated[str | None, typer.Option(help="Filter by interaction id.")] = None,
    event: Annotated[str | None, typer.Option(help="Filter by event.")] = None,
    state: Annotated[str | None, typer.Option(help="PENDING, DELIVERED, GIVEN_UP or CANCELLED.")] = None,
    host: Annotated[str | None, typer.Option(help="Filter by host and port.")] = None,
    since: Annotated[str | None, typer.Option(help="Only events at or after this instant.")] = None,
    until: Annotated[str | None, typer.Option(help="Only events before this instant.")] = None,
    limit: Limit = 50,
    cursor: PageCursor = None,
    as_json: AsJson = False,
) -> None:
    """List notifications, the newest first."""
    params = {
        "integrationId": integration,
        "interactionId": interaction,
        "event": event,
        "state": state,
        "host": host,
        "since": since,
        "until": until,
        "limit": limit,
        "cursor": cursor,
    }
    envelope = call(connect(), "GET", "/v1/notifications", params=params)
    if as_json:
        print_json(envelope)
        return
    table = DataTable("id", "created", "event", "state", "attempts", "last error")
    for one in envelope["payload"]["items"]:
        words = (one["id"], one["created"], one["event"], one["state"], str(one["attemptCount"]))
        table.add_row(*words, one["lastError"] or "")
    OUT.print(table)
    show_more(envelope)


@notifications.command("show")
@connected
def show_notification(
    connect: Connect,
    notification_id: NotificationId,
    as_json: AsJson = False,
) -> None:
    """Show a notification with its attempts."""
    _notification("GET", notification_id, "", connect(), as_json=as_json)


@notifications.command("redeliver")
@connected
def redeliver_notification(
    connect: Connect,
    notification_id: NotificationId,
    as_json: AsJson = False,
) -> None:
    """Redeliver a notification."""
    _notification("POST", notification_id, "/redeliver", connect(), as_json=as_json)


@notifications.command("cancel")
@connected
def cancel_notification(
    connect: Connect,
    notification_id: NotificationId,
    as_json: AsJson = False,
) -> None:
    """Cancel a notification."""
    _notification("POST", notification_id, "/cancel", connect(), as_json=as_json)


@connected
def events(
    connect: Connect,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow until interrupted.")] = False,
    number: Annotated[int, typer.Option("--number", "-n", help="Without --follow: end after so many.")] = 1,
    integration: Annotated[str | None, typer.Option(help="Filter by integration id.")] = None,
    event: Annotated[list[str] | None, typer.Option("--event", "-e", help="Filter by event; may be repeated.")] = None,
    after: Annotated[
        str | None, typer.Option(help="Id of the last event received; the stream resumes after it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """See what happens, live; it goes on where it was when the connection breaks."""
    connection = connect()
    params: Params = {"event": event or []}
    params |= {"integrationId": [integration]} if integration else {}
    for seen, (position, content) in enumerate(_stream(connection, params, after), start=1):
        if as_json:
            print(json.dumps({"id": position, **content}, ensure_ascii=False), flush=True)  # noqa: T201 - for programs
        else:
            payload = content["Payload"]
            words = (
                content["Created"],
                content["Event"],
                payload["id"],
                payload["status"],
                payload["customStatus"] or "",
            )
            OUT.print("  ".join(words).rstrip(), highlight=False, markup=False, soft_wrap=True)
        if not follow and seen == number:
            return


def _stream(connection: Connection, params: Params, position: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Events with their positions, over as many connections as needed."""
    while True:
        headers = {"Last-Event-ID": position} if position else {}
        try:
            with connection.http.stream(
                "GET", "/v1/events", params=params, headers=headers, timeout=_SILENCE
            ) as response:
                if not response.is_success:
                    response.read()
                    problems = response.json()["error"]
                    fail("; ".join(f"{one['field']}: {one['message']}" for one in problems))
                for line in response.iter_lines():
                    name, _, value = line.partition(": ")
                    if name == "id":
                        position = value
                    elif name == "data":
                        yield position or "", json.loads(value)
        except httpx2.ConnectError as error:
            if position is None:
                fail(f"the API at {connection.http.base_url} does not answer: {error}")
        except httpx2.HTTPError:
            pass  # reconnect and resume at the last position
        time.sleep(1)


def _path(integration_id: str) -> str:
    return f"/v1/integrations/{quote(integration_id)}/webhook"


def _show_webhook(envelope: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(envelope)
        return
    webhook = envelope["payload"]
    table = DataTable("", "")
    table.add_row("url", webhook["url"])
    table.add_row("events", ", ".join(webhook["events"]))
    if webhook["secret"]:
        table.add_row("secret", f"{webhook['secret']}  (shown only now)")
    if webhook["formerSecretUntil"]:
        table.add_row("former secret", f"signs too until {webhook['formerSecretUntil']}")
    OUT.print(table)


def _notification(method: str, notification_id: str, verb: str, connection: Connection, *, as_json: bool) -> None:
    envelope = call(connection, method, f"/v1/notifications/{quote(notification_id)}{verb}")
    if as_json:
        print_json(envelope)
        return
    one = envelope["payload"]
    OUT.print(f"[bold]{one['id']}[/]  {one['event']}  {one['state']}  {one['nextAttempt'] or ''}", highlight=False)
    about = f"interaction {one['interactionId']}" if one["interactionId"] else "consent"
    OUT.print(f"{about} to {one['host']}", highlight=False, soft_wrap=True)
    table = DataTable("when", "round", "attempt", "status", "error")
    for attempt in one["attempts"]:
        numbers = (str(attempt["round"]), str(attempt["number"]), str(attempt["status"] or ""))
        table.add_row(attempt["date"], *numbers, attempt["error"] or "")
    OUT.print(table)
