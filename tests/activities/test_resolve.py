"""Resolution of users and processes by the specification (`AutoCreateUser`, `AutoCreateProcess`)."""

from datetime import timedelta

import pytest

from domain.channels import Channel
from domain.identifiers import derived_id
from domain.interaction import Direction
from domain.status import Status
from domain.submission import Submission
from models.interaction import Interaction
from models.process import Process
from models.user import Erasure, User
from tests.activities.factories import NOW, PHONE, World, phone

EMAIL = {"Type": "email", "Subject": "Cita", "Body": "Mañana"}
ADDRESSES = ["a@correo.es", "b@correo.es", "c@correo.es"]


async def email_to(world: World, addresses: list[str]) -> Submission:
    integration = await world.integration(Channel.EMAIL)
    return await world.submission(integration, payload=EMAIL, destinations=addresses)


async def last_entry(process_id: str) -> tuple[str | None, Direction | None]:
    process = await Process.find_one({"_id": process_id})
    assert process is not None
    return process.last_interaction_id, process.last_direction


async def test_a_valid_submission_is_queued_with_its_user_and_its_process(world: World) -> None:
    submission = await world.submission()
    resolved = await world.admit(submission)
    assert resolved.problems == []
    seen = resolved.interaction
    assert seen is not None
    assert seen.status is Status.DISPATCH_PENDING
    assert [entry.status for entry in seen.audit_trail.history] == [Status.VALIDATION_PENDING, Status.DISPATCH_PENDING]
    assert seen.audit_trail.updated == NOW + timedelta(milliseconds=128)
    (user,) = seen.users
    assert user.primary_key == {"PhoneNumber": [PHONE]}
    assert [one.user_id for one in seen.destinations] == [user.id]
    assert seen.process_id == submission.new_process_id
    assert seen.process_summary is not None
    assert seen.process_summary.last_direction is Direction.OUT
    assert not seen.process_summary.is_closed
    assert seen.is_last_entry
    stored = await Interaction.find_one({"_id": submission.interaction_id})
    assert stored is not None
    assert await stored.view() == seen


async def test_without_an_owner_of_any_destination_one_user_is_created_that_owns_them_all(world: World) -> None:
    seen = (await world.admit(await email_to(world, ADDRESSES))).interaction
    assert seen is not None
    (user,) = await world.users()
    assert [owned.value for owned in user.destinations] == ADDRESSES
    assert {one.user_id for one in seen.destinations} == {user.id}


async def test_with_an_owner_of_a_destination_no_user_is_created_and_no_profile_grows(world: World) -> None:
    first = await world.user(phone(PHONE))
    seen = (await world.admit(await world.submission())).interaction
    assert seen is not None
    assert [one.user_id for one in seen.destinations] == [first.id]
    (user,) = await world.users()
    assert user == first


async def test_a_destination_without_owner_carries_the_first_user(world: World) -> None:
    # The owners are created by earlier submissions.
    await world.admit(await email_to(world, [ADDRESSES[0]]))
    await world.admit(await email_to(world, [ADDRESSES[1]]))
    before = await world.users()
    owners = {user.destinations[0].value: user.id for user in before}
    seen = (await world.admit(await email_to(world, [ADDRESSES[2], ADDRESSES[1], ADDRESSES[0]]))).interaction
    assert seen is not None
    oldest = min(before, key=lambda user: (user.created, user.id)).id
    assert [one.user_id for one in seen.destinations] == [oldest, owners[ADDRESSES[1]], owners[ADDRESSES[0]]]
    assert {user.id for user in seen.users} == set(owners.values())
    assert await world.users() == before


async def test_another_tenants_user_is_not_found(world: World) -> None:
    stranger = World(tenant=f"{world.tenant}-other", gateway_url=world.gateway_url)
    foreign = await stranger.user(phone(PHONE))
    seen = (await world.admit(await world.submission())).interaction
    assert seen is not None
    assert seen.users[0].id != foreign.id
    assert await stranger.users() == [foreign]


