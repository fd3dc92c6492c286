"""`iris attachments`: upload, list, show, download and delete files."""

import mimetypes
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from cli.client import OUT, Connection, call, download, print_json, show_more
from cli.options import AsJson, Connect, Limit, PageCursor, connected
from cli.terminal import DataTable

attachments = typer.Typer(help="Attachments: files that are sent with interactions.", no_args_is_help=True)

_CHUNK: Final = 65_536

Id = Annotated[str, typer.Argument(metavar="ID", help="The attachment's id.")]


@attachments.command()
@connected
def upload(
    connect: Connect,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The file.")],
    media_type: Annotated[
        str | None, typer.Option("--type", help="The media type; by default from the file name.")
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Idempotency key: calls with the same key create one attachment.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Upload a file; its id goes into the `attachmentsId` of a send."""
    connection = connect()
    _show(upload_file(connection, file, media_type, idempotency_key), as_json=as_json)


def upload_file(
    connection: Connection, file: Path, media_type: str | None = None, idempotency_key: str | None = None
) -> dict[str, Any]:
    """Upload a file and return the response envelope."""
    key = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    headers = {"Content-Type": media_type or media_type_of(file), **key}
    params = {"fileName": file.name}
    return call(connection, "POST", "/v1/attachments", headers=headers, params=params, content=_read(file))


def media_type_of(file: Path) -> str:
    """Media type of a file, by its name."""
    return mimetypes.guess_type(file.name)[0] or "application/octet-stream"


def _read(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            yield chunk


@attachments.command("list")
@connected
def list_all(
    connect: Connect,
    limit: Limit = 50,
    cursor: PageCursor = None,
    as_json: AsJson = False,
) -> None:
    """List attachments, the newest first."""
    params = {"limit": limit, "cursor": cursor or None}
    _show(call(connect(), "GET", "/v1/attachments", params=params), as_json=as_json)


@attachments.command()
@connected
def show(
    connect: Connect,
    attachment_id: Id,
    as_json: AsJson = False,
) -> None:
    """Show what an attachment is."""
    connection = connect()
    _show(call(connection, "GET", f"/v1/attachments/{quote(attachment_id)}"), as_json=as_json)


@attachments.command("download")
@connected
def download_file(
    connect: Connect,
    attachment_id: Id,
    to: Annotated[Path | None, typer.Option("--to", help="Where to keep it; else under its own name, here.")] = None,
) -> None:
    """Download an attachment."""
    connection = connect()
    path = f"/v1/attachments/{quote(attachment_id)}"
    target = to or Path(call(connection, "GET", path)["payload"]["fileName"])
    download(connection, f"{path}/content", target)
    OUT.print(str(target), highlight=False, markup=False, soft_wrap=True)


@attachments.command()
@connected
def delete(
    connect: Connect,
    attachment_id: Id,
) -> None:
    """Delete an attachment for good."""
    call(connect(), "DELETE", f"/v1/attachments/{quote(attachment_id)}")


def _show(envelope: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(envelope)
        return
    table = DataTable("id", "type", "bytes", "created", "name")
    for one in envelope["payload"].get("items", [envelope["payload"]]):
        table.add_row(one["id"], one["mediaType"], str(one["size"]), one["created"], one["fileName"])
    OUT.print(table)
    show_more(envelope)
