"""Users and processes against a model of the specification (`AutoCreateUser`, `AutoCreateProcess`).

For sequential calls, the model gives the exact result of each; for concurrent calls, several outcomes are right, and
their common invariants are checked.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from itertools import count

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from activities.inbound import MongoInbound
from activities.interfaces import AdmitInput
from domain.channels import Channel
from domain.destinations import DestinationKind
from domain.events import InboundMessage
from domain.identifiers import derived_id, new_id
from domain.inbound import ReceivedMessage
from domain.interaction import Interaction as Seen
from domain.status import Status
from domain.submission import Submission
from integrations.references import to_reference
from models.integration import Integration
from models.interaction import Interaction
from models.process import Process
from queries.consents import Consents
from tests.activities.factories import ADMISSION, FIRST_TASK, NOW, World, run

ADDRESSES = ("ana@correo.es", "blas@correo.es", "eva@correo.es", "leo@correo.es")
EMAIL = {"Type": "email", "Subject": "Cita", "Body": "Mañana"}
RECEPTION = MongoInbound(Consents())


class Named(StrEnum):
    """The process that a submission names."""

    NONE = "none"
    OPEN = "open"
    CLOSED = "closed"
    FOREIGN = "another tenant's"
    MISSING = "missing"


@dataclass(frozen=True)
class Send:
    """A submission; `foreign` for the other tenant's."""

    addresses: tuple[str, ...]
    create_user: bool = True
    create_process: bool = True
    named: Named = Named.NONE
    foreign: bool = False


@dataclass(frozen=True)
class Receive:
    """A message from an end user."""

    address: str
    foreign: bool = False


@dataclass(frozen=True)
class Close:
    """The closing of every process."""

    foreign: bool = False


Step = Send | Receive | Close

rarely = st.sampled_from([False, False, False, True])
mostly = st.sampled_from([True, True, True, False])
sends = st.builds(
    Send,
    addresses=st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=3, unique=True).map(tuple),
    create_user=mostly,
    create_process=mostly,
    named=st.sampled_from([Named.NONE, Named.NONE, Named.OPEN, *Named]),
    foreign=rarely,
)
receives = st.builds(Receive, st.sampled_from(ADDRESSES), rarely)
steps: st.SearchStrategy[Step] = st.one_of(sends, sends, receives, st.builds(Close, rarely))
scenarios = settings(
    max_examples=5,
    phases=[Phase.explicit, Phase.generate],  # scenarios are short, and a database makes shrinking them slow
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    database=None,
)


@dataclass
class Conversation:
    """A process as the model knows it."""

    id: str
    users: Sequence[int]
    is_open: bool = True
    newest: str = ""


@dataclass
class Tenant:
    """A tenant in the model: its users in order of creation, each with its addresses."""

    world: World
    integration: Integration
    users: list[frozenset[str]] = field(default_factory=list[frozenset[str]])
    processes: list[Conversation] = field(default_factory=list[Conversation])

    def owners(self, addresses: Sequence[str]) -> list[int]:
        return [number for number, owned in enumerate(self.users) if owned & set(addresses)]

    def new_user(self, addresses: Sequence[str]) -> int:
        self.users.append(frozenset(addresses))
        return len(self.users) - 1

    def newest(self, *, is_open: bool) -> str | None:
        return next((one.id for one in reversed(self.processes) if one.is_open is is_open), None)


