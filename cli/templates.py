"""`iris templates`: payloads with placeholders."""

import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.client import OUT, call, fail, print_json, show_more
from cli.options import AsJson, Connect, Limit, PageCursor, Variables, connected
from cli.terminal import DataTable
from cli.users import pairs

templates = typer.Typer(help="Templates: reusable messages with variables.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The template's id.")]
File = Annotated[
    Path,
    typer.Argument(
        exists=True, dir_okay=False, help="JSON file with name, channel, payload and variables, as the API takes them."
    ),
]
Number = Annotated[int | None, typer.Option("--version", help="Which version; else the newest.")]


@templates.command("list")
@connected
def list_all(
    connect: Connect,
    channel: Annotated[str | None, typer.Option(help="Filter by channel, as SMS or WhatsApp.")] = None,
    limit: Limit = 50,
    cursor: PageCursor = None,
    as_json: AsJson = False,
) -> None:
    """List templates, the newest first."""
    params = {"limit": limit, "channel": channel or None, "cursor": cursor or None}
    envelope = call(connect(), "GET", "/v1/templates", params=params)
    if as_json:
        print_json(envelope)
        return
    table = DataTable("id", "channel", "version", "name")
    for one in envelope["payload"]["items"]:
        table.add_row(one["id"], one["channel"], str(one["version"]), one["name"])
    OUT.print(table)
    show_more(envelope)


@templates.command()
@connected
def show(
    connect: Connect,
    template_id: Id,
    version: Number = None,
    as_json: AsJson = False,
) -> None:
    """Show a template, and what it is filled with."""
    params = {"version": str(version)} if version else {}
    _show(
        call(connect(), "GET", f"/v1/templates/{quote(template_id)}", params=params),
        as_json=as_json,
    )


@templates.command()
@connected
def create(
    connect: Connect,
    file: File,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Idempotency key: calls with the same key create one template.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a template."""
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    connection = connect()
    _show(call(connection, "POST", "/v1/templates", _read(file), headers), as_json=as_json)


@templates.command()
@connected
def update(
    connect: Connect,
    template_id: Id,
    file: File,
    as_json: AsJson = False,
) -> None:
    """Create a new version of a template with the given changes."""
    connection = connect()
    _show(call(connection, "PATCH", f"/v1/templates/{quote(template_id)}", _read(file)), as_json=as_json)


@templates.command()
@connected
def render(
    connect: Connect,
    template_id: Id,
    var: Variables = None,
    version: Number = None,
) -> None:
    """Print the payload that a send with these variables would have."""
    body = {"version": version, "variables": pairs(var)}
    connection = connect()
    print_json(call(connection, "POST", f"/v1/templates/{quote(template_id)}/render", body)["payload"]["payload"])


@templates.command()
@connected
def delete(connect: Connect, template_id: Id) -> None:
    """Delete a template with all its versions."""
    call(connect(), "DELETE", f"/v1/templates/{quote(template_id)}")


def _read(file: Path) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(file.read_text())
    except ValueError as error:
        fail(f"{file} is not JSON: {error}", 2)


def _show(envelope: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(envelope)
        return
    template = envelope["payload"]
    heading = (
        f"{template['id']}  {template['name']}  {template['channel']}  version {template['version']}"
        f"  {template['language']}  {template['timeZone']}"
    )
    OUT.print(heading, highlight=False, markup=False, soft_wrap=True)
    OUT.print_json(data=template["payload"])
    table = DataTable("variable", "type", "required", "example")
    for one in template["variables"]:
        table.add_row(one["name"], one["type"], "yes" if one["required"] else "no", str(one["example"]))
    OUT.print(table)
