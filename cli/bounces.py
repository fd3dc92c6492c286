"""Evaluation of bounce parsing on the user's own mails."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli.client import OUT, fail
from cli.options import AsJson
from cli.terminal import DataTable

bounces = typer.Typer(name="bounces", help="Bounces: measure how returned mail is classified.", no_args_is_help=True)


@bounces.command()
def measure(
    folder: Annotated[Path, typer.Argument(help="A folder of mails, one in each file; folders below it are read too.")],
    files: Annotated[bool, typer.Option("--files", help="Show the classification of each file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Count what the mails of a folder are taken for: failed, delayed, delivered, complaint, ignored, reply.

    Each is read as if it had come to the address of a message. Nothing is sent, stored or changed.
    """
    from providers.bounces import counts, failure_classes, read_folder

    if not folder.is_dir():
        fail(f"{folder} is not a folder.")
    try:
        readings = list(read_folder(folder))
    except OSError as error:
        fail(str(error))
    if as_json:
        answer = {"counts": counts(readings), "failures": failure_classes(readings)}
        shown = {"files": [asdict(reading) for reading in readings]} if files else {}
        OUT.print_json(json.dumps(answer | shown))
        return
    if files:
        table = DataTable("File", "Taken for", "Word", "Class")
        for reading in readings:
            table.add_row(reading.path, reading.kind, reading.provider_status, reading.failure or "")
        OUT.print(table)
    table = DataTable("Mails", "Number")
    for name, number in counts(readings).items():
        table.add_row(name, str(number))
    for name, number in failure_classes(readings).items():
        table.add_row(f"failed: {name}", str(number))
    OUT.print(table)
