"""Indexes: missing ones are built, obsolete ones of ours removed, foreign ones untouched."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from beanie import Document
from pymongo import ASCENDING, AsyncMongoClient, IndexModel
from pymongo.errors import DuplicateKeyError

from domain.identifiers import new_id
from models.indexes import Database, State, build_indexes, survey_indexes


def declaring(*declared: IndexModel) -> type[Document]:
    """A document of a version with these indexes."""

    class Thing(Document):
        class Settings:
            name = "things"
            indexes = declared

    return Thing


@pytest.fixture
async def database(mongodb_uri: str) -> AsyncIterator[Database]:
    async with AsyncMongoClient[dict[str, Any]](mongodb_uri) as client:
        name = f"indexes_{new_id()}"
        yield client[name]
        await client.drop_database(name)


async def there(database: Database) -> Mapping[str, Mapping[str, Any]]:
    found = await database["things"].index_information()
    return {name: index for name, index in found.items() if name != "_id_"}


async def states(database: Database, *indexes: IndexModel) -> dict[str, State]:
    return {one.name: one.state for one in await survey_indexes(database, [declaring(*indexes)])}


PLAIN, UNIQUE = IndexModel([("a", ASCENDING)]), IndexModel([("a", ASCENDING)], unique=True)
OTHER = IndexModel([("b", ASCENDING)])


def expiring_index(seconds: int) -> IndexModel:
    return IndexModel([("at", ASCENDING)], expireAfterSeconds=seconds)


async def test_missing_indexes_are_built_once(database: Database) -> None:
    assert await states(database, PLAIN) == {"iris_a_1": State.MISSING}
    for _ in range(2):
        await build_indexes(database, [declaring(PLAIN, expiring_index(60))])
    assert await states(database, PLAIN, expiring_index(60)) == {"iris_a_1": State.WANTED, "iris_at_1": State.WANTED}


async def test_a_changed_one_is_built_beside_the_old_one_which_is_obsolete_then(database: Database) -> None:
    await build_indexes(database, [declaring(PLAIN)])
    await build_indexes(database, [declaring(UNIQUE)])
    after = await states(database, UNIQUE)
    assert after.pop("iris_a_1") is State.OBSOLETE
    assert list(after.values()) == [State.WANTED]
    assert [index.get("unique") for index in (await there(database)).values()] == [None, True]


async def test_an_expiry_time_changes_in_place(database: Database) -> None:
    await build_indexes(database, [declaring(expiring_index(60))])
    await build_indexes(database, [declaring(expiring_index(90))])
    assert {name: index["expireAfterSeconds"] for name, index in (await there(database)).items()} == {"iris_at_1": 90}


async def test_an_obsolete_expiry_is_removed(database: Database) -> None:
    await build_indexes(database, [declaring(expiring_index(60))])
    await build_indexes(database, [declaring(IndexModel([("at", ASCENDING)]))])
    ((name, index),) = (await there(database)).items()
    assert (name, "expireAfterSeconds" in index) == ("iris_at_1", False)


async def test_a_foreign_equivalent_index_is_used_and_never_removed(database: Database) -> None:
    """Indexes of databases created before ours had prefixed names count as foreign too."""
    await database["things"].create_indexes([PLAIN, OTHER])
    await build_indexes(database, [declaring(PLAIN)])
    assert await states(database, PLAIN) == {"a_1": State.WANTED, "b_1": State.FOREIGN}


async def test_a_violated_unique_index_is_a_clear_error(database: Database) -> None:
    await database["things"].insert_many([{"a": 1}, {"a": 1}])
    with pytest.raises(DuplicateKeyError, match="iris_a_1"):
        await build_indexes(database, [declaring(UNIQUE)])
