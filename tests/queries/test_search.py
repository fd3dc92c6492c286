"""Search: correct results, along an index alone, with bounded work per page."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.dataset import LINES, Dataset, integration
from domain.channels import Channel
from domain.clock import utc_now
from domain.identifiers import derived_id, new_id
from domain.interaction import Direction
from domain.status import FAILURES, Status
from models.interaction import Interaction, newest_first_by
from queries.cursor import Cursor
from queries.search import InteractionFilter, InteractionSummary, search

TENANT, OTHER = "crowd", "crowd-other"
NUMBER = 300
SEEN = 60
"""Maximum number of interactions that a page examines in these tests."""

SAME_INSTANT = 7
"""Number of interactions created at each instant."""

Documents = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
async def crowd() -> AsyncIterator[Documents]:
    """Interactions of two tenants; some repeat another, and some were created at the same instant."""
    documents = list(Dataset([TENANT, OTHER], 2 * NUMBER).documents())
    ours = [document for document in documents if document["tenant"] == TENANT]
    for position, document in enumerate(ours):
        document["created"] = ours[position // SAME_INSTANT * SAME_INSTANT]["created"]
    ours[0]["metadata"] = {"resendOf": ours[1]["_id"]}
    for position, document in enumerate(ours):
        document["metadata_keys"] = [f"campaign={position % 3}"] if position % 2 else []
        document["primary_key_keys"] = [f"order={position % 40}", f"line={position % 2}"]
    await Interaction.collection().insert_many(documents)
    yield {document["_id"]: document for document in ours}
    await Interaction.collection().delete_many({"tenant": {"$in": [TENANT, OTHER]}})


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queries.search.MAX_SCANNED", SEEN)


def fits(document: dict[str, Any], filters: InteractionFilter) -> bool:
    """Whether an interaction matches, evaluated without any index."""
    line = document["integration"]
    asked = (
        (filters.custom_status, document["custom_status"]),
        (filters.channel, line["channel"]),
        (filters.provider, line["provider"]),
        (filters.integration_id, line["integration_id"]),
        (filters.process_id, document["process_id"]),
        (filters.direction, document["direction"]),
        (filters.resend_of, document["metadata"].get("resendOf")),
    )
    return (
        all(value is None or value == actual for value, actual in asked)
        and (not filters.statuses or document["status"] in filters.statuses)
        and (filters.user_id is None or filters.user_id in document["user_ids"])
        and (not filters.destinations or document["destinations"][0]["value"] in filters.destinations)
        and all(set(keys) <= set(document[name]) for name, keys in filters.keys().items())
        and (filters.since is None or document["created"] >= filters.since)
        and (filters.until is None or document["created"] < filters.until)
    )


async def pages(filters: InteractionFilter, limit: int = 25) -> AsyncIterator[list[InteractionSummary]]:
    """Every page, each by the cursor of the one before, as the API reads them."""
    after: Cursor | None = None
    while True:
        reading = await search(filters, after.after("created") if after else None)
        if reading is None:
            return
        items, scanned_until = await reading.page(limit + 1)
        yield items[:limit]
        if len(items) > limit:
            after = Cursor(items[limit - 1].created, items[limit - 1].id)
        elif scanned_until is not None:
            after = scanned_until
        else:
            return
        after = Cursor.decode(after.encode())


async def listed(filters: InteractionFilter, limit: int = 25) -> list[str]:
    return [item.id async for items in pages(filters, limit) for item in items]


def expected(crowd: Documents, filters: InteractionFilter) -> list[str]:
    found = [document for document in crowd.values() if fits(document, filters)]
    found.sort(key=lambda document: (document["created"], document["_id"]), reverse=True)
    return [document["_id"] for document in found]


USER, PROCESS = derived_id("user", TENANT, "3"), derived_id("process", TENANT, "5")
SMS = integration(TENANT, 0).integration_id

EXACT: dict[str, tuple[dict[str, Any], str | None]] = {
    "nothing": ({}, None),
    "a status": ({"statuses": [Status.COMPLETED]}, "status"),
    "several statuses": ({"statuses": sorted(FAILURES)}, "status"),
    "inbound": ({"direction": Direction.IN}, "status"),
    "outbound": ({"direction": Direction.OUT}, "status"),
    "a channel": ({"channel": Channel.SMS}, "integration.integration_id"),
    "a provider": ({"provider": "east"}, "integration.integration_id"),
    "an integration": ({"integration_id": SMS}, "integration.integration_id"),
    "a process": ({"process_id": PROCESS}, "process_id"),
    "a user": ({"user_id": USER}, "user_ids"),
    "a destination": ({"destinations": ["34600000003", "0034600000003"]}, "destinations.normal_form"),
    "a word": ({"words": ["cita"]}, "words"),
    "what its metadata says": ({"metadata": {"campaign": "1"}}, "metadata_keys"),
    "what its primary key says": ({"primary_key": {"order": "7"}}, "primary_key_keys"),
}
"""Filters that an index alone decides, and that index."""

LOOKED_AT: dict[str, tuple[dict[str, Any], str | None]] = {
    "a custom status": ({"custom_status": "cancelled"}, None),
    "a custom status of a status": (
        {"custom_status": "unknown", "statuses": [Status.PROVIDER_SENDING_ERROR]},
        "status",
    ),
    "failures of an integration": ({"integration_id": SMS, "statuses": [Status.PROCESS_ERROR]}, "status"),
    "successes of an integration": (
        {"integration_id": SMS, "statuses": [Status.COMPLETED]},
        "integration.integration_id",
    ),
    "a status in a channel": ({"channel": Channel.EMAIL, "statuses": [Status.SENT]}, "integration.integration_id"),
    "a status of a user": ({"user_id": USER, "statuses": [Status.COMPLETED]}, "user_ids"),
    "several words": ({"words": ["cita", "nombre3"]}, "words"),
    "several names of its primary key": ({"primary_key": {"line": "1", "order": "7"}}, "primary_key_keys"),
    "both, with a word": (
        {"primary_key": {"line": "1"}, "metadata": {"campaign": "1"}, "words": ["cita"]},
        "primary_key_keys",
    ),
    "words in a channel": ({"words": ["cita"], "channel": Channel.WHATSAPP}, "words"),
}
"""Conditions checked beyond an index, and that index."""


@pytest.fixture(scope="module")
def days(crowd: Documents) -> tuple[datetime, datetime]:
    """Some of the dataset's days."""
    newest = max(document["created"] for document in crowd.values())
    return newest - timedelta(days=60), newest - timedelta(days=10)


