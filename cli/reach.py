"""`iris reach`: the countries to which messages may go, and limits on how many."""

from pathlib import Path
from typing import Annotated, Final

import typer

from cli.client import OUT, call, print_json, show_more
from cli.options import AsJson, Connect, Limit, PageCursor, connected
from cli.rules import object_in
from cli.terminal import DataTable

reach = typer.Typer(help="Reach: the countries to which messages may go, and how many.", no_args_is_help=True)

_PATH: Final = "/v1/reach"
_COLUMNS: Final = ("reached", "per", "subject", "limit", "action", "ends")


@reach.command("get")
@connected
def read(connect: Connect) -> None:
    """Show the reach, as JSON that `set` reads."""
    payload = call(connect(), "GET", _PATH)["payload"]
    print_json({name: payload[name] for name in ("rules", "monitoredPerDay", "velocity")})


@reach.command("set")
@connected
def replace(
    connect: Connect,
    file: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help='JSON file: {"rules": […], "monitoredPerDay": …, "velocity": …}.'
        ),
    ],
) -> None:
    """Replace the reach by that of a file."""
    print_json(call(connect(), "PUT", _PATH, object_in(file))["payload"])


@reach.command()
@connected
def reached(connect: Connect, limit: Limit = 50, cursor: PageCursor = None, as_json: AsJson = False) -> None:
    """List the limits that messages came above, the latest first."""
    envelope = call(connect(), "GET", f"{_PATH}/reached", params={"limit": limit, "cursor": cursor})
    if as_json:
        print_json(envelope)
        return
    table = DataTable(*_COLUMNS)
    for one in envelope["payload"]["items"]:
        table.add_row(*(str(one[name]) for name in _COLUMNS))
    OUT.print(table)
    show_more(envelope)
