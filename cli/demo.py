"""Demonstration of everything that Iris can send and receive, through the sandbox."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import httpx2
import typer
from rich.markup import escape

from cli.client import ERR, Connection, fail
from cli.options import AsJson, Connect, connected
from cli.terminal import DataTable, SafeConsole, safe_json

if TYPE_CHECKING:
    from embedded.demo_scenarios import DemoResult


@connected
def demo(
    connect: Connect,
    integration: Annotated[
        list[str] | None, typer.Option(help="CHANNEL=ID: sandbox integrations to use, instead of the demo's.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Timeout for one message, in seconds.")] = 60,
    as_json: AsJson = False,
) -> None:
    """Send one message of every type through every channel, and receive one; ends with 1 if one did not succeed."""
    from embedded.demo_scenarios import sandbox_token

    connection = connect()
    integrations = _named_integrations(integration) if integration else connection.integrations
    if not integrations:
        fail("no integrations: name one for each channel to show, as in --integration sms=ID", 2)
    # Only the demo's own integrations use the account whose token is known.
    token = None if integration or not connection.sandbox_url else sandbox_token(connection.secrets_file)
    sent, received = asyncio.run(
        _demonstrate(connection, integrations, timedelta(seconds=timeout), token, quiet=as_json)
    )
    if as_json:
        shown = {"sent": [_result_as_json(connection, result) for result in sent]}
        shown["received"] = [_result_as_json(connection, result) for result in received]
        print(safe_json(shown))  # noqa: T201 - for programs
    else:
        _show_results(connection, [*sent, *received])
    if token is None:
        ERR.print("Nothing was received: the sandbox's token is not known here.", highlight=False)
    if not all(result.succeeded for result in [*sent, *received]):
        raise typer.Exit(1)


def _named_integrations(given: list[str]) -> dict[str, str]:
    from embedded.demo import CHANNELS

    named = {channel: integration_id for channel, _, integration_id in (text.partition("=") for text in given)}
    for channel, integration_id in named.items():
        if channel not in CHANNELS or not integration_id:
            fail(f"--integration is CHANNEL=ID, and a channel one of {', '.join(CHANNELS)}", 2)
    return named


async def _demonstrate(
    connection: Connection, integrations: Mapping[str, str], limit: timedelta, token: str | None, *, quiet: bool
) -> tuple[list["DemoResult"], list["DemoResult"]]:
    """Results of the sent and of the received messages."""
    from rich.progress import Progress

    from embedded.demo_scenarios import DemoRun

    http = connection.http
    headers = {name: http.headers[name] for name in ("Authorization", "Accept-Language")}
    async with httpx2.AsyncClient(base_url=http.base_url, headers=headers, timeout=30, trust_env=False) as api_client:
        with Progress(console=ERR, transient=True, disable=quiet) as progress:
            demo_run = DemoRun(api_client, integrations, limit)
            sending = progress.add_task("Sending", total=len(demo_run.samples()))
            sent = await demo_run.send_all(lambda _: progress.advance(sending))
            if token is None or connection.sandbox_url is None:
                return sent, []
            receiving = progress.add_task("Receiving", total=1)
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx2.AsyncClient(base_url=connection.sandbox_url, headers=headers, trust_env=False) as gateway:
                received = await demo_run.receive(gateway)
            progress.advance(receiving)
            return sent, [received]


def _show_results(connection: Connection, results: list["DemoResult"]) -> None:
    shown = DataTable("channel", "type", "status", "customStatus", "seconds", "link")
    for result in results:
        style = "" if result.succeeded else "red"
        link = connection.workflow_link(result.id) if result.id else None
        words = (result.channel, result.type, result.status or "-", result.custom_status or "")
        shown.add_row(*words, f"{result.seconds:.1f}", link or result.id or "", style=style)
    # As wide as its links, which could not be opened if they were split.
    SafeConsole(width=1_000).print(shown, highlight=False)
    for result in results:
        if result.problem:
            ERR.print(f"[red]{result.channel} {result.type}:[/] {escape(result.problem)}", soft_wrap=True)


def _result_as_json(connection: Connection, result: "DemoResult") -> dict[str, object]:
    return {**result.as_json(), "link": connection.workflow_link(result.id) if result.id else None}
