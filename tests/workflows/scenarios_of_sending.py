"""Scenarios of sends that providers throttle or never answer, and of searches for them."""

import asyncio
import email.utils
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final, cast
from unittest.mock import patch

from google.protobuf.duration_pb2 import Duration
from temporalio.api.testservice.v1 import SleepRequest
from temporalio.client import Client

from domain.clock import utc_now
from domain.events import ProviderEvent, ReceivedEvent
from domain.identifiers import new_id
from domain.outcomes import Rejected
from domain.status import Milestone
from embedded.processes import until
from providers.base import Attempt, Outbound
from providers.twilio import Twilio
from tests.iris import Iris
from tests.product.fake_providers import VENDORS, FaultyProvider
from tests.product.provider_lines import Line, line
from tests.providers.fake_providers.twilio import FakeTwilio
from tests.workflows.scenarios_of_users import signal_erased

TWILIO, VONAGE, META = (
    next(vendor for vendor in VENDORS if vendor.label() == label)
    for label in ("twilio-SMS", "vonage-SMS", "meta-WhatsApp")
)
LATER: Final = cast("type[FaultyProvider]", type("Later", (META,), {"throttles": {"4": 3}}))
"""Provider that asks for a retry after 3 seconds."""


async def throttled_until_the_deadline(iris: Iris) -> str:
    async with line(iris, TWILIO) as twilio:
        twilio.fake_provider.busy = 1_000
        interaction_id = await twilio.admitted()
        await iris.until_status(interaction_id, "PROVIDER_SENDING_ERROR", "not_sent")
        await iris.ended(interaction_id)
        return interaction_id


async def attempt_that_never_came_back(iris: Iris) -> str:
    """The provider's answer takes longer than the timeout of an attempt, as if its worker had been killed."""
    async with line(iris, VONAGE) as vonage:
        vonage.fake_provider.lose_answer("no answer in time")
        interaction_id = await vonage.admitted()
        await iris.until_status(interaction_id, "PROVIDER_SENDING_ERROR", "unknown")
        await iris.ended(interaction_id)
        return interaction_id


async def attempt_lost_before_it_was_handed_over(iris: Iris) -> str:
    """The worker of the retry of a throttled send is lost before it hands anything over."""
    prepare = Twilio.prepare
    attempts = 0

    async def lost_at_the_second(provider: Twilio, outbound: Outbound) -> Attempt | Rejected:
        nonlocal attempts
        attempts += 1
        if attempts > 1:
            await asyncio.Event().wait()
        return await prepare(provider, outbound)

    with patch.object(Twilio, "prepare", lost_at_the_second):
        async with line(iris, TWILIO) as twilio:
            twilio.fake_provider.busy = 1
            interaction_id = await twilio.admitted()
            await iris.until_status(interaction_id, "PROVIDER_SENDING_ERROR", "not_sent")
            await iris.ended(interaction_id)
            return interaction_id


async def event_between_two_tries(iris: Iris) -> str:
    """The provider asks for a retry after more than the timeout of an answer, then reports that it has the message."""
    async with line(iris, LATER) as later:
        later.fake_provider.busy = 1
        interaction_id = await later.admitted()

        async def is_tried() -> bool:
            return not later.fake_provider.busy

        await until(is_tried)
        event = ProviderEvent(key="read", provider_status="read", milestone=Milestone.READ)
        await iris.signal_events(interaction_id, ReceivedEvent(id=new_id(), received_at=utc_now(), event=event))
        await iris.ended(interaction_id)
        return interaction_id


@asynccontextmanager
async def lost_send(iris: Iris, *, taken: bool) -> AsyncGenerator[tuple[Line, str]]:
    """Send through a provider that can be searched, and lose its answer."""
    async with line(iris, TWILIO) as twilio:
        twilio.fake_provider.loses_responses, twilio.fake_provider.drops_requests = taken, not taken
        interaction_id = await twilio.admitted()
        await iris.until_status(interaction_id, "PROVIDER_SENDING_ERROR", "unknown")
        assert isinstance(twilio.fake_provider, FakeTwilio)
        for message in twilio.fake_provider.sent:
            message["date_created"] = email.utils.format_datetime(utc_now() + timedelta(seconds=1))
        yield twilio, interaction_id


async def found_at_the_provider(iris: Iris) -> str:
    async with lost_send(iris, taken=True) as (twilio, interaction_id):
        await iris.until(interaction_id, lambda seen: seen["status"] == "SENT", seconds=60)
        await twilio.send_receipt(interaction_id, "delivered")
        await iris.ended(interaction_id)
        return interaction_id


async def receipt_before_the_search(iris: Iris) -> str:
    async with lost_send(iris, taken=True) as (twilio, interaction_id):
        await twilio.send_receipt(interaction_id, "delivered")
        await iris.ended(interaction_id)
        return interaction_id


async def looked_for_in_vain(iris: Iris) -> str:
    """The provider cannot be searched at first, does not have the message at the next searches, and stays silent."""
    async with lost_send(iris, taken=False) as (twilio, interaction_id):

        async def until_asked(times: int) -> None:
            async def is_asked() -> bool:
                return twilio.fake_provider.attempts >= before + times

            await until(is_asked)

        before = twilio.fake_provider.attempts
        twilio.fake_provider.sends_garbage = True
        await skip(iris.temporal, timedelta(seconds=30))
        await until_asked(1)
        await skip(iris.temporal, timedelta(minutes=5))
        twilio.fake_provider.sends_garbage = False
        for wait in (timedelta(minutes=5), timedelta(minutes=30)):
            before = twilio.fake_provider.attempts
            await skip(iris.temporal, wait)
            await until_asked(1)
        await skip(iris.temporal, iris.settings.receipt_window)
        await iris.ended(interaction_id)
        return interaction_id


async def skip(client: Client, duration: timedelta) -> None:
    """Skip time on the time-skipping server."""
    passing = Duration()
    passing.FromTimedelta(duration)
    await client.service_client.test_service.unlock_time_skipping_with_sleep(SleepRequest(duration=passing))


async def erased_while_it_was_looked_for(iris: Iris) -> str:
    async with lost_send(iris, taken=False) as (_, interaction_id):
        await signal_erased(iris, interaction_id)
        await iris.ended(interaction_id)
        return interaction_id
