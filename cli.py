"""The `iris` command."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import httpx2
import typer
import uvloop
from rich.console import Console
from rich.markup import escape

from client import ERR, OUT, Connection, call, connect, fail, new_table, show_interaction, watch_interaction

if TYPE_CHECKING:
    from embedded.demo import Demo
    from embedded.showcase import Exhibit

app = typer.Typer(
    name="iris",
    help="One call to send a message through any channel and any provider; every message a durable workflow.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


DataDirectory = Annotated[
    Path, typer.Option("--data-dir", envvar="IRIS_DATA_DIR", help="Where the embedded stack keeps its files.")
]
ApiUrl = Annotated[
    str | None, typer.Option("--api-url", envvar="IRIS_API_URL", help="The API; else that of the running `iris up`.")
]
ApiKey = Annotated[
    str | None, typer.Option("--api-key", envvar="IRIS_API_KEY", help="Your key; else that of the running `iris up`.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's answer as JSON, for programs.")]


@app.command()
def send(
    to: Annotated[list[str], typer.Argument(help="Destinations: phone numbers, e-mail addresses, ids of the channel.")],
    text: Annotated[str, typer.Option("--text", "-t", help="The text, or the body of an e-mail.")] = "",
    channel: Annotated[
        str, typer.Option("--channel", "-c", help="sms, whatsapp, rcs, email or messenger, through the demo.")
    ] = "sms",
    integration: Annotated[str | None, typer.Option(help="An integration's id, instead of a channel.")] = None,
    subject: Annotated[str, typer.Option(help="The subject of an e-mail.")] = "",
    payload: Annotated[str | None, typer.Option(help="The whole payload as JSON, instead of --text.")] = None,
    process: Annotated[str | None, typer.Option(help="The process that it belongs to.")] = None,
    create_user: Annotated[bool, typer.Option(help="Make a user when none has the destination.")] = True,
    create_process: Annotated[bool, typer.Option(help="Make a process when none is named.")] = True,
    idempotency_key: Annotated[str | None, typer.Option(help="Repeats with the same key are sent once.")] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it until it ends.")] = False,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    data_dir: DataDirectory = Path(".iris"),
) -> None:
    """Send one message."""
    connection = connect(api_url, api_key, data_dir)
    integration_id = integration or connection.integrations.get(channel)
    if integration_id is None:
        fail(f"no integration for the channel {channel!r}: name one with --integration", 2)
    body = {
        "payLoad": _payload(payload, channel, subject, text),
        "integrationId": integration_id,
        "processId": process,
        "Destinations": to,
        "AutoCreateUser": create_user,
        "AutoCreateProcess": create_process,
    }
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    envelope = call(connection, "POST", "/v1/interactions", body, headers)
    interaction = envelope["payload"]
    if watch:
        watch_interaction(connection, interaction["id"])
    elif as_json:
        print(json.dumps(envelope, ensure_ascii=False, indent=2))  # noqa: T201 - exactly what was answered
    else:
        show_interaction(connection, interaction)


def _payload(given: str | None, channel: str, subject: str, text: str) -> Any:  # noqa: ANN401 - any JSON
    if given is not None:
        try:
            return json.loads(given)
        except ValueError as error:
            fail(f"--payload is not JSON: {error}", 2)
    match channel:
        case "email":
            return {"Type": "email", "Subject": subject, "Body": text}
        case "rcs":
            return {"Type": "text-message-rcs", "Text": text}
        case _:
            return {"Type": "simple-text", "Text": text}


@app.command()
def show(
    interaction_id: Annotated[str, typer.Argument(metavar="ID", help="The interaction's id.")],
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it until it ends.")] = False,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    data_dir: DataDirectory = Path(".iris"),
) -> None:
    """Show an interaction: where it is, how it came there, and what its provider said."""
    connection = connect(api_url, api_key, data_dir)
    if watch:
        watch_interaction(connection, interaction_id)
        return
    envelope = call(connection, "GET", f"/v1/interactions/{interaction_id}")
    if as_json:
        print(json.dumps(envelope, ensure_ascii=False, indent=2))  # noqa: T201 - exactly what was answered
    else:
        show_interaction(connection, envelope["payload"])


@app.command()
def demo(
    integration: Annotated[
        list[str] | None, typer.Option(help="CHANNEL=ID: sandbox integrations to use, instead of the demo's.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="How many seconds one message may take.")] = 60,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    data_dir: DataDirectory = Path(".iris"),
) -> None:
    """Send one message of every type through every channel, and receive one; ends with 1 if one did not succeed."""
    from embedded.showcase import sandbox_token

    connection = connect(api_url, api_key, data_dir)
    integrations = _named_integrations(integration) if integration else connection.integrations
    if not integrations:
        fail("no integrations: name one for each channel to show, as in --integration sms=ID", 2)
    # Only the demo's own integrations hear the account whose token is known.
    token = None if integration or not connection.sandbox_url else sandbox_token(data_dir / "secrets.json")
    sent, received = asyncio.run(
        _demonstrate(connection, integrations, timedelta(seconds=timeout), token, quiet=as_json)
    )
    if as_json:
        shown = {"sent": [_exhibit_as_json(connection, exhibit) for exhibit in sent]}
        shown["received"] = [_exhibit_as_json(connection, exhibit) for exhibit in received]
        print(json.dumps(shown, ensure_ascii=False, indent=2))  # noqa: T201 - for programs
    else:
        _show_exhibits(connection, [*sent, *received])
    if token is None:
        ERR.print("Nothing was received: the sandbox's token is not known here.", highlight=False)
    if not all(exhibit.succeeded for exhibit in [*sent, *received]):
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
) -> tuple[list["Exhibit"], list["Exhibit"]]:
    """What became of the messages sent, and of those received."""
    from rich.progress import Progress

    from embedded.showcase import Showcase

    http = connection.http
    headers = {"Authorization": http.headers["Authorization"]}
    async with httpx2.AsyncClient(base_url=http.base_url, headers=headers, timeout=30, trust_env=False) as api_client:
        with Progress(console=ERR, transient=True, disable=quiet) as progress:
            showcase = Showcase(api_client, integrations, limit)
            sending = progress.add_task("Sending", total=len(showcase.samples()))
            sent = await showcase.send_all(lambda _: progress.advance(sending))
            if token is None or connection.sandbox_url is None:
                return sent, []
            receiving = progress.add_task("Receiving", total=1)
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx2.AsyncClient(base_url=connection.sandbox_url, headers=headers, trust_env=False) as gateway:
                received = await showcase.receive(gateway)
            progress.advance(receiving)
            return sent, [received]


def _show_exhibits(connection: Connection, exhibits: list["Exhibit"]) -> None:
    shown = new_table("channel", "type", "status", "customStatus", "seconds", "link")
    for exhibit in exhibits:
        style = "" if exhibit.succeeded else "red"
        link = connection.workflow_link(exhibit.id) if exhibit.id else None
        words = (exhibit.channel, exhibit.type, exhibit.status or "-", exhibit.custom_status or "")
        shown.add_row(*words, f"{exhibit.seconds:.1f}", link or exhibit.id or "", style=style)
    # As wide as its links need, which could not be opened in pieces.
    Console(width=1_000).print(shown, highlight=False)
    for exhibit in exhibits:
        if exhibit.problem:
            ERR.print(f"[red]{exhibit.channel} {exhibit.type}:[/] {escape(exhibit.problem)}", soft_wrap=True)


def _exhibit_as_json(connection: Connection, exhibit: "Exhibit") -> dict[str, object]:
    return {**exhibit.as_json(), "link": connection.workflow_link(exhibit.id) if exhibit.id else None}


@app.command()
def api(
    host: Annotated[str, typer.Option(envvar="IRIS_API_HOST", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="IRIS_API_PORT", help="The port to listen on.")] = 8000,
) -> None:
    """Serve the API."""
    import uvicorn

    from api.app import create_app
    from settings import settings

    _log_to_stderr()
    uvicorn.run(
        create_app(settings()),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=15,
    )


@app.command()
def worker() -> None:
    """Run the workflows and do their activities."""
    from settings import settings
    from worker import run_worker

    _log_to_stderr()
    uvloop.run(run_worker(settings()))


@app.command()
def sandbox(
    host: Annotated[str, typer.Option(envvar="IRIS_SANDBOX_HOST", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="IRIS_SANDBOX_PORT", help="The port to listen on.")] = 8001,
) -> None:
    """Serve the sandbox gateway, which plays a provider's far end."""
    from embedded.gateway.server import serve
    from embedded.gateway.settings import GatewaySettings

    _log_to_stderr()
    asyncio.run(serve(GatewaySettings(), host, port))  # pyright: ignore[reportCallIssue] - read from the environment


