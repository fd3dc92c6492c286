"""Merging and erasing users raced against sends, receipts, messages in, cancelling, resending, and crashes.

In any order, the outcome is one of those in `docs/platform.md`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from temporalio.exceptions import ApplicationError

from activities.erasing import MongoErasures
from activities.interfaces import UserTask
from activities.merging import MongoMerges
from domain.identifiers import new_id
from domain.problems import Problem
from models.erasure import erased_id
from models.integration import Integration
from models.interaction import Interaction
from models.process import Process
from models.user import User
from tests.activities.conversation import DELIVERED, RECEPTION, Message, email, subscribed_integration
from tests.activities.conversation import inbound as inbound_message
from tests.activities.crash_injection import taken_again
from tests.activities.factories import World, run
from tests.activities.pii_canaries import stored_documents

OWNED: Final = 3
"""Number of addresses that have a user at the start."""

ADDRESSES: Final = OWNED + 1

REFUSALS: Final = {"user_merged", "user_erased"}
"""Codes for which a merge or an erasure of the initial users is refused."""

MERGES: Final = MongoMerges()

breaks = st.lists(st.integers(0, 40), max_size=2)
numbers = st.sampled_from([0, 0, 1, 1, 2])
address_numbers = st.sampled_from([0, 0, 0, 1, 1, 2, 3])


@dataclass(frozen=True)
class Send:
    """A send, with pauses between its steps, that may be cancelled."""

    addresses: list[int]
    pause: float
    is_cancelled: bool


@dataclass(frozen=True)
class Resend:
    """A resend of one of the sends, as soon as it is registered."""

    number: int


@dataclass(frozen=True)
class Receive:
    """A message from an end user."""

    address: int


@dataclass(frozen=True)
class Merge:
    """A merge of one user into another, each of whose activities is interrupted first."""

    user: int
    into: int
    breaks: list[int]


@dataclass(frozen=True)
class Erase:
    """An erasure, each of whose activities is interrupted first."""

    user: int
    breaks: list[int]


Race = Sequence[tuple[float, Send | Resend | Receive | Merge | Erase]]

moments = st.sampled_from([0.0, 0.0, 0.002, 0.005, 0.01, 0.02, 0.05])
sends = st.builds(Send, st.lists(address_numbers, min_size=1, max_size=2, unique=True), moments, st.booleans())
merges = st.builds(Merge, numbers, numbers, breaks).filter(lambda merge: merge.user != merge.into)
erases = st.builds(Erase, numbers, breaks)
writers = st.one_of(sends, sends, st.builds(Resend, st.integers(0, 3)), st.builds(Receive, address_numbers))
races = settings(
    max_examples=5,
    phases=[Phase.explicit, Phase.generate],  # a race that is lost once need not be lost again
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    database=None,
)


@dataclass
class Stage:
    """A tenant and its users, on which a race is run.

    Attributes:
        settled: set once all writers that found a user before have written.
        sent: admitted messages, by id; `received` likewise.
        erased: ids of the erased users.
    """

    world: World
    integration: Integration
    erasures: MongoErasures
    users: list[User]
    addresses: list[str]
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    sent: dict[str, Message] = field(default_factory=dict[str, Message])
    received: dict[str, str] = field(default_factory=dict[str, str])
    erased: set[str] = field(default_factory=set[str])

    @classmethod
    async def open(cls, gateway_url: str, erasures: MongoErasures) -> "Stage":
        world = World(tenant=f"tenant-{new_id()}", gateway_url=gateway_url)
        owned = [f"{new_id()}@correo.es" for _ in range(ADDRESSES)]
        users = [
            User(
                tenant=world.tenant,
                name=f"name-of-{address}",
                metadata={f"of-{address}": address},
                destinations=[email(address)],
            )
            for address in owned[:OWNED]
        ]
        await User.insert_many(users)
        return cls(world, await subscribed_integration(world), erasures, users, owned)

    async def play(self, steps: Race) -> None:
        """Run all steps concurrently, then the late receipts."""
        following = [self._later(after, one) for after, one in steps if isinstance(one, Merge | Erase)]
        writing = [self._later(after, one) for after, one in steps if not isinstance(one, Merge | Erase)]
        async with asyncio.TaskGroup() as tasks:
            for one in following:
                tasks.create_task(one)
            await asyncio.gather(*writing)
            self.settled.set()
        for message in list(self.sent.values()):
            await message.record(DELIVERED)

    async def _later(self, after: float, step: Send | Resend | Receive | Merge | Erase) -> None:
        await asyncio.sleep(after)
        match step:
            case Send():
                to = [self.addresses[number] for number in step.addresses]
                message = Message(self.world, self.integration, to, f"said-{new_id()}")
                await self._live(message, step.pause, is_cancelled=step.is_cancelled)
            case Resend():
                again = [await message.resent() for message in list(self.sent.values())[: step.number]]
                for message in again:
                    if message is not None:
                        await self._live(message, 0)
            case Receive():
                mark = f"said-{new_id()}"
                inbound = inbound_message(self.integration, self.addresses[step.address], mark)
                await run(RECEPTION.receive, inbound)
                self.received[inbound.interaction_id] = mark
            case Merge():
                await self._merge(step)
            case Erase():
                await self._erase(step)

    async def _live(self, message: Message, pause: float, *, is_cancelled: bool = False) -> None:
        await message.live(pause, is_cancelled=is_cancelled)
        self.sent[message.id] = message

    async def _merge(self, step: Merge) -> None:
        task = self._task(step.user, self.users[step.into].id)
        problems = await taken_again(MERGES.reserve_merge, task, step.breaks)
        if not self._is_refused(problems):
            await taken_again(MERGES.move, task, step.breaks)
            await self.settled.wait()
            await taken_again(MERGES.move, task, step.breaks)
            await taken_again(MERGES.complete_merge, task, step.breaks)

    async def _erase(self, step: Erase) -> None:
        task = self._task(step.user)
        problems = await taken_again(self.erasures.reserve_erasure, task, step.breaks)
        if not self._is_refused(problems):
            self.erased.add(task.user_id)
            await _until_done(lambda: taken_again(self.erasures.erase, task, step.breaks))
            await self.settled.wait()
            await _until_done(lambda: taken_again(self.erasures.erase, task, step.breaks))
            await taken_again(self.erasures.purge_derived_data, task, step.breaks)
            await taken_again(self.erasures.complete_erasure, task, step.breaks)

    def _task(self, number: int, into: str | None = None) -> UserTask:
        user_id = self.users[number].id
        return UserTask(tenant=self.world.tenant, user_id=user_id, into=into, erasure_grace_period=timedelta())

    @staticmethod
    def _is_refused(problems: Sequence[Problem]) -> bool:
        assert {problem.code for problem in problems} <= REFUSALS
        return bool(problems)


async def _until_done(work: Callable[[], Awaitable[None]]) -> None:
    """Retry some work until it succeeds, as Temporal does."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await work()
            except ApplicationError:
                await asyncio.sleep(0.02)