async def test_the_same_destination_submitted_fifty_times_at_once_creates_one_user(world: World) -> None:
    integration = await world.integration()
    resolved = await world.admit_all([await world.submission(integration) for _ in range(50)])
    (user,) = await world.users()
    assert {one.interaction.users[0].id for one in resolved if one.interaction} == {user.id}
    assert len(await world.processes()) == 50


async def test_resolving_again_finds_everything_created(world: World) -> None:
    resolution = await world.resolution(await world.submission())
    first = await world.resolve(resolution)
    assert await world.resolve(resolution) == first
    assert len(await world.users()) == 1
    assert len(await world.processes()) == 1
    (stored,) = await world.interactions()
    assert stored.sequence == 2
    assert len(stored.history) == 2


async def test_resolving_again_after_a_crash_between_any_two_writes_ends_the_same(world: World) -> None:
    resolution = await world.resolution(await world.submission())
    before = (await world.interactions())[0]
    first = await world.resolve(resolution)
    await before.replace()  # as if only user and process had been written
    assert await world.resolve(resolution) == first
    for process in await world.processes():
        await process.delete()
    await before.replace()  # as if only the user had
    assert await world.resolve(resolution) == first


async def test_a_process_created_for_a_user_that_was_created_concurrently_is_with_that_one(world: World) -> None:
    """Both are created concurrently; a crash may leave the process alone, with the user that was to be created."""
    resolution = await world.resolution(await world.submission())
    before = (await world.interactions())[0]
    await world.resolve(resolution)
    for user in await world.users():
        await user.delete()
    await before.replace()
    quicker = await world.user(phone(PHONE))
    seen = (await world.resolve(resolution)).interaction
    assert [one.id for one in seen.users] == [quicker.id]
    (process,) = await world.processes()
    assert process.user_ids == [quicker.id]


async def test_resolving_again_after_the_created_user_is_erased_creates_no_other(world: World) -> None:
    """The caller may have read the user's id before the step was complete, and erased that user."""
    resolution = await world.resolution(await world.submission())
    await world.resolve(resolution)
    (user,) = await world.users()
    erasure = Erasure(requested=NOW).model_dump()
    await User.collection().update_one({"_id": user.id}, {"$set": {"erasure": erasure, "destinations": []}})
    again = await world.resolve(resolution)
    assert [one.id for one in again.interaction.users] == [user.id]
    assert [one.id for one in await world.users()] == [user.id]


async def test_an_open_process_that_is_named_is_joined(world: World) -> None:
    process = await world.process(metadata={"case": 7}, primary_key={"id": "x"})
    seen = (await world.admit(await world.submission(process_id=process.id))).interaction
    assert seen is not None
    assert seen.process_id == process.id
    assert seen.process_summary is not None
    assert (seen.process_summary.metadata, seen.process_summary.primary_key) == ({"case": 7}, {"id": "x"})
    assert await last_entry(process.id) == (seen.id, Direction.OUT)
    assert len(await world.processes()) == 1


async def test_a_process_closed_since_validation_is_a_reason_and_is_left_as_it_was(world: World) -> None:
    await world.user(phone(PHONE))
    process = await world.process()
    resolution = await world.resolution(await world.submission(process_id=process.id))
    await process.set({"is_closed": True})
    resolved = await world.resolve(resolution)
    assert resolved.policy is None
    assert [(one.field, one.code) for one in resolved.problems] == [("processId", "process_closed")]
    assert await last_entry(process.id) == (None, None)
    (stored,) = await world.interactions()
    assert (stored.sequence, stored.status) == (1, Status.VALIDATION_PENDING)


async def test_a_process_closed_since_validation_leaves_no_user_behind(world: World) -> None:
    process = await world.process()
    resolution = await world.resolution(await world.submission(process_id=process.id))
    await process.set({"is_closed": True})
    assert (await world.resolve(resolution)).policy is None
    assert await world.users() == []


