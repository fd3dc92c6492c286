"""Messages keep to the rate of their sender, whichever worker sends them, and to the pauses of its provider."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest
from temporalio.exceptions import ApplicationError

from activities.attachments import Files
from activities.bulkheads import KeyedLimiter
from activities.dispatch import ProviderDispatch
from activities.interfaces import Dispatch, DispatchResult, Held
from activities.internal_faults import InternalFaults
from activities.sender_slots import MAX_REFUSALS
from activities.unsubscribing import UnsubscribeUrls
from bench.limited_provider import LimitedProvider
from domain.clock import utc_now
from domain.destinations import Destination, DestinationKind
from domain.gate.category import Category
from domain.gate.decision import HoldReason
from domain.gate.throttle import FRONT, Place
from domain.gate.throttle_setting import Throttle
from domain.identifiers import new_id
from domain.outcomes import Accepted, FailureClass, Rejected
from domain.texts import Language
from embedded.gateway import running
from integrations.cache import Integrations
from integrations.provider_factory import ProviderFactory
from models.integration import Integration
from models.sender_throttle import RecipientThrottle, SenderThrottle
from providers.base import NOTHING_INSIDE
from queries.consents import Consents
from security.signed_urls import FileUrls
from tests.activities.factories import VAULT, World, run

SLOW = Throttle(rate=0.01)
"""A hundred seconds for each message, so that no test depends on its own speed."""

TEXT = "x" * 400
"""Text of three segments."""


@pytest.fixture
async def provider() -> LimitedProvider:
    return LimitedProvider(rate=1_000, capacity=1_000)


@pytest.fixture
async def sender(world: World, provider_http: httpx2.AsyncClient, provider: LimitedProvider) -> AsyncIterator["Sender"]:
    async with running(provider.app()) as url:
        yield Sender(world, provider_http, url)


class Sender:
    """Sends messages of one tenant to a provider of this test."""

    def __init__(self, world: World, http: httpx2.AsyncClient, url: str) -> None:
        self.world, self.http, self.url = world, http, url
        self.worker = self.new_worker()

    def new_worker(self) -> ProviderDispatch:
        factory = ProviderFactory(VAULT, {"sandbox": self.http}, "http://127.0.0.1:1", NOTHING_INSIDE)
        files = Files(FileUrls("secret" * 8, "https://iris.example.com", timedelta(days=1)))
        return ProviderDispatch(
            factory,
            KeyedLimiter(10),
            Integrations(timedelta()),
            files,
            UnsubscribeUrls(Consents(), "https://iris.example.com"),
            InternalFaults("1@here"),
        )

    async def integration(self, throttle: Throttle | None = SLOW) -> Integration:
        return await self.world.integration(configuration={"baseUrl": self.url}, throttle=throttle)

    async def send(
        self,
        integration: Integration,
        phone: str = "34638766068",
        *,
        worker: ProviderDispatch | None = None,
        **changes: object,
    ) -> DispatchResult:
        values = {
            "interaction_id": new_id(),
            "tenant": integration.tenant,
            "provider": "sandbox",
            "integration_id": integration.id,
            "payload": {"Type": "simple-text", "Text": TEXT},
            "destinations": [Destination(key=DestinationKind.PHONE_NUMBER, value=phone)],
            "repeatable": True,
            "category": Category.AUTHENTICATION,
        }
        return await run((worker or self.worker).dispatch, Dispatch.model_validate(values | changes))

    async def held(
        self, integration: Integration, *, worker: ProviderDispatch | None = None, **changes: object
    ) -> Held:
        outcome = await self.send(integration, worker=worker, **changes)  # pyright: ignore[reportArgumentType] - no phone
        assert isinstance(outcome, Held), outcome
        assert outcome.wait.reason is HoldReason.THROTTLED
        return outcome


def slot(held: Held) -> float:
    assert held.place.slot is not None
    return held.place.slot


async def test_a_message_above_the_rate_is_held_with_its_slot_and_goes_with_it(
    sender: Sender, provider: LimitedProvider
) -> None:
    integration = await sender.integration(Throttle(rate=0.03, unit="segment"))
    assert isinstance(await sender.send(integration), Accepted)
    second, third = [await sender.held(integration, worker=sender.new_worker()) for _ in range(2)]
    assert slot(third) - slot(second) == pytest.approx(100_000)
    assert timedelta(seconds=90) < second.wait.until - utc_now() < timedelta(seconds=100)
    # It comes back: it takes no second slot, and goes when its own has come.
    assert (await sender.held(integration, place=second.place)).place == second.place
    now = Place(slot=utc_now().timestamp() * 1_000)
    assert isinstance(await sender.send(integration, place=now), Accepted)
    assert len(provider.arrivals) == 2


async def test_integrations_with_one_sender_share_its_rate_and_other_tenants_do_not(sender: Sender) -> None:
    first, second = [await sender.integration() for _ in range(2)]
    assert isinstance(await sender.send(first), Accepted)
    await sender.held(second)
    other = Sender(World(tenant=new_id(), gateway_url=sender.url), sender.http, sender.url)
    assert isinstance(await other.send(await other.integration()), Accepted)


async def test_marketing_gets_its_turn_and_reserves_nothing_before_it(sender: Sender) -> None:
    integration = await sender.integration()
    assert isinstance(await sender.send(integration, category=Category.MARKETING), Accepted)
    held = [await sender.held(integration, category=Category.MARKETING) for _ in range(3)]
    assert all(one.place.slot is None and one.place.turn for one in held)
    authentication = await sender.held(integration)
    assert authentication.wait.until < held[0].wait.until
    assert [one.wait.ahead for one in held] == [0, 1, 2]
    assert held[2].wait.sentence(Language.ENGLISH).endswith("About 2 messages of its sender before it")


async def test_a_send_without_a_throttle_keeps_no_schedule(sender: Sender) -> None:
    before = await SenderThrottle.count(), await RecipientThrottle.count()
    assert isinstance(await sender.send(await sender.integration(None)), Accepted)
    assert before == (await SenderThrottle.count(), await RecipientThrottle.count())


async def test_a_recipient_gets_its_rate_and_its_wait_gives_the_slot_of_the_sender_back(sender: Sender) -> None:
    throttle = Throttle.model_validate({"rate": 2, "burst": 2, "perRecipient": {"rate": 1, "every": "PT1H"}})
    integration = await sender.integration(throttle)
    assert isinstance(await sender.send(integration), Accepted)
    held = await sender.held(integration)
    assert (held.place.turn, held.place.slot) == (0, None)
    assert held.place.recipient_slot is not None
    # The sender's second slot is free for another recipient, and the held message keeps its own.
    assert isinstance(await sender.send(integration, "34638766069"), Accepted)
    again = await sender.held(integration, place=held.place)
    assert again.place.recipient_slot == held.place.recipient_slot


async def test_nothing_is_attempted_during_a_cool_down_by_any_worker_with_the_throttle(
    sender: Sender, provider: LimitedProvider
) -> None:
    integration, without = await sender.integration(Throttle(rate=1_000)), await sender.integration(None)
    provider.is_closed, provider.retry_after = True, 600
    refused = await sender.held(integration)
    assert (refused.place.turn, refused.place.refusals) == (0, 1)
    provider.is_closed = False
    for worker in (sender.worker, sender.new_worker()):
        for category in Category:
            held = await sender.held(integration, category=category, worker=worker)
            assert held.wait.until - utc_now() > timedelta(minutes=9)
    # The worker that was refused knows it without a throttle too; another one finds out by itself.
    await sender.held(without)
    assert len(provider.arrivals) == 1
    assert isinstance(await sender.send(without, worker=sender.new_worker()), Accepted)


async def test_a_short_cool_down_is_waited_for_by_the_attempts_of_the_activity(
    sender: Sender, provider: LimitedProvider
) -> None:
    provider.is_closed, provider.retry_after = True, 30
    with pytest.raises(ApplicationError) as refused:
        await sender.send(await sender.integration(Throttle(rate=1_000)))
    wait = refused.value.next_retry_delay
    assert wait is not None
    assert timedelta(seconds=29) < wait <= timedelta(seconds=30)


async def test_a_message_that_is_refused_for_long_again_and_again_is_rejected(
    sender: Sender, provider: LimitedProvider
) -> None:
    provider.is_closed, provider.retry_after = True, 600
    place = FRONT.model_copy(update={"refusals": MAX_REFUSALS})
    outcome = await sender.send(await sender.integration(None), place=place)
    assert outcome == Rejected(code="rate_exceeded", failure=FailureClass.RATE, detail="too fast")
