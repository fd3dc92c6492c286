"""Keeping the record: each step once, and in its turn."""

import asyncio
from typing import Any

from activities.interfaces import Change, Record
from activities.record import MongoRecord
from domain.events import ProviderEvent
from domain.identifiers import new_id
from domain.interaction import HeardEvent, HistoryEntry
from domain.problems import Problem
from domain.status import Milestone, Standing, Status
from models.interaction import Interaction
from tests.activities.world import NOW, World, run

SENT = Standing(status=Status.SENT, custom_status="queued", milestone=Milestone.ACCEPTED)
DELIVERED = Standing(status=Status.COMPLETED, custom_status="delivered", milestone=Milestone.DELIVERED)
RECORD = MongoRecord()


def change(interaction_id: str, sequence: int, standing: Standing, **changes: object) -> Change:
    entry = HistoryEntry(date=NOW, status=standing.status, custom_status=standing.custom_status)
    values: dict[str, Any] = {
        "interaction_id": interaction_id,
        "sequence": sequence,
        "standing": standing,
        "updated": NOW,
        "history": [entry],
    }
    return Change.model_validate(values | changes)


def heard(word: str) -> HeardEvent:
    event = ProviderEvent(key=f"m1:{word}", word=word, milestone=Milestone.DELIVERED, provider_message_id="m1")
    return HeardEvent(heard_at=NOW, event=event, status=Status.COMPLETED, applied=True)


async def admitted(world: World) -> str:
    submission = await world.submission()
    await world.admit(submission)
    return submission.interaction_id


async def kept(interaction_id: str) -> Interaction:
    document = await Interaction.find_one({"_id": interaction_id})
    assert document is not None
    return document


async def loaded(interaction_id: str) -> Record:
    record = await run(RECORD.load, interaction_id)
    assert record is not None
    return record


async def test_a_step_is_written(world: World) -> None:
    interaction_id = await admitted(world)
    await run(RECORD.record, change(interaction_id, 3, SENT, provider_message_id="m1"))
    document = await kept(interaction_id)
    assert (document.sequence, document.standing, document.updated) == (3, SENT, NOW)
    assert document.provider_message_ids == ["m1"]
    assert [entry.status for entry in document.history][-1] is Status.SENT


async def test_a_step_is_written_once_however_often_it_is_asked_for(world: World) -> None:
    interaction_id = await admitted(world)
    step = change(interaction_id, 3, DELIVERED, heard=[heard("delivered")])
    await asyncio.gather(*(run(RECORD.record, step) for _ in range(10)))
    document = await kept(interaction_id)
    assert len(document.history) == 3
    assert len(document.provider_events) == 1


async def test_an_earlier_step_that_is_asked_for_late_changes_nothing(world: World) -> None:
    interaction_id = await admitted(world)
    early = change(interaction_id, 3, SENT)
    await run(RECORD.record, early)
    await run(RECORD.record, change(interaction_id, 4, DELIVERED))
    before = await kept(interaction_id)
    await run(RECORD.record, early)
    assert await kept(interaction_id) == before


async def test_a_later_step_is_not_written_before_its_predecessor(world: World) -> None:
    interaction_id = await admitted(world)
    before = await kept(interaction_id)
    await run(RECORD.record, change(interaction_id, 4, DELIVERED))
    assert await kept(interaction_id) == before


async def test_the_providers_news_are_added_in_the_order_in_which_they_were_heard(world: World) -> None:
    interaction_id = await admitted(world)
    await run(RECORD.record, change(interaction_id, 3, SENT, heard=[heard("a"), heard("b")]))
    await run(RECORD.record, change(interaction_id, 4, DELIVERED, heard=[heard("c")]))
    events = (await kept(interaction_id)).provider_events
    assert [one.event.word for one in events] == ["a", "b", "c"]
    assert events[0] == heard("a")


async def test_a_providers_message_id_is_kept_once_and_never_lost(world: World) -> None:
    interaction_id = await admitted(world)
    for sequence, message_id in [(3, "m1"), (4, None), (5, "m1"), (6, "m2")]:
        await run(RECORD.record, change(interaction_id, sequence, SENT, provider_message_id=message_id))
    assert (await kept(interaction_id)).provider_message_ids == ["m1", "m2"]


async def test_a_refusal_is_kept_with_its_reasons(world: World) -> None:
    submission = await world.submission()
    await world.register(submission)
    problems = [Problem(field="Destinations", code="too_many_destinations", details={"limit": 1})]
    refused = Standing(status=Status.VALIDATION_ERROR)
    await run(RECORD.record, change(submission.interaction_id, 2, refused, problems=problems))
    record = await loaded(submission.interaction_id)
    assert (record.standing, record.problems) == (refused, problems)


async def test_what_is_loaded_is_enough_to_go_on(world: World) -> None:
    interaction_id = await admitted(world)
    await run(RECORD.record, change(interaction_id, 3, DELIVERED, heard=[heard("delivered")]))
    record = await loaded(interaction_id)
    assert (record.sequence, record.standing, record.fingerprint) == (3, DELIVERED, "fingerprint")
    assert record.policy is not None
    assert record.policy.repeatable
    assert record.interaction == await (await kept(interaction_id)).view()
    assert [one.event.key for one in record.interaction.audit_trail.provider_events] == ["m1:delivered"]


async def test_what_was_never_registered_is_not_found() -> None:
    assert await run(RECORD.load, new_id()) is None