def stages(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Stages of a MongoDB plan."""
    inputs: list[dict[str, Any]] = plan.get("inputStages") or [plan[name] for name in ("inputStage",) if name in plan]
    return [plan, *(stage for one in inputs for stage in stages(one))]


async def explained(filters: InteractionFilter, index: str | None, limit: int = 25) -> list[tuple[int, int]]:
    """Number of keys and documents examined by each query of a list, all along the expected index."""
    reading = await search(filters)
    assert reading is not None
    scan_limit = await reading.scan_limit()
    figures: list[tuple[int, int]] = []
    for cursor in (reading.find(limit + 1, scan_limit), reading.find_scan_limit()):
        explanation = await cursor.explain()
        found = stages(explanation["queryPlanner"]["winningPlan"])
        kinds = {stage["stage"] for stage in found}
        assert not {"COLLSCAN", "SORT"} & kinds, kinds
        assert {tuple(stage["keyPattern"]) for stage in found if stage["stage"] == "IXSCAN"} == {
            tuple(name for name in ("tenant", index, "created", "_id") if name)
        }
        run = explanation["executionStats"]
        figures.append((run["totalKeysExamined"], run["totalDocsExamined"]))
    return figures


@pytest.mark.parametrize("dated", [False, True], ids=["ever", "in some days"])
@pytest.mark.parametrize("name", EXACT)
async def test_a_filter_reads_hardly_more_than_it_returns(
    crowd: Documents, days: tuple[datetime, datetime], name: str, dated: bool
) -> None:
    asked, index = EXACT[name]
    filters = InteractionFilter(
        tenant=TENANT, **asked, since=days[0] if dated else None, until=days[1] if dated else None
    )
    shown = expected(crowd, filters)
    assert shown
    assert await listed(filters) == shown
    (keys, documents), _ = await explained(filters, index)
    assert documents <= 26
    # Each merged scan reads one key ahead, and one to detect its end.
    assert keys <= 26 + 2 * len(Status)


@pytest.mark.parametrize("name", LOOKED_AT)
async def test_filters_together_look_at_no_more_than_a_page_may(crowd: Documents, name: str) -> None:
    asked, index = LOOKED_AT[name]
    filters = InteractionFilter(tenant=TENANT, **asked)
    assert await listed(filters) == expected(crowd, filters)
    (keys, documents), (skipped, read) = await explained(filters, index)
    assert documents <= SEEN + SAME_INSTANT
    assert max(keys, skipped) <= SEEN + SAME_INSTANT + 2 * len(Status)
    assert read == 0, "the scan limit is read from the index alone"


@pytest.mark.usefixtures("crowd")
async def test_a_page_that_finds_nothing_says_where_to_go_on() -> None:
    found = [len(items) async for items in pages(InteractionFilter(tenant=TENANT, custom_status="no such word"))]
    assert found == [0] * (NUMBER // SEEN) or found == [0] * (NUMBER // SEEN + 1)


@pytest.mark.parametrize("keys", ["metadata_keys", "primary_key_keys"])
@pytest.mark.usefixtures("crowd")
async def test_an_interaction_without_names_of_its_own_costs_their_indexes_nothing(keys: str) -> None:
    """Most interactions have none: the index has as many entries as there are names."""
    pipeline = [{"$match": {"tenant": TENANT}}, {"$group": {"_id": None, "keys": {"$sum": {"$size": f"${keys}"}}}}]
    [total] = await (await Interaction.collection().aggregate(pipeline)).to_list()
    every = {"tenant": TENANT, keys: {"$gte": ""}}
    found = await Interaction.collection().find(every).hint(newest_first_by(keys)).explain()
    assert found["executionStats"]["totalKeysExamined"] <= total["keys"] + 1


async def test_the_rarest_word_selects_the_index_range(crowd: Documents) -> None:
    rare = next(iter(crowd.values()))
    code = f"code{new_id()}"
    await Interaction.collection().update_one({"_id": rare["_id"]}, {"$push": {"words": code}})
    (keys, _), _ = await explained(InteractionFilter(tenant=TENANT, words=["nombre3", code]), "words")
    assert keys <= 2


async def test_resends_are_found_by_the_original_interaction(crowd: Documents) -> None:
    repeat, repeated, *_ = crowd
    filters = InteractionFilter(tenant=TENANT, resend_of=repeated)
    assert await listed(filters) == [repeat]
    await explained(filters, "metadata.resendOf")


@pytest.mark.parametrize("asked", [{"provider": "nobody"}, {"direction": "in", "statuses": [Status.SENT]}])
@pytest.mark.usefixtures("crowd")
async def test_an_impossible_filter_runs_no_query(asked: dict[str, Any]) -> None:
    assert await search(InteractionFilter(tenant=TENANT, **asked)) is None


async def test_a_channel_of_more_integrations_than_can_be_merged_is_looked_at(
    crowd: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queries.search.MAX_SCANS", 1)
    filters = InteractionFilter(tenant=TENANT, channel=Channel.SMS)
    assert await listed(filters) == expected(crowd, filters)
    await explained(filters, None)


async def test_concurrent_writes_do_not_shift_pages(crowd: Documents) -> None:
    """New and removed interactions move no others: each that stays is shown once."""
    filters = InteractionFilter(tenant=TENANT)
    reading = pages(filters, 50)
    seen = [item.id for item in await anext(reading)]
    newer = next(Dataset([TENANT], 1, seed=7).documents()) | {"created": utc_now()}
    gone = expected(crowd, filters)[55]
    try:
        await Interaction.collection().insert_one(newer)
        await Interaction.collection().delete_one({"_id": gone})
        seen += [item.id async for items in reading for item in items]
    finally:
        await Interaction.collection().delete_one({"_id": newer["_id"]})
        await Interaction.collection().insert_one(crowd[gone])
    assert seen == [shown for shown in expected(crowd, filters) if shown != gone]


def anything() -> st.SearchStrategy[dict[str, Any]]:
    """Any combination of filters."""
    return st.fixed_dictionaries(
        {},
        optional={
            "statuses": st.lists(st.sampled_from(Status), max_size=4),
            "custom_status": st.sampled_from(["delivered", "unknown", "rejected"]),
            "channel": st.sampled_from(Channel),
            "provider": st.sampled_from([provider for _, provider, _ in LINES]),
            "integration_id": st.integers(0, len(LINES) - 1).map(lambda one: integration(TENANT, one).integration_id),
            "process_id": st.integers(0, 9).map(lambda one: derived_id("process", TENANT, str(one))),
            "user_id": st.integers(0, 9).map(lambda one: derived_id("user", TENANT, str(one))),
            "destinations": st.integers(0, 9).map(lambda one: [f"34600{one:06}"]),
            "direction": st.sampled_from(Direction),
            "metadata": st.sampled_from([{"campaign": "1"}, {"campaign": "no such"}]),
            "primary_key": st.sampled_from([{"line": "0"}, {"order": "7", "line": "1"}]),
            "words": st.lists(st.sampled_from(["cita", "nombre3", "almacen", "juev"]), max_size=2, unique=True),
        },
    )


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=anything(), limit=st.integers(20, 60))
async def test_combined_filters_return_the_interactions_that_match_all(
    crowd: Documents, asked: dict[str, Any], limit: int
) -> None:
    filters = InteractionFilter(tenant=TENANT, **asked)
    assert await listed(filters, limit) == expected(crowd, filters)
