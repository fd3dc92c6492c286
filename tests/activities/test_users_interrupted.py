"""Merges and erasures of users that are interrupted at any wait for a server and retried, or written to meanwhile."""

from contextlib import suppress
from datetime import timedelta
from typing import Final

from temporalio.exceptions import ApplicationError

from activities.erasing import MongoErasures
from activities.interfaces import UserTask
from activities.merging import MongoMerges
from domain.identifiers import new_id
from models.erasure import erased_id
from models.interaction import Interaction
from models.user import User
from tests.activities.conversation import ADMISSION, SENT, Message, email, subscribed_integration
from tests.activities.crash_injection import interrupted, taken_again, waits_of
from tests.activities.factories import World, run
from tests.activities.pii_canaries import marked, stored_documents, where

MERGES: Final = MongoMerges()


async def test_an_erasure_that_is_interrupted_everywhere_has_the_same_result(
    world: World, erasures: MongoErasures
) -> None:
    activities = (erasures.reserve_erasure, erasures.erase, erasures.purge_derived_data, erasures.complete_erasure)
    whole, broken = [await marked(world, f"3466{new_id()}") for _ in range(2)]
    for activity in activities:
        waits = await waits_of(activity, _task(whole.user))
        assert waits > 0
        # Each try comes farther, up to the last wait.
        await taken_again(activity, _task(broken.user), [*range(0, waits, max(1, waits // 12)), waits - 1])
    assert await where(broken.mark) == await where(whole.mark) == set()
    ended = [await User.find_one({"_id": made.user.id}) for made in (whole, broken)]
    assert [user and user.erasure and user.erasure.interactions for user in ended] == [3, 3]


async def test_an_event_between_any_two_commands_of_an_erasure_is_erased_and_not_lost(
    world: World, erasures: MongoErasures
) -> None:
    integration = await subscribed_integration(world)

    async def erased(at: int | None) -> int:
        address = f"{new_id()}@correo.es"
        message = Message(world, integration, [address], f"said-{new_id()}")
        await message.admit()
        [user] = await User.owning(world.tenant, [email(address)])
        await run(erasures.reserve_erasure, _task(user))
        waits = 0
        if at is None:
            waits = await waits_of(erasures.erase, _task(user))
        else:
            await interrupted(erasures.erase, _task(user), at, lambda: message.record(SENT))
        for activity in (erasures.erase, erasures.purge_derived_data, erasures.complete_erasure):
            await run(activity, _task(user))
        stored = await Interaction.find_one({"_id": message.id})
        assert stored
        assert (stored.status, stored.provider_message_ids) == (
            message.state.status,
            [] if at is None else [erased_id(message.message_id)],
        )
        marks.append(message.mark)
        return waits

    marks: list[str] = []
    for at in range(0, await erased(None), 3):
        await erased(at)
    everything = b"\n".join([document async for _, document in stored_documents({"tenant": world.tenant})])
    assert [mark for mark in marks if mark.encode() in everything] == []


async def test_a_send_whose_user_is_erased_before_or_during_its_admission_is_erased_or_has_a_new_user(
    world: World, erasures: MongoErasures
) -> None:
    integration = await subscribed_integration(world)

    async def erased(at: int | None) -> int:
        address = f"{new_id()}@correo.es"
        message = Message(world, integration, [address], f"said-{new_id()}")
        user = await world.user(email(address))
        admit_input = await message.admit_input()

        async def erase() -> None:
            await run(erasures.reserve_erasure, _task(user))
            with suppress(ApplicationError):  # it is still being validated
                await run(erasures.erase, _task(user))

        if at is None:
            return await waits_of(ADMISSION.admit, admit_input)
        if at < 0:
            await erase()
        await interrupted(ADMISSION.admit, admit_input, at, erase)
        for activity in (
            erasures.reserve_erasure,
            erasures.erase,
            erasures.purge_derived_data,
            erasures.complete_erasure,
        ):
            await run(activity, _task(user))
        stored = await Interaction.find_one({"_id": message.id})
        assert stored
        is_gone = stored.user_ids == [user.id]
        gone.append(is_gone)
        assert (await where(message.mark) == set()) == is_gone
        return 0

    gone: list[bool] = []
    for at in range(-1, await erased(None), 2):
        await erased(at)
    assert set(gone) == {True, False}, "both, by the moment"


async def test_a_merge_that_is_interrupted_everywhere_has_the_same_result(world: World) -> None:
    whole, broken = [await marked(world, f"3466{new_id()}") for _ in range(2)]
    for activity in (MERGES.reserve_merge, MERGES.move, MERGES.complete_merge):
        waits = await waits_of(activity, _task(whole.user, whole.other))
        assert waits > 0
        again = [*range(0, waits, max(1, waits // 12)), waits - 1]
        await taken_again(activity, _task(broken.user, broken.other), again)
    for made in (whole, broken):
        ended = await User.having_ids(world.tenant, [made.user.id, made.other.id])
        assert [(user.name, len(user.destinations), user.merge is not None) for user in ended] == [
            ("", 0, True),
            (made.other.name, 2, False),
        ]
        assert ended[0].merge
        assert ended[0].merge.completed
        of_both = await Interaction.find({"user_ids": [made.other.id]}).to_list()
        assert {one.id for one in of_both} == {made.alone.id, made.of_several.id}
        assert await Interaction.find_one({"user_ids": made.user.id}) is None


def _task(user: User, into: User | None = None) -> UserTask:
    return UserTask(
        tenant=user.tenant, user_id=user.id, into=into.id if into else None, erasure_grace_period=timedelta()
    )
