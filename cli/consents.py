"""`iris consents`: what recipients take and refuse."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

import typer

from cli.client import ERR, OUT, Connection, call, download, fail, print_json, show_more
from cli.options import AsJson, Connect, Limit, PageCursor, connected
from cli.terminal import DataTable
from domain.csv_cells import unguarded

consents = typer.Typer(help="Consents: opt-outs and opt-ins of recipients.", no_args_is_help=True)

_PATH: Final = "/v1/consents"
_COLUMNS: Final = ("destination", "kind", "channel", "integrationId", "category", "state", "at", "text")
_BATCH: Final = 1_000
"""Consents of one import request, the API's maximum."""
_BATCH_BYTES: Final = 200_000
"""Bytes of the consents of one import request; the API accepts a body of 256 KiB."""

_CONCURRENT_BATCHES: Final = 3
"""Import requests at once, so that the API reads one while MongoDB writes another."""

_Row = dict[str, Any]

Id = Annotated[str, typer.Argument(metavar="ID", help="The consent's id.")]
Destination = Annotated[str | None, typer.Option(help="Filter by phone number, e-mail address or id.")]
State = Annotated[str | None, typer.Option(help="Filter by state: out or in.")]
Category = Annotated[str | None, typer.Option(help="Filter by category: marketing or all.")]
Source = Annotated[str | None, typer.Option(help="Filter by source, such as keyword, api or import.")]
Integration = Annotated[str | None, typer.Option(help="An integration's id: the consent is about it alone.")]
Channel = Annotated[str | None, typer.Option(help="A channel, as SMS or WhatsApp: the consent is about it alone.")]


@consents.command("list")
@connected
def list_all(
    connect: Connect,
    destination: Destination = None,
    state: State = None,
    category: Category = None,
    source: Source = None,
    limit: Limit = 50,
    cursor: PageCursor = None,
    as_json: AsJson = False,
) -> None:
    """List consents, the newest first."""
    filters = {"destination": destination, "state": state, "category": category, "source": source}
    envelope = call(connect(), "GET", _PATH, params={**filters, "limit": limit, "cursor": cursor})
    if as_json:
        print_json(envelope)
        return
    table = DataTable("id", "destination", "about", "category", "state", "source", "since", "until")
    for one in envelope["payload"]["items"]:
        about = one["channel"] or one["integrationId"] or one["scope"]
        said = (one["category"], one["state"], one["source"], one["at"], one["until"] or "")
        table.add_row(one["id"], one["destination"], about, *said)
    OUT.print(table)
    show_more(envelope)


@consents.command()
@connected
def show(connect: Connect, consent_id: Id) -> None:
    """Show a consent with its history, as JSON."""
    print_json(call(connect(), "GET", f"{_PATH}/{quote(consent_id)}")["payload"])


@consents.command("set")
@connected
def record(
    connect: Connect,
    destination: Annotated[str, typer.Argument(help="Phone number, e-mail address or id of the channel.")],
    state: Annotated[str, typer.Argument(help="out: refused; in: taken.")],
    category: Annotated[str, typer.Option(help="marketing, or all.")] = "all",
    channel: Channel = None,
    integration: Integration = None,
    text: Annotated[str, typer.Option(help="Evidence in your own words.")] = "",
) -> None:
    """Record an opt-out or an opt-in."""
    body = {
        "destination": destination,
        "state": state,
        "category": category,
        "channel": channel,
        "integrationId": integration,
        "text": text,
    }
    print_json(call(connect(), "PUT", _PATH, body)["payload"])


@consents.command()
@connected
def delete(connect: Connect, consent_id: Id) -> None:
    """Delete a consent with its history."""
    call(connect(), "DELETE", f"{_PATH}/{quote(consent_id)}")


