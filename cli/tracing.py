"""`iris trace`: from any known detail of a message to its status, the reason, deadline and next step."""

from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from cli.client import OUT, Connection, call, explanation_lines, fail, find, print_json, text_of
from cli.options import AsJson, Connect, connected
from cli.terminal import one_line
from domain.identifiers import is_id

_FAILED: Final = "it will not arrive: `iris interactions resend {id}` sends it again"
_NEXT: Final = {
    "VALIDATION_ERROR": "correct what the reason says, and send it anew: it was never sent",
    "PROVIDER_SENDING_ERROR": _FAILED,
    "PROCESS_ERROR": _FAILED,
    "COMPLETED": "nothing: it has arrived, or nothing said the contrary in time",
    "RECEIVED": "nothing: an end user wrote it, and it is recorded",
}
"""Advice about a message that waits for nothing more, by its status."""


@connected
def trace(
    connect: Connect,
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="A phone number, an e-mail address, the id of an interaction, a user or a process, or NAME=VALUE of a "
            "message's metadata or primary key, or of a user's metadata.",
        ),
    ],
    limit: Annotated[int, typer.Option(min=1, max=50, help="Number of messages to list, newest first.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Say where messages are, why, until when, and what to do next; ends with 1 if there is none."""
    connection = connect()
    matches = _find(connection, what, limit)
    traced = [(one, _explained(connection, one["id"])) for one in matches]
    if as_json:
        print_json([{"interaction": one, "explanation": explanation} for one, explanation in traced])
    for one, explanation in [] if as_json else traced:
        for line in _lines(connection, one, explanation):
            OUT.print(line, highlight=False, markup=False, soft_wrap=True)
    if not traced:
        fail(f"no message is known by {what!r}")


def _find(connection: Connection, what: str, limit: int) -> list[dict[str, Any]]:
    """Newest interactions that match a search text."""
    name, is_metadata, value = what.partition("=")
    if is_metadata:
        return _find_by_name(connection, name, value, limit)
    if not is_id(what.lower()):
        return _listed(connection, limit, destination=what)
    identifier = what.lower()
    interaction = find(connection, f"/v1/interactions/{identifier}")
    if interaction is not None:
        return [interaction]
    return _listed(connection, limit, userId=identifier) or _listed(connection, limit, processId=identifier)


def _find_by_name(connection: Connection, name: str, value: str, limit: int) -> list[dict[str, Any]]:
    """Newest interactions whose metadata or primary key, or whose users' metadata, has a value under a name."""
    users = call(connection, "GET", "/v1/users", params={f"metadata.{name}": value})["payload"]["items"]
    filters = [
        {f"primaryKey.{name}": value},
        {f"metadata.{name}": value},
        *({"userId": user["id"]} for user in users),
    ]
    matches = {one["id"]: one for each in filters for one in _listed(connection, limit, **each)}
    return sorted(matches.values(), key=lambda one: (one["created"], one["id"]), reverse=True)[:limit]


def _listed(connection: Connection, limit: int, **filters: str) -> list[dict[str, Any]]:
    return call(connection, "GET", "/v1/interactions", params={**filters, "limit": limit})["payload"]["items"]


def _explained(connection: Connection, interaction_id: str) -> dict[str, Any]:
    return call(connection, "GET", f"/v1/interactions/{quote(interaction_id)}/explanation")["payload"]


def _lines(connection: Connection, interaction: dict[str, Any], explanation: dict[str, Any]) -> list[str]:
    integration = interaction["integration"]
    arrow = "←" if interaction["direction"] == "in" else "→"
    people = ", ".join(destination["value"] for destination in interaction["destinations"])
    lines = [
        f"{integration['integrationTypeName']} {arrow} {people}  «{text_of(interaction['summary'])[:80]}»",
        *explanation_lines(explanation),
        f"next: {next_step(explanation)}",
        connection.where_to_look(explanation),
    ]
    return [interaction["id"], *(f"  {one_line(line)}" for line in lines if line), ""]


def next_step(explanation: dict[str, Any]) -> str:
    """Advice about a message."""
    identifier = explanation["id"]
    if explanation["customStatus"] == "unknown":
        return f"wait; if it may arrive twice, `iris interactions resend {identifier} --force` sends it again now"
    if explanation["waitsFor"] is not None:
        until = explanation["waitsFor"]["until"]
        return f"nothing{f' until {until}' if until else ''}; `iris interactions watch {identifier}` follows it"
    return _NEXT.get(explanation["status"], _FAILED).format(id=identifier)
