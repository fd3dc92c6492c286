"""`iris rules`: the hours in which messages may go."""

import json
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer

from cli.client import OUT, call, fail, print_json
from cli.options import AsJson, Connect, connected
from cli.terminal import DataTable

rules = typer.Typer(help="Sending rules: the hours in which messages may go.", no_args_is_help=True)

_PATH: Final = "/v1/sending-rules"


@rules.command("get")
@connected
def read(connect: Connect) -> None:
    """Show the sending rules, as JSON that `set` reads."""
    payload = call(connect(), "GET", _PATH)["payload"]
    print_json({name: payload[name] for name in ("timeZone", "rules")})


@rules.command("set")
@connected
def replace(
    connect: Connect,
    file: Annotated[
        Path | None,
        typer.Argument(exists=True, dir_okay=False, help='JSON file: {"timeZone": …, "rules": […], "presets": […]}.'),
    ] = None,
    preset: Annotated[
        list[str] | None, typer.Option(help="Preset whose rules are added (`iris rules presets`); may be repeated.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="IANA name of the zone of recipients whose zone is unknown.")
    ] = None,
) -> None:
    """Replace all sending rules by those of a file and of presets."""
    if file is None and not preset:
        fail('give a file or --preset; a file with {"rules": []} removes all rules', 2)
    body: dict[str, Any] = {"rules": []} if file is None else object_in(file)
    body |= {"presets": [*body.get("presets", []), *(preset or [])]} | ({"timeZone": time_zone} if time_zone else {})
    print_json(call(connect(), "PUT", _PATH, body)["payload"])


@rules.command()
@connected
def presets(connect: Connect, as_json: AsJson = False) -> None:
    """List the presets, with the sources of their hours. They are not legal advice."""
    envelope = call(connect(), "GET", f"{_PATH}/presets")
    if as_json:
        print_json(envelope)
        return
    table = DataTable("name", "basis", "read", "hours", "sources")
    for one in envelope["payload"]["items"]:
        table.add_row(one["name"], one["kind"], one["read"], one["description"], "\n".join(one["sources"]))
    OUT.print(table)


@rules.command()
@connected
def check(
    connect: Connect,
    destination: Annotated[str, typer.Argument(help="Phone number, e-mail address or id of the channel.")],
    channel: Annotated[str, typer.Option(help="The channel, as SMS or WhatsApp.")] = "SMS",
    category: Annotated[str, typer.Option(help="authentication, transactional or marketing.")] = "transactional",
    at: Annotated[str | None, typer.Option(help="When it is sent, as 2027-03-28T09:00:00Z; by default now.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show when a message would go, and by which time zone. Nothing is sent."""
    body = {"destination": destination, "channel": channel, "category": category, "at": at}
    envelope = call(connect(), "POST", f"{_PATH}/check", body)
    if as_json:
        print_json(envelope)
        return
    found = envelope["payload"]
    lines = [f"{found['goes']} {found['at'] or ''}".rstrip(), found["description"] or found["zone"]["description"]]
    OUT.print("\n".join(lines), highlight=False, markup=False)


def object_in(file: Path) -> dict[str, Any]:
    """Read the object in a JSON file; end the program if there is none."""
    try:
        read = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        fail(f"{file} is not JSON: {error}", 2)
    if not isinstance(read, dict):
        fail(f"{file} is not a JSON object", 2)
    return cast("dict[str, Any]", read)