class Stage:
    """Two tenants, on which scenarios run."""

    def __init__(self, tenants: Sequence[Tenant]) -> None:
        self.ours, self.theirs = tenants
        self._clock = count()

    @classmethod
    async def open(cls, gateway_url: str) -> "Stage":
        worlds = [World(tenant=f"tenant-{new_id()}", gateway_url=gateway_url) for _ in range(2)]
        return cls([Tenant(world, await world.integration(Channel.EMAIL)) for world in worlds])

    def tenant(self, step: Step) -> Tenant:
        return self.theirs if step.foreign else self.ours

    def named(self, step: Send) -> str | None:
        """Return the id of the process that a submission names."""
        tenant, another = self.tenant(step), self.ours if step.foreign else self.theirs
        match step.named:
            case Named.NONE:
                return None
            case Named.OPEN:
                return tenant.newest(is_open=True) or new_id()
            case Named.CLOSED:
                return tenant.newest(is_open=False) or new_id()
            case Named.FOREIGN:
                return another.newest(is_open=True) or new_id()
            case Named.MISSING:
                return new_id()

    async def submission(self, step: Send) -> Submission:
        tenant = self.tenant(step)
        return await tenant.world.submission(
            tenant.integration,
            payload=EMAIL,
            destinations=list(step.addresses),
            process_id=self.named(step),
            auto_create_user=step.create_user,
            auto_create_process=step.create_process,
            submitted_at=NOW + timedelta(milliseconds=next(self._clock)),
        )

    def inbound(self, step: Receive) -> ReceivedMessage:
        tenant = self.tenant(step)
        message = InboundMessage(
            provider_message_id=new_id(), sender=step.address, sender_kind=DestinationKind.EMAIL, payload={**EMAIL}
        )
        return ReceivedMessage(
            interaction_id=derived_id(message.provider_message_id),
            tenant=tenant.world.tenant,
            integration=to_reference(tenant.integration),
            message=message,
            received_at=NOW + timedelta(milliseconds=next(self._clock)),
        )

    async def play(self, step: Step) -> None:
        """Run one step, and compare its result with the model."""
        match step:
            case Send():
                await self._play_send(step)
            case Receive():
                await self._play_receive(step)
            case Close():
                await close(self.tenant(step))
        for tenant in (self.ours, self.theirs):
            found = [frozenset(one.value for one in user.destinations) for user in await tenant.world.users()]
            assert Counter(found) == Counter(tenant.users)
            assert {one.id for one in await tenant.world.processes()} == {one.id for one in tenant.processes}

    async def _play_send(self, step: Send) -> None:
        tenant, submission = self.tenant(step), await self.submission(step)
        seen = await admit(submission)
        users = tenant.owners(step.addresses)
        named = [one for one in tenant.processes if one.id == submission.process_id and one.is_open]
        process = next(iter(named), None)
        has_process = process is not None if submission.process_id else step.create_process
        if not has_process or not (users or step.create_user):
            assert seen is None
            return
        assert seen is not None
        assert await admit(submission) == seen
        users = users or [tenant.new_user(step.addresses)]
        if process is None:
            process = Conversation(submission.new_process_id, users)
            tenant.processes.append(process)
        process.newest = seen.id
        assert (seen.process_id, seen.is_last_entry) == (process.id, True)
        owners = [next((one for one in users if address in tenant.users[one]), users[0]) for address in step.addresses]
        carried = {user.id: frozenset(user.primary_key["Email"]) for user in seen.users}
        assert [carried[one.user_id or ""] for one in seen.destinations] == [tenant.users[one] for one in owners]

    async def _play_receive(self, step: Receive) -> None:
        tenant, inbound = self.tenant(step), self.inbound(step)
        for _ in range(2):
            await run(RECEPTION.receive, inbound)
        user = next(iter(tenant.owners([step.address])), None)
        if user is None:
            user = tenant.new_user([step.address])
        process = next((one for one in reversed(tenant.processes) if one.is_open and user in one.users), None)
        stored = await Interaction.find_one({"_id": inbound.interaction_id})
        assert stored is not None
        if process is None:
            process = Conversation(stored.process_id or "", [user])
            tenant.processes.append(process)
        process.newest = stored.id
        seen = await stored.view()
        assert (seen.process_id, seen.is_last_entry, seen.status) == (process.id, True, Status.RECEIVED)
        assert [frozenset(one.primary_key["Email"]) for one in seen.users] == [tenant.users[user]]

    async def play_at_once(self, together: Sequence[Step], *, twice: bool) -> None:
        """Run steps concurrently, each twice if requested, as after a crash."""
        submissions = [await self.submission(step) for step in together if isinstance(step, Send)]
        admissions = [admit(one) for one in submissions for _ in range(1 + twice)]
        inbound = [self.inbound(step) for step in together if isinstance(step, Receive)]
        received = [run(RECEPTION.receive, inbound) for inbound in inbound for _ in range(1 + twice)]
        closed = [close(self.tenant(step)) for step in together if isinstance(step, Close)]
        await asyncio.gather(*admissions, *received, *closed)


