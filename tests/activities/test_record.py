"""Storage of the record: each step once, in order, and from the latest try of its task."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.interfaces import Record, RecordStepInput
from activities.record import MongoRecord
from domain.events import ProviderEvent
from domain.identifiers import new_id
from domain.interaction import HistoryEntry, RecordedEvent, Revision
from domain.problems import Problem
from domain.status import InteractionState, Milestone, Status
from models.interaction import Interaction
from tests.activities.factories import NOW, World, revision, run

SENT = InteractionState(status=Status.SENT, custom_status="queued", milestone=Milestone.ACCEPTED)
DELIVERED = InteractionState(status=Status.COMPLETED, custom_status="delivered", milestone=Milestone.DELIVERED)
READ = InteractionState(status=Status.COMPLETED, custom_status="read", milestone=Milestone.READ)
REFUSED = InteractionState(status=Status.VALIDATION_ERROR)
TRY, SECOND_TRY, RETRY = revision(9), revision(9, 1), revision(12)
RECORD = MongoRecord()


def change(interaction_id: str, sequence: int, state: InteractionState, **changes: object) -> RecordStepInput:
    """Return a step that adds one history entry, as the steps before it did."""
    entry = HistoryEntry(date=NOW, status=state.status, custom_status=state.custom_status)
    values: dict[str, Any] = {
        "interaction_id": interaction_id,
        "integration_id": "0" * 24,
        "sequence": sequence,
        "revision": TRY,
        "state": state,
        "updated": NOW,
        "history_before": sequence - 1,
        "history": [entry],
        "recorded_before": 0,
    }
    return RecordStepInput.model_validate(values | changes)


def received(word: str) -> RecordedEvent:
    event = ProviderEvent(
        key=f"m1:{word}", provider_status=word, milestone=Milestone.DELIVERED, provider_message_id="m1"
    )
    return RecordedEvent(id=f"received:{word}", received_at=NOW, event=event, status=Status.COMPLETED, applied=True)


async def admitted(world: World) -> str:
    submission = await world.submission()
    await world.admit(submission)
    return submission.interaction_id


async def record(*changes: RecordStepInput) -> None:
    """Write steps, one after another."""
    for one in changes:
        await run(RECORD.record, one)


async def document_of(interaction_id: str) -> Interaction:
    document = await Interaction.find_one({"_id": interaction_id})
    assert document is not None
    return document


async def loaded(interaction_id: str) -> Record:
    found = await run(RECORD.load, interaction_id)
    assert found is not None
    return found


def summary_of(document: Interaction) -> tuple[InteractionState, list[str | None], list[str]]:
    """Return a record's state, the custom statuses of its history and the provider's statuses."""
    words = [entry.custom_status for entry in document.history[2:]]
    return document.state, words, [one.event.provider_status for one in document.provider_events]


async def test_a_step_is_written(world: World) -> None:
    interaction_id = await admitted(world)
    await record(change(interaction_id, 3, SENT, provider_message_id="m1"))
    document = await document_of(interaction_id)
    assert (document.sequence, document.revision, document.state, document.updated) == (3, TRY, SENT, NOW)
    assert document.provider_message_ids == ["m1"]
    assert [entry.status for entry in document.history][-1] is Status.SENT


async def test_a_step_is_written_once_however_often_it_is_asked_for(world: World) -> None:
    interaction_id = await admitted(world)
    step = change(interaction_id, 3, DELIVERED, received=[received("delivered")])
    await asyncio.gather(*(record(step) for _ in range(10)))
    document = await document_of(interaction_id)
    assert len(document.history) == 3
    assert len(document.provider_events) == 1


async def test_an_earlier_step_that_is_asked_for_late_changes_nothing(world: World) -> None:
    interaction_id = await admitted(world)
    early = change(interaction_id, 3, SENT)
    await record(early, change(interaction_id, 4, DELIVERED))
    before = await document_of(interaction_id)
    await record(early)
    assert await document_of(interaction_id) == before


@pytest.mark.parametrize("revision", [TRY, RETRY])
async def test_a_step_is_not_written_before_its_predecessor(world: World, revision: Revision) -> None:
    interaction_id = await admitted(world)
    before = await document_of(interaction_id)
    await record(change(interaction_id, 4, DELIVERED, revision=revision))
    assert await document_of(interaction_id) == before


async def test_a_step_of_a_later_task_replaces_what_an_earlier_try_wrote_of_it(world: World) -> None:
    interaction_id = await admitted(world)
    await record(change(interaction_id, 3, SENT))
    await record(change(interaction_id, 4, DELIVERED, received=[received("delivered")]))
    more = change(interaction_id, 4, READ, received=[received("delivered"), received("read")], revision=RETRY)
    await record(more)
    document = await document_of(interaction_id)
    assert (document.sequence, document.revision) == (4, RETRY)
    assert summary_of(document) == (READ, ["queued", "read"], ["delivered", "read"])


async def test_a_step_of_a_later_task_replaces_also_the_step_more_that_an_earlier_try_wrote(world: World) -> None:
    interaction_id = await admitted(world)
    await record(
        change(interaction_id, 3, SENT, received=[received("sent")]),
        change(interaction_id, 4, DELIVERED, recorded_before=1, received=[received("delivered")]),
    )
    await record(change(interaction_id, 3, READ, received=[received("read")], revision=RETRY))
    document = await document_of(interaction_id)
    assert (document.sequence, document.revision) == (3, RETRY)
    assert summary_of(document) == (READ, ["read"], ["read"])


@pytest.mark.parametrize("sequence", [2, 3, 4, 5])
async def test_an_older_try_that_comes_late_changes_nothing(world: World, sequence: int) -> None:
    interaction_id = await admitted(world)
    await record(*(change(interaction_id, number, DELIVERED, revision=RETRY) for number in (3, 4)))
    before = await document_of(interaction_id)
    await record(change(interaction_id, sequence, SENT))
    assert await document_of(interaction_id) == before


async def test_a_queued_interaction_is_not_queued_again_by_an_older_try(world: World) -> None:
    submission = await world.submission()
    await world.resolve(await world.resolution(submission, revision=RETRY))
    await record(change(submission.interaction_id, 3, SENT, revision=RETRY))
    before = await document_of(submission.interaction_id)
    await world.resolve(await world.resolution(submission, revision=TRY))
    assert await document_of(submission.interaction_id) == before


Tries = tuple[list[int], list[tuple[Revision, int]]]


@st.composite
def tries_of_a_task(draw: st.DrawFn) -> Tries:
    """Draw the steps of the latest try, and all writes: those of the latest try in order, older ones in any order."""
    latest = list(range(3, draw(st.integers(3, 5)) + 1))
    older = [(one, sequence) for one in (TRY, SECOND_TRY) for sequence in range(3, draw(st.integers(2, 6)) + 1)]
    arriving = draw(st.permutations([*older, *[(RETRY, 0) for _ in latest]]))
    of_latest = iter(latest)
    return latest, [(one, sequence or next(of_latest)) for one, sequence in arriving]


@given(tries=tries_of_a_task())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_latest_try_is_stored_whatever_older_tries_write_and_however_late(world: World, tries: Tries) -> None:
    latest, arriving = tries
    interaction_id = await admitted(world)

    def word(one: Revision, sequence: int) -> str:
        return f"{one.history_length}-{one.task_time.timestamp()}-{sequence}"

    for one, sequence in arriving:
        said = word(one, sequence)
        state = InteractionState(status=Status.SENT, custom_status=said, milestone=Milestone.SENT)
        before = {"recorded_before": sequence - 3, "revision": one}
        await record(change(interaction_id, sequence, state, received=[received(said)], **before))
    words = [word(RETRY, sequence) for sequence in latest]
    state, history, events = summary_of(await document_of(interaction_id))
    assert (state.custom_status, history, events) == (words[-1], words, words)


async def test_mongodb_operators_in_content_are_stored_literally(world: World) -> None:
    submission = await world.submission()
    await world.register(submission)
    literal = InteractionState(status=Status.VALIDATION_ERROR, custom_status="$status")
    entry = HistoryEntry(date=NOW, status=literal.status, custom_status="$history", notes="$$ROOT")
    problem = Problem(field="$tenant", code="invalid", details={"reason": "$literal", "$concat": 1})
    event = received("$_id").model_copy(update={"reason": "$$REMOVE"})
    step = change(
        submission.interaction_id,
        2,
        literal,
        history=[entry],
        received=[event],
        problems=[problem],
        provider_message_id="$fingerprint",
    )
    await record(step)
    document = await document_of(submission.interaction_id)
    assert (document.state, document.history[-1], document.provider_events) == (literal, entry, [event])
    assert (document.problems, document.provider_message_ids) == ([problem], ["$fingerprint", "m1"])


async def test_provider_events_are_added_in_the_order_in_which_they_were_received(world: World) -> None:
    interaction_id = await admitted(world)
    await record(
        change(interaction_id, 3, SENT, received=[received("a"), received("b")]),
        change(interaction_id, 4, DELIVERED, recorded_before=2, received=[received("c")]),
    )
    events = (await document_of(interaction_id)).provider_events
    assert [one.event.provider_status for one in events] == ["a", "b", "c"]
    assert events[0] == received("a")


async def test_a_providers_message_id_is_kept_through_later_steps(world: World) -> None:
    interaction_id = await admitted(world)
    await record(change(interaction_id, 3, SENT, provider_message_id="m1"), change(interaction_id, 4, DELIVERED))
    assert (await document_of(interaction_id)).provider_message_ids == ["m1"]


async def test_a_refusal_is_kept_with_its_reasons_through_later_steps(world: World) -> None:
    submission = await world.submission()
    await world.register(submission)
    problems = [Problem(field="Destinations", code="too_many_destinations", details={"limit": 1})]
    await record(change(submission.interaction_id, 2, REFUSED, problems=problems))
    stored = await loaded(submission.interaction_id)
    assert (stored.state, stored.problems) == (REFUSED, problems)
    late = change(submission.interaction_id, 3, REFUSED, history=[], received=[received("delivered")], revision=RETRY)
    await record(late)
    stored = await loaded(submission.interaction_id)
    assert (stored.sequence, stored.state, stored.problems) == (3, REFUSED, problems)


async def test_a_loaded_record_is_enough_to_resume(world: World) -> None:
    interaction_id = await admitted(world)
    await record(change(interaction_id, 3, DELIVERED, received=[received("delivered")]))
    stored = await loaded(interaction_id)
    assert (stored.sequence, stored.revision, stored.state) == (3, TRY, DELIVERED)
    assert stored.fingerprint == "fingerprint"
    assert stored.policy is not None
    assert stored.policy.repeatable
    assert stored.interaction == await (await document_of(interaction_id)).view()
    assert [one.event.key for one in stored.interaction.audit_trail.provider_events] == ["m1:delivered"]


async def test_an_interaction_that_was_never_registered_is_not_found() -> None:
    assert await run(RECORD.load, new_id()) is None
