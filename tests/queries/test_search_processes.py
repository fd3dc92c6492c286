"""Search of processes: an index answers every query."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic.alias_generators import to_camel

from api.schemas.processes import ProcessFilters
from domain.clock import utc_now
from domain.identifiers import new_id
from models.process import LATEST_FIRST, Process
from tests.queries.plans import plan

USER, INTEGRATION = new_id(), new_id()


@pytest.fixture
async def crowd(tenant: str) -> str:
    """A tenant with many processes, a few of which match."""
    now = utc_now()
    usual: dict[str, Any] = {"tenant": tenant, "integration_ids": [new_id()], "user_ids": [new_id()]}
    rare: dict[str, Any] = {"integration_ids": [INTEGRATION], "user_ids": [USER], "is_closed": True, "is_draft": True}
    rare |= {"metadata_keys": ["campaign=spring"], "primary_key_keys": ["order=4711"]}
    processes = [
        Process.model_validate(
            usual
            | {"last_direction": "in" if number % 50 == 0 else "out", "last_interaction_at": now - timedelta(number)}
            | (rare if number % 100 == 0 else {})
            | {"created": now - timedelta(seconds=number)}
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


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"order": "activity"}, 51),
        ({"last_direction": "in"}, 9),
        ({"last_direction": "out"}, 51),
        ({"unanswered": True}, 5),
        ({"unanswered": False}, 51),
        ({"last_direction": "in", "is_closed": True}, 4),
        ({"order": "activity", "is_closed": False}, 51),
        ({"active_since": utc_now() - timedelta(days=20.5)}, 20),
        ({"active_until": utc_now() - timedelta(days=480.5), "order": "activity"}, 19),
    ],
)
async def test_an_inbox_is_read_along_one_index_and_not_sorted(crowd: str, asked: dict[str, Any], shown: int) -> None:
    filters = ProcessFilters.model_validate({to_camel(name): value for name, value in asked.items()})
    assert filters.is_by_activity
    selector: dict[str, Any] = {"tenant": crowd, "$and": [filters.selector()]}
    assert len((await Process.read_some(selector, LATEST_FIRST, 51)).items) == shown
    stages, examined = await plan(Process, selector, "last_interaction_at")
    assert stages.isdisjoint({"COLLSCAN", "SORT"})
    assert examined <= shown + 9
