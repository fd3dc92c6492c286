"""The indexes of what is stored: built where they are missing, removed where they were ours and are needed no longer.

Ours are known by their names, which say what they are: one whose definition changes has another name, so that the new
one is built beside the old one, which processes of an earlier version still need (`docs/decisions/0023`).
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
"""How the names of our indexes begin; whoever names one so gives it to us."""

INDEX_BUILD_TIMEOUT_SECONDS: Final = 6 * 60 * 60.0
"""Seconds that an index may take to be built: a large collection is read wholly."""

_DISTINCT: Final = ("unique", "sparse", "partialFilterExpression", "collation")
"""The options by which MongoDB tells indexes of the same keys apart
(https://www.mongodb.com/docs/manual/core/indexes/create-index/#index-names, measured with 6.0)."""

_TTL: Final = "expireAfterSeconds"

_NO_SUCH_INDEX: Final = 27
"""The server's code `IndexNotFound` (https://www.mongodb.com/docs/manual/reference/error-codes)."""

Database = AsyncDatabase[dict[str, Any]]


class State(StrEnum):
    """What an index is to us."""

    WANTED = "wanted"
    MISSING = "missing"
    OBSOLETE = "obsolete"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Index:
    """An index that there is, or should be.

    Attributes:
        state: wanted, whoever made it; missing; obsolete: ours, and needed no longer; foreign: somebody else's.
    """

    collection: str
    name: str
    state: State


async def build_indexes(database: Database, documents: Sequence[type[Document]]) -> None:
    """Build those that are missing, and let data expire when they say.

    None is removed, but one of ours that would let expire what is to be kept by now.

    Raises:
        pymongo.errors.PyMongoError: if one cannot be built, as where what shall be unique is not.
    """
    with pymongo.timeout(INDEX_BUILD_TIMEOUT_SECONDS):
        await asyncio.gather(*(_build(database, document) for document in documents))


async def survey_indexes(database: Database, documents: Sequence[type[Document]]) -> list[Index]:
    """Every index that there is or should be, but for those of ids, which MongoDB makes."""
    found = await asyncio.gather(*(_survey(database, document) for document in documents))
    return sorted((index for indexes in found for index in indexes), key=lambda one: (one.collection, one.name))


async def drop_index(database: Database, collection: str, name: str) -> None:
    """Remove an index, unless somebody else has just done so."""
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
    """The indexes that a document declares, by the names that we give them."""
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
    """The index that MongoDB takes for the declared one, whatever its name."""
    return next((one for one in there if _signature(one) == _signature(declared)), None)


def _signature(index: Mapping[str, Any]) -> tuple[object, ...]:
    return (list(index["key"].items()), *(index.get(option) for option in _DISTINCT))


def _expires_wrongly(declared: Mapping[str, Any], same: Mapping[str, Any]) -> bool:
    """Whether our own index lets expire what is to be kept by now; only without it that ends."""
    return _TTL in same and _TTL not in declared and same["name"].startswith(PREFIX)


def _options(index: Mapping[str, Any]) -> dict[str, Any]:
    return {option: value for option, value in index.items() if option != "key"}
