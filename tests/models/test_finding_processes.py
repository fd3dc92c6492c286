"""Finding processes: every question is answered by an index."""

from datetime import timedelta
from typing import Any

import pytest

from domain.clock import utc_now
from domain.identifiers import new_id
from models.process import Process
from tests.models.plans import plan

USER, INTEGRATION = new_id(), new_id()


@pytest.fixture
async def crowd(tenant: str) -> str:
    """A tenant with many processes, a few of which are sought."""
    now = utc_now()
    usual: dict[str, Any] = {"tenant": tenant, "integration_ids": [new_id()], "user_ids": [new_id()]}
    rare: dict[str, Any] = {"integration_ids": [INTEGRATION], "user_ids": [USER], "is_closed": True, "is_draft": True}
    rare |= {"metadata_keys": ["campaign=spring"], "primary_key_keys": ["order=4711"]}
    processes = [
        Process.model_validate(
            usual | (rare if number % 100 == 0 else {}) | {"created": now - timedelta(seconds=number)}
        )
        for number in range(1, 500)
    ]
    await Process.insert_many(processes)
    return tenant


@pytest.mark.parametrize(
    "asked",
    [
        {"integration_ids": INTEGRATION},
        {"is_closed": True},
        {"is_draft": True},
        {"metadata_keys": {"$all": ["campaign=spring"]}},
        {"primary_key_keys": {"$all": ["order=4711"]}},
    ],
    ids=lambda asked: next(iter(asked)),
)
async def test_a_few_of_many_are_found_by_an_index_that_leads_to_them(crowd: str, asked: dict[str, Any]) -> None:
    assert await plan(Process, {"tenant": crowd, **asked}) == ({"LIMIT", "FETCH", "IXSCAN"}, 4)


async def test_of_one_user_only_its_own_are_looked_at_and_sorted(crowd: str) -> None:
    assert await plan(Process, {"tenant": crowd, "user_ids": USER}) == ({"SORT", "FETCH", "IXSCAN"}, 4)


async def test_the_newest_of_all_and_of_a_time_are_read_along_an_index(crowd: str) -> None:
    for asked in ({}, {"created": {"$gte": utc_now() - timedelta(hours=1)}}):
        assert await plan(Process, {"tenant": crowd, **asked}) == ({"LIMIT", "FETCH", "IXSCAN"}, 51)
