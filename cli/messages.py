"""`iris send` and `iris show`: send a message, and show its status."""

import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.attachments import media_type_of, upload_file
from cli.client import (
    OUT,
    Connection,
    call,
    fail,
    integration_of,
    print_json,
    show_interaction,
    watch_interaction,
)
from cli.options import AsJson, Connect, Variables, connected
from cli.rules import object_in
from cli.schedules import (
    ExpireAt,
    InOrder,
    OrderAfter,
    OrderTimeout,
    SendAt,
    StopOnFailure,
    TimeZone,
    ValidFor,
    WindowOption,
    order_of,
    schedule_of,
)
from cli.users import Metadata, PrimaryKey, pairs

ChannelName = Annotated[
    str,
    typer.Option(
        "--channel",
        "-c",
        help="sms, whatsapp, rcs, email or messenger: the demo's integration, else your only one of the channel.",
    ),
]
Files = Annotated[
    list[Path] | None, typer.Option(exists=True, dir_okay=False, help="A file to attach; may be repeated.")
]
StrategyName = Annotated[
    str | None, typer.Option(help="A strategy's id, or a JSON file with steps, instead of --text and --channel.")
]
CategoryName = Annotated[
    str | None, typer.Option(help="authentication, transactional or marketing; else the template's.")
]
Key = Annotated[str | None, typer.Option(help="Idempotency key: calls with the same key send once.")]
OnlyCheck = Annotated[
    bool, typer.Option("--dry-run", help="Only check, and show what would be sent; nothing is sent or stored.")
]