@consents.command()
@connected
def keywords(
    connect: Connect,
    opt_out: Annotated[list[str] | None, typer.Option(help="Opt-out keyword, as `es=no molestar`; repeatable.")] = None,
    opt_in: Annotated[list[str] | None, typer.Option(help="Opt-in keyword, as `es=ofertas`; repeatable.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove all of them.")] = False,
) -> None:
    """Show your own keywords, or replace all of them by those given."""
    change = {"keywords": {"optOut": _by_language(opt_out or []), "optIn": _by_language(opt_in or [])}}
    asked = ("PATCH", change) if opt_out or opt_in or clear else ("GET", None)
    print_json(call(connect(), asked[0], "/v1/tenant", asked[1])["payload"]["keywords"])


@consents.command("import")
@connected
def import_file(
    connect: Connect,
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help=f"CSV file with a heading (.csv), or a JSON object on each line; names: {', '.join(_COLUMNS)}.",
        ),
    ],
) -> None:
    """Record the consents of a file, a thousand at a time; ends with 1 if some are wrong, which are shown."""
    from rich.progress import Progress

    rows = list(_rows(file))
    connection, begin, changed, refused = connect(), 0, 0, 0
    with Progress(console=ERR, transient=True) as progress:
        task = progress.add_task("Importing", total=len(rows))
        for batch, report in _imported(connection, list(_batches(rows))):
            changed += report["changed"]
            refused += report["refused"]
            for problem in report["problems"]:
                ERR.print(_sentence(problem, begin), highlight=False, markup=False, soft_wrap=True)
            begin += len(batch)
            progress.advance(task, len(batch))
    OUT.print(f"{len(rows)} read, {changed} recorded or changed, {refused} refused", highlight=False)
    if refused:
        raise typer.Exit(1)


@consents.command()
@connected
def export(
    connect: Connect,
    file: Annotated[Path, typer.Argument(dir_okay=False, help="File to write: CSV (.csv), else a JSON object a line.")],
    state: State = None,
    category: Category = None,
) -> None:
    """Write the consents to a file that `import` reads; those of erased users are left out."""
    asked = {"format": "csv" if _is_csv(file) else "ndjson", "state": state, "category": category}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    download(connect(), f"{_PATH}/export?{query}", file)
    written = sum(1 for _ in _rows(file))
    OUT.print(f"{written} written to {file}", highlight=False, markup=False, soft_wrap=True)


def _by_language(given: Iterable[str]) -> dict[str, list[str]]:
    """Group keywords; ends the program if one has no language."""
    words: dict[str, list[str]] = {}
    for one in given:
        language, separator, word = one.partition("=")
        if not separator:
            fail(f"{one!r} has no language: write it as `es={one}`", 2)
        words.setdefault(language.strip(), []).append(word.strip())
    return words


def _is_csv(file: Path) -> bool:
    return file.suffix.lower() == ".csv"


def _sentence(problem: dict[str, str], begin: int) -> str:
    """Name the row of a problem, counted from 1 without the heading.

    Args:
        problem: of a batch.
        begin: the rows before the batch.
    """
    position, _, field = problem["field"].removeprefix("consents[").partition("].")
    return f"row {begin + int(position) + 1}, {field}: {problem['message']}"


def _imported(connection: Connection, batches: Sequence[list[_Row]]) -> Iterator[tuple[list[_Row], dict[str, Any]]]:
    """Import batches, several at once, and return each with the report on it."""

    def imported(batch: list[_Row]) -> dict[str, Any]:
        return call(connection, "POST", f"{_PATH}/import", {"consents": batch})["payload"]

    with ThreadPoolExecutor(_CONCURRENT_BATCHES) as pool:
        try:
            yield from zip(batches, pool.map(imported, batches), strict=True)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _batches(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """Divide rows by the limits of an import request."""
    batch: list[_Row] = []
    size = 0
    for row in rows:
        length = len(json.dumps(row))
        if batch and (len(batch) == _BATCH or size + length > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += length
    if batch:
        yield batch


def _rows(file: Path) -> Iterator[_Row]:
    """Read the consents of a file; ends the program if a line is not JSON."""
    with file.open(newline="", encoding="utf-8-sig") as lines:
        if _is_csv(file):
            for row in csv.DictReader(lines):
                yield {name: unguarded(value) for name, value in row.items() if value}
            return
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield json.loads(line)
            except ValueError as error:
                fail(f"line {number} of {file} is not JSON: {error}", 2)
