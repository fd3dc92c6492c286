"""Registration: once, by one run, and with the content as the caller wrote it."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.channels import Channel
from domain.identifiers import new_id
from domain.interaction import REGISTERED_NOTE
from domain.status import Status
from models.interaction import Interaction
from tests.activities.factories import NOW, PHONE, World

# What the API lets in (`api/http/request_body.py`): 64-bit integers, texts without NUL.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.sampled_from(["$set", "a.b", ""]), inner),
    max_leaves=6,
)


async def test_the_first_to_register_an_interaction_has_it(world: World) -> None:
    submission = await world.submission()
    assert await world.register(submission)
    stored = await world.stored(submission)
    assert stored.fingerprint == submission.fingerprint
    seen = await stored.view()
    assert (seen.id, seen.tenant, seen.status) == (submission.interaction_id, world.tenant, Status.VALIDATION_PENDING)
    (entry,) = seen.audit_trail.history
    assert (entry.date, entry.status, entry.notes) == (NOW, Status.VALIDATION_PENDING, REGISTERED_NOTE)
    assert [one.value for one in seen.destinations] == [PHONE]
    assert seen.summary == '{"subject":"","body":"Su cita es mañana","generic":null}'


async def test_a_registration_repeated_by_its_run_is_still_its_own_and_one_document(world: World) -> None:
    submission = await world.submission()
    assert await world.register(submission)
    assert await world.register(submission)
    assert len(await world.interactions()) == 1


async def test_a_registration_by_another_run_belongs_to_the_first_and_stays_as_it_was(world: World) -> None:
    submission = await world.submission()
    assert await world.register(submission, "run-1")
    first = await world.stored(submission)
    other = submission.model_copy(update={"fingerprint": "other", "payload": {"Type": "simple-text", "Text": "Otro"}})
    assert not await world.register(other, "run-2")
    assert await world.stored(submission) == first
    assert await world.register(submission, "run-1")


async def test_of_many_runs_that_register_one_interaction_at_once_one_has_it(world: World) -> None:
    submission = await world.submission()
    found = await asyncio.gather(*(world.register(submission, f"run-{number}") for number in range(20)))
    assert found.count(True) == 1
    assert len(await world.interactions()) == 1


async def test_an_invalid_submission_is_registered_unchanged(world: World) -> None:
    submission = await world.submission(payload={"Foo": 1}, destinations=["no", "no"], process_id="no such")
    await world.register(submission)
    seen = await world.stored(submission)
    assert seen.payload == {"Foo": 1}
    assert [one.value for one in seen.destinations] == ["no", "no"]
    assert seen.process_id == "no such"
    assert seen.summary == '{"subject":"","body":"","generic":null}'


@given(content=st.dictionaries(texts | st.sampled_from(["$where", "a.b", "_id"]), values, max_size=4))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_json_of_a_caller_is_stored_unchanged(world: World, content: dict[str, Any]) -> None:
    submission = await world.submission(payload=content, metadata=content, primary_key=content)
    await world.register(submission)
    stored = await Interaction.find_one({"_id": submission.interaction_id})
    assert stored is not None
    assert stored.payload == stored.metadata == stored.primary_key == content
    assert list(stored.payload) == list(content)


async def test_an_emails_destinations_are_registered_as_email_addresses(world: World) -> None:
    integration = await world.integration(Channel.EMAIL)
    submission = await world.submission(
        integration, payload={"Type": "email", "Body": "Hola"}, destinations=["Usuario@DOMINIO.com"]
    )
    await world.register(submission)
    (destination,) = (await world.stored(submission)).destinations
    assert (destination.key, destination.value) == ("Email", "Usuario@dominio.com")


async def test_an_interaction_of_another_tenant_does_not_show_this_ones_process(world: World) -> None:
    process = await world.process()
    stranger = World(tenant=f"tenant-{new_id()}", gateway_url=world.gateway_url)
    submission = await stranger.submission(process_id=process.id)
    await stranger.register(submission)
    assert (await (await stranger.stored(submission)).view()).process_summary is None
