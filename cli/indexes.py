"""`iris indexes`: list MongoDB's indexes and remove obsolete ones."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.client import OUT, fail, server_settings
from cli.options import AsJson, DataDirectory
from cli.terminal import DataTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.indexes import Index
    from settings import Settings


def indexes(
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Build missing indexes and remove obsolete ones."),
    ] = False,
    drop: Annotated[
        list[str] | None,
        typer.Option(help="Also remove this index, as COLLECTION.NAME; may be repeated."),
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDirectory = Path(".iris"),
) -> None:
    """Show the indexes of MongoDB; with --prune, remove those that Iris made and needs no longer.

    Prune once every process runs this version: those of an earlier one may still need them. An index whose name does
    not begin with `iris_` is somebody else's, and is removed only where --drop names it.
    """
    from pymongo.errors import PyMongoError

    named = [tuple(one.split(".", 1)) for one in drop or []]
    if any(len(one) != len(("collection", "name")) for one in named):
        fail("--drop wants COLLECTION.NAME", 2)
    try:
        removed, left = asyncio.run(_reconcile(server_settings(data_dir), set(named), prune=prune))
    except KeyError as error:
        fail(f"there is no index {error.args[0]}")
    except PyMongoError as error:
        fail(f"MongoDB: {error}", 2)
    if as_json:
        shown = {"indexes": [asdict(one) for one in left], "removed": [asdict(one) for one in removed]}
        print(json.dumps(shown, indent=2))  # noqa: T201 - for programs
        return
    table = DataTable("collection", "state", "index")
    for one in left:
        table.add_row(one.collection, one.state, one.name)
    OUT.print(table)
    for one in removed:
        OUT.print(f"removed {one.collection}.{one.name}", highlight=False, soft_wrap=True)


async def _reconcile(
    settings: "Settings", named: set[tuple[str, ...]], *, prune: bool
) -> "tuple[Sequence[Index], Sequence[Index]]":
    """Removed indexes, and those that exist afterwards."""
    from bootstrap import mongodb_client
    from models import DOCUMENTS
    from models.indexes import State, build_indexes, drop_index, survey_indexes
    from queries.server import require_replica_set

    async with mongodb_client(settings) as client:
        database = client[settings.mongodb_database]
        if prune:
            await require_replica_set(client, settings.mongodb_uri.get_secret_value())
            await build_indexes(database, DOCUMENTS)
        there = await survey_indexes(database, DOCUMENTS)
        unknown = named - {(one.collection, one.name) for one in there if one.state is not State.MISSING}
        if unknown:
            raise KeyError(", ".join(sorted(".".join(one) for one in unknown)))
        obsolete = [one for one in there if prune and one.state is State.OBSOLETE]
        asked = [one for one in there if (one.collection, one.name) in named and one not in obsolete]
        removed = [*obsolete, *asked]
        for one in removed:
            await drop_index(database, one.collection, one.name)
        return removed, await survey_indexes(database, DOCUMENTS) if removed else there
