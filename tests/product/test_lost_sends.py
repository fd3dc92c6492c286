"""Sends with a lost response, looked up at providers that support it, on Temporal's time-skipping server."""

import asyncio
import email.utils
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest
from temporalio.testing import WorkflowEnvironment

from api.app import create_app
from domain.clock import utc_now
from embedded.ports import free_port
from embedded.processes import until
from models.interaction import Interaction
from tests.iris import Iris, open_database, running_worker
from tests.plain_http import plain_client
from tests.product.fake_providers import ONE_OF_EACH, label, statuses_of
from tests.product.provider_lines import Line
from tests.providers.fake_providers.twilio import FakeTwilio
from tests.providers.loopback import HttpFakeProvider
from tests.served import serving

SEARCHES: Final = (timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=30))

asked_later = pytest.mark.parametrize(
    "line",
    [vendor for vendor in ONE_OF_EACH if vendor.provider.channels[vendor.channel].finds_sent],
    ids=label,
    indirect=True,
)


@pytest.fixture(scope="module")
async def iris(iris: Iris, environment: WorkflowEnvironment) -> AsyncIterator[Iris]:
    """The same product on the time-skipping server: another API, and another worker."""
    port = free_port()
    changes = {
        "temporal_address": environment.client.service_client.config.target_host,
        "task_queue": f"{iris.settings.task_queue}-lost",
        "public_url": f"http://127.0.0.1:{port}",
    }
    settings = iris.settings.model_copy(update=changes)
    async with (
        open_database(iris.settings),  # reopen the client that a stopped application leaves closed
        serving(create_app(settings), port=port) as url,
        running_worker(environment.client, settings),
        plain_client(base_url=url, headers=iris.http.headers, timeout=30) as http,
    ):
        yield replace(iris, settings=settings, temporal=environment.client, http=http)


def questions(line: Line) -> int:
    """Number of queries to the provider for sent messages, except the second endpoint of Sinch."""
    assert isinstance(line.fake_provider, HttpFakeProvider)
    asked = [request.target for request in line.fake_provider.requests if request.method == "GET"]
    return len([target for target in asked if "DISPATCH_SOURCE" not in target])


def list_today(line: Line) -> None:
    """Make Twilio's list, which is fixed in a July, show the current time."""
    if isinstance(line.fake_provider, FakeTwilio):
        for message in line.fake_provider.sent:
            message["date_created"] = email.utils.format_datetime(utc_now() + timedelta(seconds=1))


async def lost(line: Line, to: str | None = None) -> str:
    """A send with a lost response."""
    interaction_id = await line.admitted(to)
    await line.iris.until_status(interaction_id, "PROVIDER_SENDING_ERROR", "unknown")
    list_today(line)
    return interaction_id


@asked_later
async def test_a_lost_send_that_the_provider_has_is_found_and_its_receipts_find_it(
    line: Line, environment: WorkflowEnvironment
) -> None:
    line.fake_provider.loses_responses = True
    interaction_id = await lost(line)
    await environment.sleep(SEARCHES[0])
    seen = await line.iris.until_status(interaction_id, "SENT")
    assert seen["auditTrail"]["history"][-1]["notes"] == "Encontrado en el proveedor"
    stored = await Interaction.get(interaction_id)
    assert stored is not None
    assert stored.provider_message_ids == [line.delivery(interaction_id).provider_message_id]
    assert (questions(line), line.fake_provider.deliveries) == (1, [line.delivery(interaction_id)])


@asked_later
async def test_a_send_that_the_provider_never_took_is_looked_for_three_times_and_stays_unknown(
    line: Line, environment: WorkflowEnvironment
) -> None:
    line.fake_provider.drops_requests = True
    interaction_id = await lost(line)
    for number, wait in enumerate(SEARCHES, start=1):
        await environment.sleep(wait)
        await until_asked(line, number)
    await environment.sleep(SEARCHES[-1])
    seen = await line.iris.read(interaction_id)
    assert (seen["status"], seen["customStatus"]) == ("PROVIDER_SENDING_ERROR", "unknown")
    assert (questions(line), line.fake_provider.deliveries) == (len(SEARCHES), [])


@asked_later
async def test_the_same_text_to_the_same_person_that_was_sent_before_is_not_taken_for_it(
    line: Line, environment: WorkflowEnvironment
) -> None:
    ana = line.somebody()
    earlier = await line.sent(ana)
    line.fake_provider.drops_requests = True
    interaction_id = await lost(line, ana)
    await environment.sleep(SEARCHES[0])
    await until_asked(line, 1)
    await environment.sleep(SEARCHES[1])
    await until_asked(line, 2)
    # It queries again, so the first result was not used.
    assert (await line.iris.read(interaction_id))["customStatus"] == "unknown"
    assert (await line.iris.read(earlier))["status"] == "SENT"


@asked_later
async def test_the_provider_is_not_queried_after_a_receipt(line: Line, environment: WorkflowEnvironment) -> None:
    line.fake_provider.loses_responses = True
    interaction_id = await lost(line)
    await line.send_receipt(interaction_id, statuses_of(line.fake_provider)[1])
    await line.iris.until_status(interaction_id, "COMPLETED", "delivered")
    await environment.sleep(sum(SEARCHES, timedelta()))
    assert questions(line) == 0


async def until_asked(line: Line, times: int) -> None:
    async def is_asked() -> bool:
        return questions(line) >= times

    await asyncio.wait_for(until(is_asked), 60)
