"""Scenarios whose histories are recorded and replayed: every ending of an interaction, and every way there.

`make histories` records them (`tests/workflows/recording.py`).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from domain.clock import utc_now
from domain.events import ProviderEvent, ReceivedEvent
from domain.identifiers import derived_id, new_id
from domain.status import Milestone
from embedded.processes import until
from models.integration import Integration
from models.process import Process
from tests.iris import Iris
from tests.product.fake_providers import VENDORS, FaultyMailServer
from tests.product.provider_lines import line
from tests.providers.smtp.servers import POLITE
from tests.workflows import scenarios_of_cancelling as cancelling
from tests.workflows import scenarios_of_holding as holding
from tests.workflows import scenarios_of_notifications as notifying
from tests.workflows import scenarios_of_repair as repair
from tests.workflows import scenarios_of_sending as sending
from tests.workflows import scenarios_of_strategies as strategies
from tests.workflows import scenarios_of_users as users


class Stage(Enum):
    """Environment in which a scenario runs."""

    USUAL = "the usual settings"
    HURRIED = "timeouts of seconds"
    SKIPPING = "Temporal's time-skipping server, for waits of hours"


Play = Callable[[Iris], Awaitable[str]]
"""Brings one interaction to the point where its history is recorded, and returns its id."""


@dataclass(frozen=True)
class Scenario:
    """Scenario of one interaction, and the stage on which it runs."""

    play: Play
    stage: Stage = Stage.USUAL


SMTP: Final = next(vendor for vendor in VENDORS if vendor.label() == "smtp-Email")


class Picky(FaultyMailServer):
    """Mail server that refuses Luis and accepts messages for others."""

    def __init__(self) -> None:
        super().__init__()
        self._server.script["RCPT"] = lambda command: b"550 5.1.1 no\r\n" if "<luis" in command else POLITE["RCPT"]


ANA, LUIS, COPY = "ana@example.com", "luis@example.com", "copia@example.com"
WITH_A_COPY: Final = {"Type": "email", "Subject": "Su cita", "Body": "Mañana a las 10:00", "Cc": [COPY]}


def ending(channel: str, destination: str) -> Play:
    async def play(iris: Iris) -> str:
        interaction = await iris.send(channel, destination)
        await iris.ended(interaction["id"])
        return interaction["id"]

    return play


def waiting(channel: str, destination: str, status: str, custom_status: str) -> Play:
    async def play(iris: Iris) -> str:
        interaction = await iris.send(channel, destination)
        await iris.until_status(interaction["id"], status, custom_status)
        return interaction["id"]

    return play


def refused(**changes: object) -> Play:
    async def play(iris: Iris) -> str:
        return await refusal(iris, iris.request("sms", "34600000001", **changes))

    return play


async def refusal(iris: Iris, body: dict[str, object], **headers: str) -> str:
    """Post a submission that is refused, and return its id."""
    response = await iris.post(body, **headers)
    assert response.status_code != 200, response.text
    interaction_id = response.json()["payload"]["id"]
    await iris.ended(interaction_id)
    return interaction_id


async def disabled_integration(iris: Iris) -> str:
    integration = await Integration.get(await iris.twilio("http://127.0.0.1:1"))
    assert integration is not None
    integration.enabled = False
    await integration.save()
    return await refusal(iris, iris.request("sms", "34600000001", integrationId=integration.id))


async def process_closed_before_it_is_joined(iris: Iris) -> str:
    """The process that an earlier try of the resolution created is closed before the next try."""
    key = new_id()
    process_id = derived_id("process", derived_id("interaction", iris.demo.tenant, key))
    created_earlier = Process(
        tenant=iris.demo.tenant, integration_ids=[iris.demo.integrations["sms"]], user_ids=[], is_closed=True
    )
    created_earlier.id = process_id
    await created_earlier.insert()
    return await refusal(iris, iris.request("sms", "34600000001"), **{"Idempotency-Key": key})


async def unknown_status(iris: Iris) -> str:
    interaction = await iris.send("sms", "34600000010")
    await iris.until_status(interaction["id"], "SENT")
    await iris.receive(interaction["id"], "teleported")
    await iris.receive(interaction["id"], "queued")
    await iris.receive(interaction["id"], "delivered")
    await iris.ended(interaction["id"])
    return interaction["id"]


async def signalled_twice_and_late(iris: Iris) -> str:
    """The same event arrives in two signals, as if the first answer was lost; then an older event arrives twice."""
    sent = await iris.send("whatsapp", "34600000010")
    await iris.until_status(sent["id"], "SENT")
    event = ProviderEvent(key="delivered", provider_status="delivered", milestone=Milestone.DELIVERED)
    received = ReceivedEvent(id=f"of-{sent['id']}", received_at=utc_now(), event=event)
    for _ in range(2):
        await iris.signal_events(sent["id"], received)
        await iris.until_status(sent["id"], "COMPLETED", "delivered")
    await iris.receive(sent["id"], "sent")
    await iris.receive(sent["id"], "sent")
    await iris.receive(sent["id"], "read")
    await iris.ended(sent["id"])
    return sent["id"]


async def partly_refused(iris: Iris) -> str:
    async with line(iris, Picky) as mail:
        interaction_id = await mail.sent(Destinations=[ANA, LUIS])
        await iris.ended(interaction_id)
        return interaction_id


async def bounce_of_one_and_of_a_copy(iris: Iris) -> str:
    """One of two recipients bounces, and so does a recipient of a copy: the message has not reached all."""
    async with line(iris, SMTP) as mail:
        interaction_id = await mail.sent(payLoad=WITH_A_COPY, Destinations=[ANA, LUIS])
        for bounced in (COPY, ANA):
            await mail.send_receipt(interaction_id, "failed", bounced)
        await mail.received(interaction_id, 2)
        await iris.ended(interaction_id)
        return interaction_id


async def completed_by_silence(iris: Iris) -> str:
    async with line(iris, SMTP) as mail:
        interaction_id = await mail.sent()
        await iris.ended(interaction_id)
        return interaction_id


async def bounce_after_completion_by_silence(iris: Iris) -> str:
    """The second run finds the bounce of a copy in the record, which does not affect the message."""
    async with line(iris, SMTP) as mail:
        interaction_id = await mail.sent(payLoad=WITH_A_COPY)
        await mail.send_receipt(interaction_id, "failed", COPY)
        await iris.ended(interaction_id)
        await mail.send_receipt(interaction_id, "failed")
        await mail.received(interaction_id, 2)
        await iris.ended(interaction_id)
        return interaction_id


async def late_receipt(iris: Iris) -> str:
    """A receipt that comes after the first run has ended starts a second one."""
    interaction = await iris.send("sms", "34600000004")
    await iris.ended(interaction["id"])
    return await reopened(iris, interaction["id"])


async def late_receipt_after_the_window(iris: Iris) -> str:
    interaction = await iris.send("sms", "34600000010")
    await iris.ended(interaction["id"])
    return await reopened(iris, interaction["id"])


async def reopened(iris: Iris, interaction_id: str) -> str:
    await iris.receive(interaction_id, "delivered")
    await iris.until_status(interaction_id, "COMPLETED")
    await iris.ended(interaction_id)
    return interaction_id


async def late_receipt_that_awaits_more(iris: Iris) -> str:
    """The provider reports a message as sent that it had refused: the second run awaits the delivery."""
    interaction = await iris.send("sms", "34600000003")
    await iris.ended(interaction["id"])
    await iris.receive(interaction["id"], "sent")
    await iris.until_status(interaction["id"], "SENT")
    return await reopened(iris, interaction["id"])


async def inbound(iris: Iris) -> str:
    """An end user sends a message."""
    integration_id, message_id = iris.demo.integrations["sms"], f"in_{new_id()}"
    message = {
        "id": message_id,
        "channel": "SMS",
        "from": "34638766068",
        "payload": {"Type": "simple-text", "Text": "BAJA"},
        "callbackUrl": f"{iris.settings.public_url}/webhooks/sandbox/{integration_id}",
    }
    response = await iris.gateway.post("/v1/inbound", json=message)
    response.raise_for_status()
    interaction_id = derived_id("inbound", integration_id, message_id)

    async def is_there() -> bool:
        return (await iris.http.get(f"/v1/interactions/{interaction_id}")).status_code == 200

    await until(is_there)
    await iris.ended(interaction_id)
    return interaction_id


SCENARIOS: Final[Mapping[str, Scenario]] = {
    "delivered": Scenario(ending("sms", "34600000001")),
    "delivered_and_read": Scenario(ending("whatsapp", "34600000002")),
    "refused_by_the_provider": Scenario(ending("sms", "34600000003")),
    "failed_after_acceptance": Scenario(ending("rcs", "34600000004")),
    "throttled_twice": Scenario(ending("sms", "34600000005")),
    "throttled_until_the_deadline": Scenario(sending.throttled_until_the_deadline, Stage.HURRIED),
    "answer_lost_once": Scenario(ending("sms", "34600000006")),
    "every_answer_lost": Scenario(ending("sms", "34600000007")),
    "attempt_that_never_came_back": Scenario(sending.attempt_that_never_came_back, Stage.HURRIED),
    "attempt_lost_before_it_was_handed_over": Scenario(sending.attempt_lost_before_it_was_handed_over, Stage.HURRIED),
    "found_at_the_provider": Scenario(sending.found_at_the_provider),
    "receipt_before_the_search": Scenario(sending.receipt_before_the_search),
    "looked_for_in_vain": Scenario(sending.looked_for_in_vain, Stage.SKIPPING),
    "receipt_before_the_answer": Scenario(ending("sms", "34600000008")),
    "receipts_out_of_order": Scenario(ending("whatsapp", "34600000009")),
    "unknown_provider_status": Scenario(unknown_status),
    "signalled_twice_and_late": Scenario(signalled_twice_and_late),
    "partly_refused": Scenario(partly_refused, Stage.HURRIED),
    "bounce_of_one_and_of_a_copy": Scenario(bounce_of_one_and_of_a_copy, Stage.HURRIED),
    "waiting_for_receipts": Scenario(waiting("email", "silent@sandbox.example.com", "SENT", "queued")),
    "silence": Scenario(ending("sms", "34600000010"), Stage.HURRIED),
    "completed_by_silence": Scenario(completed_by_silence, Stage.HURRIED),
    "bounce_after_completion_by_silence": Scenario(bounce_after_completion_by_silence, Stage.HURRIED),
    "delivered_but_never_read": Scenario(ending("whatsapp", "34600000001"), Stage.HURRIED),
    "refused_submission": Scenario(refused(AutoCreateProcess=False)),
    "unsupported_payload": Scenario(refused(payLoad={"Type": "carousel-rcs"})),
    "disabled_integration": Scenario(disabled_integration),
    "process_closed_before_it_is_joined": Scenario(process_closed_before_it_is_joined),
    "late_receipt": Scenario(late_receipt),
    "late_receipt_after_the_window": Scenario(late_receipt_after_the_window, Stage.HURRIED),
    "late_receipt_that_awaits_more": Scenario(late_receipt_that_awaits_more),
    "registered_by_another_run": Scenario(repair.registered_by_another_run),
    "nothing_on_record": Scenario(repair.nothing_on_record),
    "event_of_a_send_that_is_never_answered": Scenario(ending("sms", "34600000011"), Stage.HURRIED),
    "event_between_two_tries": Scenario(sending.event_between_two_tries, Stage.HURRIED),
    "lost_before_it_was_validated": Scenario(repair.lost_before_it_was_validated),
    "lost_while_it_was_sent": Scenario(repair.lost_while_it_was_sent),
    "lost_while_it_waited": Scenario(repair.lost_while_it_waited),
    "sent_after_the_window": Scenario(repair.sent_after_the_window, Stage.HURRIED),
    "unknown_provider_status_after_the_window": Scenario(repair.unknown_status_after_the_window, Stage.HURRIED),
    "looked_for": Scenario(repair.looked_for),
    "could_not_be_looked_for": Scenario(repair.could_not_be_looked_for),
    "delivered_at_the_second_attempt": Scenario(notifying.delivered_at_the_second_attempt),
    "notification_cancelled": Scenario(notifying.cancelled_while_it_waits),
    "delivered_to_another_url": Scenario(notifying.delivered_to_another_url),
    "redelivered": Scenario(notifying.redelivered),
    "inbound": Scenario(inbound),
    "inbound_of_two_who_are_one": Scenario(users.inbound_of_two_who_are_one),
    "identified": Scenario(users.identified),
    "cancelled_before_it_is_sent": Scenario(cancelling.cancelled_before_it_is_sent),
    "withdrawn_before_a_worker_takes_it": Scenario(cancelling.withdrawn_before_a_worker_takes_it),
    "cancelled_between_two_tries": Scenario(cancelling.cancelled_between_two_tries),
    "cancelled_in_the_providers_hands": Scenario(cancelling.cancelled_in_the_providers_hands),
    "cancelled_before_it_is_sent_again": Scenario(cancelling.cancelled_before_it_is_sent_again),
    "planned": Scenario(holding.planned),
    "planned_for_long": Scenario(holding.planned_for_long),
    "rescheduled": Scenario(holding.rescheduled),
    "cancelled_while_it_is_held": Scenario(holding.cancelled_while_it_is_held),
    "held_again": Scenario(holding.held_again),
    "in_order": Scenario(holding.in_order),
    "suppressed": Scenario(holding.suppressed),
    "lost_while_it_was_held": Scenario(holding.lost_while_it_was_held),
    "throttled": Scenario(holding.throttled),
    "erased_while_it_is_parked": Scenario(holding.erased_while_it_is_parked),
    "erased_while_it_was_lost": Scenario(holding.erased_while_it_was_lost),
    "expired_between_two_tries": Scenario(holding.expired_between_two_tries),
    "erased_while_it_waited": Scenario(users.erased_while_it_waited),
    "erased_between_two_tries": Scenario(users.erased_between_two_tries),
    "erased_while_it_was_looked_for": Scenario(sending.erased_while_it_was_looked_for),
    "user_merged": Scenario(users.merged),
    "merge_refused": Scenario(users.merge_refused),
    "user_erased": Scenario(users.erased),
    "erasure_refused": Scenario(users.erasure_refused),
    "strategy_first_delivered": Scenario(strategies.first_delivered),
    "strategy_second_after_a_refusal": Scenario(strategies.second_after_a_refusal),
    "strategy_second_at_the_deadline": Scenario(strategies.second_at_the_deadline),
    "strategy_taken_back": Scenario(strategies.taken_back),
    "strategy_not_taken_back": Scenario(strategies.not_taken_back),
    "strategy_delivered_twice": Scenario(strategies.delivered_twice),
    "strategy_first_refused": Scenario(strategies.first_refused),
    "strategy_first_suppressed": Scenario(strategies.first_suppressed),
    "strategy_cancelled": Scenario(strategies.cancelled_run),
    "strategy_erased": Scenario(strategies.erased_run),
    "strategy_held": Scenario(strategies.held_run),
    "strategy_stored_by_another_workflow": Scenario(strategies.stored_by_another_workflow),
    "strategy_not_on_record": Scenario(strategies.no_such_run),
    "strategy_superseded": Scenario(strategies.superseded_run),
    "superseded": Scenario(strategies.superseded),
}