@connected
def send(
    connect: Connect,
    to: Annotated[list[str], typer.Argument(help="Destinations: phone numbers, e-mail addresses, ids of the channel.")],
    text: Annotated[str, typer.Option("--text", "-t", help="The text, or the body of an e-mail.")] = "",
    channel: ChannelName = "sms",
    integration: Annotated[str | None, typer.Option(help="An integration's id, instead of a channel.")] = None,
    subject: Annotated[str, typer.Option(help="The subject of an e-mail.")] = "",
    payload: Annotated[str | None, typer.Option(help="The whole payload as JSON, instead of --text.")] = None,
    template: Annotated[str | None, typer.Option(help="A template's id, instead of --text.")] = None,
    template_version: Annotated[int | None, typer.Option(help="Which version of it; else the newest.")] = None,
    var: Variables = None,
    strategy: StrategyName = None,
    attach: Files = None,
    process: Annotated[str | None, typer.Option(help="Id of the process that it joins.")] = None,
    create_user: Annotated[bool, typer.Option(help="Create a user if none has the destination.")] = True,
    create_process: Annotated[bool, typer.Option(help="Create a process if none is named.")] = True,
    category: CategoryName = None,
    metadata: Metadata = None,
    primary_key: PrimaryKey = None,
    force: Annotated[bool, typer.Option("--force", help="Send it to recipients who opted out, too.")] = False,
    in_order: InOrder = None,
    order_after: OrderAfter = None,
    order_timeout: OrderTimeout = None,
    stop_on_failure: StopOnFailure = False,
    send_at: SendAt = None,
    time_zone: TimeZone = None,
    expire_at: ExpireAt = None,
    valid_for: ValidFor = None,
    window: WindowOption = None,
    idempotency_key: Key = None,
    dry_run: OnlyCheck = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it until it ends.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send one message."""
    if dry_run and (attach or watch):
        fail("--dry-run stores no file and has nothing to follow: use it without --attach and --watch", 2)
    connection = connect()
    what = _stored(strategy, template, template_version, pairs(var))
    body = {
        **(what or {"payLoad": _payload(payload, channel.lower(), subject, text, attach or [])}),
        **({} if strategy else {"integrationId": integration_of(connection, channel, integration)}),
        "processId": process,
        "Destinations": to,
        "AutoCreateUser": create_user,
        "AutoCreateProcess": create_process,
        "category": category,
        "force": force,
        "metadata": pairs(metadata),
        "primaryKey": pairs(primary_key),
        **order_of(in_order, order_after, order_timeout, stop_on_failure=stop_on_failure),
        **schedule_of(send_at, time_zone, expire_at, valid_for, window),
        "dryRun": dry_run,
        "attachmentsId": _upload(connection, attach or [], idempotency_key),
    }
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    envelope = call(connection, "POST", "/v1/interactions", body, headers)
    _report(connection, envelope, watch=watch, as_json=as_json)


def _report(connection: Connection, envelope: dict[str, Any], *, watch: bool, as_json: bool) -> None:
    """Print the answer to a send, or follow its message."""
    if watch:
        watch_interaction(connection, envelope["payload"]["id"])
    elif as_json:
        print_json(envelope)
    else:
        _show(connection, envelope["payload"])


def _stored(
    strategy: str | None, template: str | None, template_version: int | None, variables: dict[str, str]
) -> dict[str, Any]:
    """The stored strategy, the steps in a file, or the template that a send names; empty without any."""
    if strategy:
        file = Path(strategy)
        return {"strategy": object_in(file) if file.is_file() else {"id": strategy, "variables": variables}}
    return {"template": {"id": template, "version": template_version, "variables": variables}} if template else {}


def _show(connection: Connection, interaction: dict[str, Any]) -> None:
    """Print the result of a send or of a dry run."""
    if interaction.get("dryRun"):
        _show_dry_run(interaction)
    else:
        show_interaction(connection, interaction)


def _show_dry_run(interaction: dict[str, Any]) -> None:
    """Print the result of a dry run: the contents, the user and the process."""
    users = "a new user" if interaction["createsUser"] else ", ".join(one["name"] for one in interaction["users"])
    process = "a new process" if interaction["createsProcess"] else f"process {interaction['processId']}"
    to = ", ".join(destination["value"] for destination in interaction["destinations"])
    OUT.print("Dry run: nothing was sent or stored", highlight=False)
    OUT.print(f"to {to}: {users}, {process}", highlight=False, markup=False, soft_wrap=True)
    if interaction["held"]:
        OUT.print(interaction["held"]["explanation"], highlight=False, markup=False, soft_wrap=True)
    if "sms" in interaction["metadata"]:
        sms = interaction["metadata"]["sms"]
        OUT.print(f"SMS: {sms['encoding']}, segments: {sms['segments']}", highlight=False)
    print_json(interaction["payload"])


def _upload(connection: Connection, files: list[Path], idempotency_key: str | None) -> list[str]:
    """Upload the files and return their ids, which are the same when the send is repeated with its key."""
    keys = [idempotency_key and f"{idempotency_key}/{number}" for number in range(len(files))]
    uploaded = [upload_file(connection, file, idempotency_key=key) for file, key in zip(files, keys, strict=True)]
    return [envelope["payload"]["id"] for envelope in uploaded]


def _payload(given: str | None, channel: str, subject: str, text: str, files: list[Path]) -> Any:  # noqa: ANN401 - any JSON
    if given is not None:
        try:
            return json.loads(given)
        except ValueError as error:
            fail(f"--payload is not JSON: {error}", 2)
    match channel:
        case "email":
            return {"Type": "email", "Subject": subject, "Body": text}
        case _ if files:
            kind = media_type_of(files[0]).partition("/")[0]
            media_type = kind if kind in {"image", "video", "audio"} else "document"
            return {"Type": "media-rcs" if channel == "rcs" else "media", "MediaType": media_type, "Caption": text}
        case "rcs":
            return {"Type": "text-message-rcs", "Text": text}
        case _:
            return {"Type": "simple-text", "Text": text}


@connected
def show(
    connect: Connect,
    interaction_id: Annotated[str, typer.Argument(metavar="ID", help="The interaction's id.")],
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it until it ends.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show an interaction: where it is, how it came there, and what its provider said."""
    connection = connect()
    if watch:
        watch_interaction(connection, interaction_id)
        return
    envelope = call(connection, "GET", f"/v1/interactions/{quote(interaction_id)}")
    if as_json:
        print_json(envelope)
    else:
        show_interaction(connection, envelope["payload"])
