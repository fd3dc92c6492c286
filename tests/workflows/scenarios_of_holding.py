"""Scenarios of messages that the gate holds: until they go, are rescheduled, cancelled, expire or are suppressed."""

import asyncio
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from activities.interfaces import Held
from activities.sender_slots import SenderSlots, ThrottledSend
from domain.clock import to_wire, utc_now
from domain.gate.decision import HoldReason, Wait
from domain.gate.schedule import Window
from domain.identifiers import workflow_id
from models.interaction import Interaction
from tests.api.support import mobile
from tests.iris import Iris
from tests.product.provider_lines import line
from tests.workflows.scenarios_of_sending import TWILIO
from tests.workflows.scenarios_of_users import erase_user


async def planned(iris: Iris) -> str:
    sent = await _held(iris, timedelta(seconds=1))
    await iris.ended(sent)
    return sent


async def planned_for_long(iris: Iris) -> str:
    """Its workflow ends while the message is held."""
    sent = await _held(iris, timedelta(days=10))
    await iris.ended(sent)
    return sent


async def rescheduled(iris: Iris) -> str:
    """A later workflow sends it because it is rescheduled; a change that never works is refused."""
    sent = await planned_for_long(iris)
    await _reschedule(iris, sent, sendAt=to_wire(utc_now() + timedelta(hours=1)))
    closed = {"from": "00:00", "to": "00:01", "timeZone": "UTC"}
    assert (await _reschedule(iris, sent, window=closed, validFor="PT1S"))["status"] == 422
    await _reschedule(iris, sent, sendAt=None)
    await iris.ended(sent)
    return sent


async def cancelled_while_it_is_held(iris: Iris) -> str:
    sent = await _held(iris, timedelta(hours=1))
    await iris.http.post(f"/v1/interactions/{sent}/cancel")
    await iris.ended(sent)
    return sent


async def held_again(iris: Iris) -> str:
    """Its window is another one when its planned time comes."""
    sent = await _held(iris, timedelta(seconds=2))
    opens = utc_now() + timedelta(hours=2)
    window = Window.model_validate({"from": f"{opens:%H}:00", "to": f"{opens:%H}:30", "timeZone": "UTC"})
    await Interaction.collection().update_one(
        {"_id": sent}, {"$set": {"schedule.window": window.model_dump(by_alias=True)}}
    )
    await iris.until_status(sent, "DISPATCH_PENDING", "window")
    await iris.http.post(f"/v1/interactions/{sent}/cancel")
    await iris.ended(sent)
    return sent


async def in_order(iris: Iris) -> str:
    """The message before it wakes it twice: it does not go once that one is sent, and goes once it is delivered."""
    first = await iris.send("sms", "34600000010", inOrder=True)
    await iris.until_status(first["id"], "SENT")
    second = await iris.send("sms", "34600000010", inOrder=True, processId=first["processId"])
    for word in ("sent", "delivered"):
        await iris.receive(first["id"], word)
        await iris.until(first["id"], lambda seen, word=word: seen["customStatus"] == word)
    await iris.until_status(second["id"], "SENT")
    await iris.receive(second["id"], "delivered")
    await iris.ended(second["id"])
    interaction_id: str = second["id"]
    return interaction_id


async def suppressed(iris: Iris) -> str:
    number = mobile()
    sent = await _held(iris, timedelta(seconds=2), number)
    await iris.http.put("/v1/consents", json={"destination": number, "category": "all", "state": "out"})
    await iris.ended(sent)
    return sent


async def lost_while_it_was_held(iris: Iris) -> str:
    """Its workflow is lost, and the next one starts after the planned time."""
    sent = await _held(iris, timedelta(seconds=1))
    await iris.temporal.get_workflow_handle(workflow_id(sent)).terminate("it is lost")
    await asyncio.sleep(1)
    await iris.signal_events(sent)
    await iris.ended(sent)
    return sent


async def throttled(iris: Iris) -> str:
    """The sender of the message may not send until two seconds later."""
    wait = SenderSlots.wait
    until, number = utc_now() + timedelta(seconds=2), mobile()

    async def held_at_first(slots: SenderSlots, send: ThrottledSend) -> Held | None:
        if send.dispatch.destinations[0].value != number or utc_now() >= until:
            return await wait(slots, send)
        return Held(wait=Wait(until=until, reason=HoldReason.THROTTLED))

    with patch.object(SenderSlots, "wait", held_at_first):
        sent = await iris.send("sms", number)
        await iris.ended(sent["id"])
    interaction_id: str = sent["id"]
    return interaction_id


async def erased_while_it_is_parked(iris: Iris) -> str:
    number = mobile()
    sent = await _held(iris, timedelta(days=10), number)
    await iris.ended(sent)
    await _erase_recipient(iris, sent)
    await iris.until_status(sent, "PROVIDER_SENDING_ERROR", "cancelled")
    await iris.ended(sent)
    return sent


async def erased_while_it_was_lost(iris: Iris) -> str:
    sent = await _held(iris, timedelta(hours=1), mobile())
    await iris.temporal.get_workflow_handle(workflow_id(sent)).terminate("it is lost")
    await _erase_recipient(iris, sent)
    await iris.signal_events(sent)
    await iris.until_status(sent, "PROVIDER_SENDING_ERROR", "cancelled")
    await iris.ended(sent)
    return sent


async def expired_between_two_tries(iris: Iris) -> str:
    async with line(iris, TWILIO) as twilio:
        twilio.fake_provider.busy = 1_000
        interaction_id = await twilio.admitted(validFor="PT2S")
        await iris.until_status(interaction_id, "PROVIDER_SENDING_ERROR", "expired")
        await iris.ended(interaction_id)
        return interaction_id


async def _erase_recipient(iris: Iris, interaction_id: str) -> None:
    [user] = (await iris.read(interaction_id))["users"]
    await erase_user(iris, user["id"])


async def _held(iris: Iris, delay: timedelta, number: str | None = None) -> str:
    sent = await iris.send("sms", number or mobile(), sendAt=to_wire(utc_now() + delay))
    interaction_id: str = sent["id"]
    return interaction_id


async def _reschedule(iris: Iris, interaction_id: str, **change: object) -> dict[str, Any]:
    response = await iris.http.patch(f"/v1/interactions/{interaction_id}/schedule", json=change)
    answer: dict[str, Any] = response.json()
    return {**answer, "status": response.status_code}