@app.command()
def seed(as_json: AsJson = False) -> None:
    """Create the demo's tenant, account, API key and sandbox integrations, where they are missing."""
    from embedded.demo import DemoSettings
    from embedded.demo import seed as create
    from settings import settings

    demo = asyncio.run(create(settings(), DemoSettings()))  # pyright: ignore[reportCallIssue] - from the environment
    if as_json:
        print(json.dumps(asdict(demo)))  # noqa: T201 - for programs
    else:
        OUT.print(f"tenant {demo.tenant}, integrations:", highlight=False)
        for channel, integration_id in demo.integrations.items():
            OUT.print(f"  {channel}: {integration_id}", highlight=False)


@app.command()
def up(
    data_dir: DataDirectory = Path(".iris"),
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="Keep nothing after it stops.")] = False,
    api_port: Annotated[int, typer.Option(envvar="IRIS_API_PORT", help="The API's port.")] = 8000,
    sandbox_port: Annotated[int, typer.Option(envvar="IRIS_SANDBOX_PORT", help="The sandbox gateway's port.")] = 8001,
    temporal_port: Annotated[int, typer.Option(envvar="IRIS_TEMPORAL_PORT", help="Temporal's port.")] = 7233,
    temporal_ui_port: Annotated[
        int, typer.Option(envvar="IRIS_TEMPORAL_UI_PORT", help="The port of Temporal's Web UI.")
    ] = 8233,
    mongodb_port: Annotated[int, typer.Option(envvar="IRIS_MONGODB_PORT", help="MongoDB's port.")] = 27017,
) -> None:
    """Run the whole product on this machine: MongoDB, Temporal, sandbox, worker and API, until Ctrl-C.

    MONGODB_URI and TEMPORAL_ADDRESS name servers to use instead of its own.
    """
    from embedded.processes import ServerError
    from embedded.stack import Ports, StackOptions, run_stack

    ports = Ports(
        api=api_port, sandbox=sandbox_port, temporal=temporal_port, temporal_ui=temporal_ui_port, mongodb=mongodb_port
    )
    options = StackOptions(seed=_seed_stack, data_directory=data_dir, ephemeral=ephemeral, ports=ports)
    try:
        asyncio.run(run_stack(options))
    except ServerError as error:
        fail(str(error))


async def _seed_stack(environment: Mapping[str, str]) -> "Demo":
    """Seed as `iris seed` does in the environment of the stack's processes."""
    from embedded.demo import DemoSettings
    from embedded.demo import seed as create
    from settings import Settings

    os.environ.update(environment)
    return await create(Settings(), DemoSettings())  # pyright: ignore[reportCallIssue] - from the environment


def _log_to_stderr() -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=os.environ.get("IRIS_LOG_LEVEL", "INFO").upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    for noisy in ("httpx2", "httpcore2", "pymongo"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def run() -> None:
    """The program's entry."""
    app()


if __name__ == "__main__":
    run()
