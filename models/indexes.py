"""Indexes: missing ones are built; ours that are obsolete are reported and can be removed.

Our indexes are recognised by their names, which encode the definition: a changed definition has a new name, so that the
new index is built beside the old one, which processes of an earlier version still need (`docs/decisions/0023`).
"""

import asyncio
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import pymongo
from beanie import Document
from pymongo import IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

PREFIX: Final = "iris_"
"""Name prefix of our indexes; any index with this prefix is treated as ours."""

INDEX_BUILD_TIMEOUT_SECONDS: Final = 6 * 60 * 60.0
"""Maximum build time of an index, in seconds: a large collection is read completely."""

_DISTINCT: Final = ("unique", "sparse", "partialFilterExpression", "collation")
"""The options by which MongoDB distinguishes indexes on the same keys
(https://www.mongodb.com/docs/manual/core/indexes/create-index/#index-names, measured with 6.0).
"""

_TTL: Final = "expireAfterSeconds"

_NO_SUCH_INDEX: Final = 27
"""The server's code `IndexNotFound` (https://www.mongodb.com/docs/manual/reference/error-codes)."""

Database = AsyncDatabase[dict[str, Any]]


class State(StrEnum):
    """State of an index."""

    WANTED = "wanted"
    MISSING = "missing"
    OBSOLETE = "obsolete"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Index:
    """An existing or required index.

    Attributes:
        state: wanted, whoever created it; missing; obsolete: ours, no longer needed; foreign: not ours.
    """

    collection: str
    name: str
    state: State


async def build_indexes(database: Database, documents: Sequence[type[Document]]) -> None:
    """Build missing indexes, and update expiry times.

    No index is removed, except one of ours that would expire documents that must now be kept.

    Raises:
        pymongo.errors.PyMongoError: if one cannot be built, for example because values are not unique.
    """
    with pymongo.timeout(INDEX_BUILD_TIMEOUT_SECONDS):
        await asyncio.gather(*(_build(database, document) for document in documents))


async def survey_indexes(database: Database, documents: Sequence[type[Document]]) -> list[Index]:
    """Return every existing or required index, except those on ids, which MongoDB creates."""
    found = await asyncio.gather(*(_survey(database, document) for document in documents))
    return sorted((index for indexes in found for index in indexes), key=lambda one: (one.collection, one.name))


async def drop_index(database: Database, collection: str, name: str) -> None:
    """Remove an index; succeeds if it is already gone."""
    try:
        await database[collection].drop_index(name)
    except OperationFailure as error:
        if error.code != _NO_SUCH_INDEX:
            raise


async def _build(database: Database, document: type[Document]) -> None:
    collection = _collection(database, document)
    there = await _there(collection)
    for declared in _declared(document):
        same = _same(declared, there)
        if same is not None and _expires_wrongly(declared, same):
            await drop_index(database, collection.name, same["name"])
            same = None
        if same is None:
            await collection.create_indexes([IndexModel(list(declared["key"].items()), **_options(declared))])
        elif same.get(_TTL) != declared.get(_TTL) and _TTL in declared:
            changed = {"name": same["name"], _TTL: declared[_TTL]}
            await database.command("collMod", collection.name, index=changed)


async def _survey(database: Database, document: type[Document]) -> list[Index]:
    collection, declared = _collection(database, document), list(_declared(document))
    there = await _there(collection)
    wanted = {same["name"] for one in declared if (same := _same(one, there)) is not None}

    def state(name: str) -> State:
        if name in wanted:
            return State.WANTED
        return State.OBSOLETE if name.startswith(PREFIX) else State.FOREIGN

    present = [Index(collection.name, one["name"], state(one["name"])) for one in there]
    missing = [Index(collection.name, one["name"], State.MISSING) for one in declared if _same(one, there) is None]
    return present + missing


def _collection(database: Database, document: type[Document]) -> AsyncCollection[dict[str, Any]]:
    settings: Any = document
    return database[settings.Settings.name]


async def _there(collection: AsyncCollection[dict[str, Any]]) -> list[Mapping[str, Any]]:
    return [index async for index in await collection.list_indexes() if index["name"] != "_id_"]


def _declared(document: type[Document]) -> Iterator[Mapping[str, Any]]:
    """Indexes that a document declares, with our generated names."""
    settings: Any = document
    indexes: Sequence[IndexModel] = getattr(settings.Settings, "indexes", ())
    for index in indexes:
        yield {**index.document, "name": _name(index.document)}


def _name(index: Mapping[str, Any]) -> str:
    keys = "_".join(f"{field}_{order}" for field, order in index["key"].items())
    options = {option: index[option] for option in _DISTINCT if option in index}
    digest = hashlib.sha256(json.dumps(options, sort_keys=True, default=str).encode()).hexdigest()[:8]
    return f"{PREFIX}{keys}_{digest}" if options else f"{PREFIX}{keys}"


def _same(declared: Mapping[str, Any], there: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The existing index that MongoDB treats as the declared one, whatever its name."""
    return next((one for one in there if _signature(one) == _signature(declared)), None)


def _signature(index: Mapping[str, Any]) -> tuple[object, ...]:
    return (list(index["key"].items()), *(index.get(option) for option in _DISTINCT))


def _expires_wrongly(declared: Mapping[str, Any], same: Mapping[str, Any]) -> bool:
    """Whether our own index expires documents that must now be kept; only dropping it stops that."""
    return _TTL in same and _TTL not in declared and same["name"].startswith(PREFIX)


def _options(index: Mapping[str, Any]) -> dict[str, Any]:
    return {option: value for option, value in index.items() if option != "key"}