@dataclass
class Outcome:
    """State of the database after a race."""

    stage: Stage
    users: dict[str, User]
    processes: dict[str, Process]
    interactions: dict[str, Interaction]

    @classmethod
    async def of(cls, stage: Stage) -> "Outcome":
        world = stage.world
        users, processes, interactions = await world.users(), await world.processes(), await world.interactions()
        return cls(
            stage,
            {one.id: one for one in users},
            {one.id: one for one in processes},
            {one.id: one for one in interactions},
        )

    def assert_users_are_whole(self) -> None:
        """Check that each user is untouched, merged or erased completely, and that a destination has one owner."""
        owned = [one.value for user in self.users.values() for one in user.destinations]
        assert len(owned) == len(set(owned))
        assert {user.id for user in self.users.values() if user.erasure} == self.stage.erased
        for user in self.users.values():
            if user.merge is not None:
                assert user.merge.completed is not None
                assert self.users[user.merge.into].merge is None
            if user.erasure is not None:
                assert (user.erasure.completed is None, user.erasure.destinations) == (False, [])
                of_it = [one for one in self.interactions.values() if user.id in one.user_ids]
                assert user.erasure.interactions == len(of_it)
            if user.merge is not None or user.erasure is not None:
                assert (user.name, user.metadata, user.destinations, user.metadata_keys) == ("", None, [], [])

    def assert_nothing_is_lost(self) -> None:
        """Check that every message has its last state, and that it and its process belong to existing users."""
        assert self.interactions.keys() == {*self.stage.sent, *self.stage.received}
        for message in self.stage.sent.values():
            stored = self.interactions[message.id]
            assert (stored.status, stored.custom_status) == (message.state.status, message.state.custom_status)
            message_id = erased_id(message.message_id) if stored.erased_at else message.message_id
            assert stored.provider_message_ids == [message_id], "by which receipts find it"
        for one in self.interactions.values():
            process = self.processes[one.process_id or ""]
            assert {destination.user_id for destination in one.destinations} <= set(one.user_ids)
            assert set() < set(one.user_ids) <= set(process.user_ids)
            users = [self.users[user_id] for user_id in one.user_ids]
            owned = {destination.value for user in users for destination in user.destinations}
            assert one.erased_at or owned & {destination.value for destination in one.destinations}
        for process in self.processes.values():
            assert len(process.user_ids) == len(set(process.user_ids))
            assert all(self.users[user_id].merge is None for user_id in process.user_ids)
            assert process.is_closed == all(self.users[user_id].erasure for user_id in process.user_ids)

    async def assert_nothing_personal_is_left(self) -> None:
        """Check that content is stored while it belongs to a user, and nowhere afterwards."""
        left: dict[str, bool] = {}
        for one in self.interactions.values():
            erased = {user_id for user_id in one.user_ids if self.users[user_id].erasure}
            is_left = erased != set(one.user_ids)
            mark = self.stage.received.get(one.id) or self.stage.sent[one.id].mark
            left[mark] = left.get(mark, False) or is_left
            assert (one.erased_at is not None) == bool(erased)
            assert (mark in one.model_dump_json()) == is_left
            for destination in one.destinations:
                assert (destination.value == "") == (destination.user_id in erased)
            if erased:
                assert [entry.notes for entry in one.history if entry.notes is not None] == []
                reported = {received.event.destination for received in one.provider_events}
                assert reported <= {"", *(destination.value for destination in one.destinations)}
        selector = {"tenant": self.stage.world.tenant}
        everything = b"\n".join([document async for _, document in stored_documents(selector)])
        assert [mark for mark, is_left in left.items() if not is_left and mark.encode() in everything] == []


async def run_race(gateway_url: str, erasures: MongoErasures, steps: Race) -> None:
    stage = await Stage.open(gateway_url, erasures)
    await stage.play(steps)
    outcome = await Outcome.of(stage)
    outcome.assert_users_are_whole()
    outcome.assert_nothing_is_lost()
    await outcome.assert_nothing_personal_is_left()


@races
@given(
    following=st.lists(st.tuples(moments, st.one_of(merges, erases, erases)), min_size=1, max_size=4),
    writing=st.lists(st.tuples(moments, writers), min_size=3, max_size=8),
)
async def test_any_order_has_a_right_outcome(
    gateway_url: str, erasures: MongoErasures, following: Race, writing: Race
) -> None:
    await run_race(gateway_url, erasures, [*following, *writing])