async def admit(submission: Submission) -> Seen | None:
    """Admit a submission, and return the interaction; None if it is refused."""
    at = submission.submitted_at
    admitted = await run(
        ADMISSION.admit, AdmitInput(submission=submission, admitted_at=at, due=None, revision=FIRST_TASK)
    )
    assert admitted is not None
    return None if admitted.problems else admitted.interaction


async def close(tenant: Tenant) -> None:
    await Process.find({"tenant": tenant.world.tenant}).update_many({"$set": {"is_closed": True}})
    for process in tenant.processes:
        process.is_open = False


async def assert_right(world: World) -> None:
    """Check the invariants of a tenant's documents."""
    users, processes = await world.users(), await world.processes()
    admitted = [one for one in await world.interactions() if one.status in {Status.DISPATCH_PENDING, Status.RECEIVED}]
    owners = {owned.value: user.id for user in users for owned in user.destinations}
    assert len(owners) == sum(len(user.destinations) for user in users)
    for one in admitted:
        assert set(one.user_ids) <= {user.id for user in users}
        assert one.process_id in {process.id for process in processes}
        for destination in one.destinations:
            owner = owners.get(destination.value)
            assert destination.user_id == (owner if owner in one.user_ids else one.user_ids[0])
        assert any(owners.get(destination.value) in one.user_ids for destination in one.destinations)
    for process in processes:
        assert set(process.user_ids) <= {user.id for user in users}
        of_it = sorted((one for one in admitted if one.process_id == process.id), key=lambda one: (one.created, one.id))
        assert [(await one.view()).is_last_entry for one in of_it] == [one is of_it[-1] for one in of_it]


@scenarios
@given(scenario=st.lists(steps, min_size=1, max_size=7))
@example(
    scenario=[Send(ADDRESSES[:2]), Send(ADDRESSES[1:], named=Named.OPEN), Receive(ADDRESSES[0]), Receive(ADDRESSES[3])]
)
async def test_sequential_steps_match_the_model(gateway_url: str, scenario: list[Step]) -> None:
    stage = await Stage.open(gateway_url)
    for step in scenario:
        await stage.play(step)
    for tenant in (stage.ours, stage.theirs):
        await assert_right(tenant.world)
        last = {one.id: one.last_interaction_id for one in await tenant.world.processes()}
        assert last == {one.id: one.newest for one in tenant.processes}


@scenarios
@given(before=st.lists(steps, max_size=3), together=st.lists(steps, min_size=4, max_size=8), twice=st.booleans())
async def test_concurrent_steps_keep_the_invariants_in_any_order(
    gateway_url: str, before: list[Step], together: list[Step], twice: bool
) -> None:
    stage = await Stage.open(gateway_url)
    for step in before:
        await stage.play(step)
    await stage.play_at_once(together, twice=twice)
    for tenant in (stage.ours, stage.theirs):
        await assert_right(tenant.world)


@scenarios
@given(addresses=st.lists(st.sampled_from(ADDRESSES), min_size=2, max_size=10))
async def test_messages_at_once_open_one_process_for_each_sender(gateway_url: str, addresses: list[str]) -> None:
    stage = await Stage.open(gateway_url)
    await stage.play_at_once([Receive(address) for address in addresses], twice=True)
    world = stage.ours.world
    await assert_right(world)
    assert len(await world.users()) == len(await world.processes()) == len(set(addresses))
    assert len(await world.interactions()) == len(addresses)


@scenarios
@given(addresses=st.lists(sends.map(lambda send: send.addresses), min_size=2, max_size=6))
async def test_concurrent_submissions_to_unknown_destinations_create_one_user_for_each(
    gateway_url: str, addresses: list[tuple[str, ...]]
) -> None:
    stage = await Stage.open(gateway_url)
    await stage.play_at_once([Send(to) for to in addresses], twice=True)
    world = stage.ours.world
    await assert_right(world)
    made = [{owned.value for owned in user.destinations} for user in await world.users()]
    assert all(any(owned == set(to) for to in addresses) for owned in made)
    assert len(await world.processes()) == len(addresses)
