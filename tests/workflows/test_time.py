"""Timeouts of an interaction, in virtual time: the whole product on Temporal's time-skipping server."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.clock import to_wire, utc_now
from embedded.ports import free_port
from models.interaction import Interaction
from tests.iris import Iris, running_iris

RECEIPT_WINDOW = timedelta(hours=72)


@pytest.fixture(scope="module")
async def iris(environment: WorkflowEnvironment, mongodb_uri: str, database_name: str) -> AsyncIterator[Iris]:
    address = environment.client.service_client.config.target_host
    async with running_iris(mongodb_uri, address, f"{database_name}_time") as running:
        yield running


async def test_a_message_asks_by_itself_about_the_one_before_it_that_does_not_wake_it(
    iris: Iris, environment: WorkflowEnvironment
) -> None:
    first = await iris.send("sms", "34600000010", inOrder=True)
    await iris.until_status(first["id"], "SENT")
    second = await iris.send("sms", "34600000010", inOrder=True, processId=first["processId"])
    await iris.until_status(second["id"], "DISPATCH_PENDING", "in_order")
    delivered = {"status": "COMPLETED", "custom_status": "delivered"}
    await Interaction.collection().update_one({"_id": first["id"]}, {"$set": delivered})
    await environment.sleep(timedelta(seconds=31))
    await iris.until_status(second["id"], "SENT")


async def test_a_receipt_counts_until_the_window_after_the_hand_over_of_a_message_that_waited_for_days(
    iris: Iris, environment: WorkflowEnvironment
) -> None:
    ahead = timedelta(days=10)
    sent = await iris.send("sms", "34600000010", sendAt=to_wire(utc_now() + ahead))
    await iris.ended(sent["id"])
    assert (await iris.read(sent["id"]))["held"]["reason"] == "scheduled"
    await environment.sleep(ahead)
    await iris.signal_events(sent["id"])
    await iris.until_status(sent["id"], "SENT")
    await environment.sleep(RECEIPT_WINDOW - timedelta(hours=1))
    await iris.receive(sent["id"], "delivered")
    await iris.until_status(sent["id"], "COMPLETED", "delivered")


async def test_silence_is_noted_when_the_receipt_window_closes(iris: Iris, environment: WorkflowEnvironment) -> None:
    sent = await iris.send("sms", "34600000010")
    await iris.until_status(sent["id"], "SENT")
    await environment.sleep(RECEIPT_WINDOW)
    await iris.ended(sent["id"])
    last = (await iris.read(sent["id"]))["auditTrail"]["history"][-1]
    assert (last["status"], last["notes"]) == ("SENT", "Plazo de espera agotado sin confirmación del proveedor")


async def test_a_read_is_awaited_after_delivery_but_not_for_ever(iris: Iris, environment: WorkflowEnvironment) -> None:
    sent = await iris.send("whatsapp", "34600000001")
    await iris.until_status(sent["id"], "COMPLETED", "delivered")
    await environment.sleep(RECEIPT_WINDOW)
    await iris.ended(sent["id"])
    seen = await iris.read(sent["id"])
    assert (seen["status"], seen["customStatus"]) == ("COMPLETED", "delivered")


async def test_a_provider_that_stays_unreachable_is_given_up_at_the_deadline_and_nothing_was_sent(
    iris: Iris, environment: WorkflowEnvironment
) -> None:
    integration_id = await iris.twilio(f"http://127.0.0.1:{free_port()}")
    sent = await iris.send("sms", "34600000001", integrationId=integration_id)
    while not (seen := await iris.read(sent["id"]))["customStatus"]:
        await environment.sleep(timedelta(minutes=2))
    await iris.ended(sent["id"])
    assert (seen["status"], seen["customStatus"]) == ("PROVIDER_SENDING_ERROR", "not_sent")
    assert "unreachable" in seen["auditTrail"]["history"][-1]["notes"]