async def test_a_created_process_that_was_closed_since_is_a_reason_and_no_other_is_created(world: World) -> None:
    resolution = await world.resolution(await world.submission())
    await world.resolve(resolution)
    (process,) = await world.processes()
    await process.set({"is_closed": True})
    resolved = await world.resolve(resolution)
    assert resolved.policy is None
    assert [(one.field, one.code) for one in resolved.problems] == [("processId", "process_closed")]
    assert await world.processes() == [process]


@pytest.mark.parametrize("gone", [True, False])
async def test_a_process_that_is_not_this_tenants_is_not_joined(world: World, gone: bool) -> None:
    process = await world.process()
    resolution = await world.resolution(await world.submission(process_id=process.id))
    if gone:
        await process.delete()
    else:
        await process.set({"tenant": f"{world.tenant}-other"})
    resolved = await world.resolve(resolution)
    assert [(one.field, one.code) for one in resolved.problems] == [("processId", "process_not_found")]


async def test_only_the_newest_interaction_of_a_process_is_its_last_entry(world: World) -> None:
    first = (await world.admit(await world.submission())).interaction
    assert first is not None
    second = (
        await world.admit(
            await world.submission(process_id=first.process_id, submitted_at=NOW + timedelta(milliseconds=1))
        )
    ).interaction
    assert second is not None
    assert second.is_last_entry
    views = [await one.view() for one in await world.interactions()]
    assert {one.id: one.is_last_entry for one in views} == {first.id: False, second.id: True}


async def test_an_older_interaction_that_resolves_late_does_not_become_the_last_entry(world: World) -> None:
    process = await world.process()
    older = await world.resolution(await world.submission(process_id=process.id))
    newer = await world.submission(process_id=process.id, submitted_at=NOW + timedelta(milliseconds=1))
    await world.admit(newer)
    late = (await world.resolve(older)).interaction
    assert late is not None
    assert not late.is_last_entry
    assert await last_entry(process.id) == (newer.interaction_id, Direction.OUT)


async def test_an_older_outgoing_interaction_does_not_turn_the_direction_back(world: World) -> None:
    received_at = NOW + timedelta(seconds=1)
    process = await world.process(
        last_interaction_id=derived_id("received"), last_interaction_at=received_at, last_direction=Direction.IN
    )
    seen = (await world.admit(await world.submission(process_id=process.id))).interaction
    assert seen is not None
    assert seen.process_summary is not None
    assert seen.process_summary.last_direction is Direction.IN
    assert await last_entry(process.id) == (derived_id("received"), Direction.IN)


async def test_of_many_interactions_that_join_one_process_at_once_the_newest_is_the_last_entry(world: World) -> None:
    process, integration = await world.process(), await world.integration()
    submissions = [
        await world.submission(
            integration, process_id=process.id, submitted_at=NOW + timedelta(milliseconds=(number * 7) % 20)
        )
        for number in range(20)
    ]
    await world.admit_all(submissions)
    newest = max(submissions, key=lambda submission: submission.submitted_at)
    assert await last_entry(process.id) == (newest.interaction_id, Direction.OUT)


@pytest.mark.parametrize("order", [(0, 1, 0, 1), (1, 0, 1, 0), (0, 1, 1, 0)])
async def test_of_two_interactions_of_the_same_millisecond_always_the_same_is_the_last_entry(
    world: World, order: tuple[int, ...]
) -> None:
    process = await world.process()
    ids = [derived_id(world.tenant, "one"), derived_id(world.tenant, "other")]
    both = [await world.submission(interaction_id=one, process_id=process.id) for one in ids]
    resolutions = [await world.resolution(submission) for submission in both]
    for position in order:
        await world.resolve(resolutions[position])
    assert await last_entry(process.id) == (max(ids), Direction.OUT)
