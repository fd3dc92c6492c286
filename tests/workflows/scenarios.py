"""The stories whose histories are kept and replayed: every ending of an interaction, and every way there.

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
from tests.product.fake_providers import VENDORS, MoodyMail
from tests.product.provider_lines import line
from tests.providers.smtp_servers import POLITE
from tests.workflows import scenarios_of_cancelling as cancelling
from tests.workflows import scenarios_of_notifications as telling
from tests.workflows import scenarios_of_repair as repair
from tests.workflows import scenarios_of_sending as sending
from tests.workflows import scenarios_of_users as users


class Stage(Enum):
    """Where a story is played."""

    USUAL = "the settings of every day"
    HURRIED = "what time alone ends, ends within seconds"
    SKIPPING = "Temporal's time-skipping server, for waits of hours"


Telling = Callable[[Iris], Awaitable[str]]
"""Brings one interaction to where its history is taken; its id."""


@dataclass(frozen=True)
class Story:
    """What happens to one interaction, and where that is played."""

    telling: Telling
    stage: Stage = Stage.USUAL


SMTP: Final = next(vendor for vendor in VENDORS if vendor.label() == "smtp-Email")


class Picky(MoodyMail):
    """A mail server that refuses Luis and takes what is for others."""

    def __init__(self) -> None:
        super().__init__()
        self._server.script["RCPT"] = lambda command: b"550 5.1.1 no\r\n" if "<luis" in command else POLITE["RCPT"]


ANA, LUIS, COPY = "ana@example.com", "luis@example.com", "copia@example.com"
WITH_A_COPY: Final = {"Type": "email", "Subject": "Su cita", "Body": "Mañana a las 10:00", "Cc": [COPY]}


def ending(channel: str, destination: str) -> Telling:
    async def telling(iris: Iris) -> str:
        interaction = await iris.send(channel, destination)
        await iris.ended(interaction["id"])
        return interaction["id"]

    return telling


def waiting(channel: str, destination: str, status: str, custom_status: str) -> Telling:
    async def telling(iris: Iris) -> str:
        interaction = await iris.send(channel, destination)
        await iris.until_status(interaction["id"], status, custom_status)
        return interaction["id"]

    return telling


def refused(**changes: object) -> Telling:
    async def telling(iris: Iris) -> str:
        return await refusal(iris, iris.request("sms", "34600000001", **changes))

    return telling


async def refusal(iris: Iris, body: dict[str, object], **headers: str) -> str:
    """A submission that is refused; its id."""
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
    """The process that an earlier try of the resolution had made was closed before the next one."""
    key = new_id()
    process_id = derived_id("process", derived_id("interaction", iris.demo.tenant, key))
    made_earlier = Process(
        tenant=iris.demo.tenant, integration_ids=[iris.demo.integrations["sms"]], user_ids=[], is_closed=True
    )
    made_earlier.id = process_id
    await made_earlier.insert()
    return await refusal(iris, iris.request("sms", "34600000001"), **{"Idempotency-Key": key})


async def unknown_word(iris: Iris) -> str:
    interaction = await iris.send("sms", "34600000010")
    await iris.until_status(interaction["id"], "SENT")
    await iris.receive(interaction["id"], "teleported")
    await iris.receive(interaction["id"], "queued")
    await iris.receive(interaction["id"], "delivered")
    await iris.ended(interaction["id"])
    return interaction["id"]


async def told_twice_and_late(iris: Iris) -> str:
    """The same hearing comes in two signals, as when the answer to the first was lost; then older news comes, twice."""
    sent = await iris.send("whatsapp", "34600000010")
    await iris.until_status(sent["id"], "SENT")
    event = ProviderEvent(key="delivered", word="delivered", milestone=Milestone.DELIVERED)
    news = ReceivedEvent(id=f"of-{sent['id']}", received_at=utc_now(), event=event)
    for _ in range(2):
        await iris.signal_events(sent["id"], news)
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
    """Of two recipients one bounces, and so does somebody who gets a copy: the message has not reached all."""
    async with line(iris, SMTP) as mail:
        interaction_id = await mail.sent(payLoad=WITH_A_COPY, Destinations=[ANA, LUIS])
        for bounced in (COPY, ANA):
            await mail.tell(interaction_id, "failed", bounced)
        await mail.received(interaction_id, 2)
        await iris.ended(interaction_id)
        return interaction_id


async def completed_by_silence(iris: Iris) -> str:
    async with line(iris, SMTP) as mail:
        interaction_id = await mail.sent()
        await iris.ended(interaction_id)
        return interaction_id


async def bounce_after_completion_by_silence(iris: Iris) -> str:
    """The second run finds on record that a copy had bounced, which was not the message's business."""
    async with line(iris, SMTP) as mail:
        interaction_id = await mail.sent(payLoad=WITH_A_COPY)
        await mail.tell(interaction_id, "failed", COPY)
        await iris.ended(interaction_id)
        await mail.tell(interaction_id, "failed")
        await mail.received(interaction_id, 2)
        await iris.ended(interaction_id)
        return interaction_id


async def late_receipt(iris: Iris) -> str:
    """The second run, begun by a receipt that came after the first had ended."""
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
    """What the provider had refused, it then reports as sent: the second run awaits the delivery."""
    interaction = await iris.send("sms", "34600000003")
    await iris.ended(interaction["id"])
    await iris.receive(interaction["id"], "sent")
    await iris.until_status(interaction["id"], "SENT")
    return await reopened(iris, interaction["id"])


async def inbound(iris: Iris) -> str:
    """A message that an end user sends."""
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


STORIES: Final[Mapping[str, Story]] = {
    "delivered": Story(ending("sms", "34600000001")),
    "delivered_and_read": Story(ending("whatsapp", "34600000002")),
    "refused_by_the_provider": Story(ending("sms", "34600000003")),
    "failed_after_acceptance": Story(ending("rcs", "34600000004")),
    "throttled_twice": Story(ending("sms", "34600000005")),
    "throttled_until_the_deadline": Story(sending.throttled_until_the_deadline, Stage.HURRIED),
    "answer_lost_once": Story(ending("sms", "34600000006")),
    "every_answer_lost": Story(ending("sms", "34600000007")),
    "attempt_that_never_came_back": Story(sending.attempt_that_never_came_back, Stage.HURRIED),
    "attempt_lost_before_it_was_handed_over": Story(sending.attempt_lost_before_it_was_handed_over, Stage.HURRIED),
    "found_at_the_provider": Story(sending.found_at_the_provider),
    "receipt_before_the_search": Story(sending.receipt_before_the_search),
    "looked_for_in_vain": Story(sending.looked_for_in_vain, Stage.SKIPPING),
    "receipt_before_the_answer": Story(ending("sms", "34600000008")),
    "receipts_out_of_order": Story(ending("whatsapp", "34600000009")),
    "unknown_word": Story(unknown_word),
    "told_twice_and_late": Story(told_twice_and_late),
    "partly_refused": Story(partly_refused, Stage.HURRIED),
    "bounce_of_one_and_of_a_copy": Story(bounce_of_one_and_of_a_copy, Stage.HURRIED),
    "waiting_for_receipts": Story(waiting("email", "silent@sandbox.example.com", "SENT", "queued")),
    "silence": Story(ending("sms", "34600000010"), Stage.HURRIED),
    "completed_by_silence": Story(completed_by_silence, Stage.HURRIED),
    "bounce_after_completion_by_silence": Story(bounce_after_completion_by_silence, Stage.HURRIED),
    "delivered_but_never_read": Story(ending("whatsapp", "34600000001"), Stage.HURRIED),
    "refused_submission": Story(refused(AutoCreateProcess=False)),
    "unsupported_payload": Story(refused(payLoad={"Type": "carousel-rcs"})),
    "disabled_integration": Story(disabled_integration),
    "process_closed_before_it_is_joined": Story(process_closed_before_it_is_joined),
    "late_receipt": Story(late_receipt),
    "late_receipt_after_the_window": Story(late_receipt_after_the_window, Stage.HURRIED),
    "late_receipt_that_awaits_more": Story(late_receipt_that_awaits_more),
    "registered_by_another_run": Story(repair.registered_by_another_run),
    "nothing_on_record": Story(repair.nothing_on_record),
    "news_of_a_send_that_is_never_answered": Story(ending("sms", "34600000011"), Stage.HURRIED),
    "news_between_two_tries": Story(sending.news_between_two_tries, Stage.HURRIED),
    "lost_before_it_was_validated": Story(repair.lost_before_it_was_validated),
    "lost_while_it_was_sent": Story(repair.lost_while_it_was_sent),
    "lost_while_it_waited": Story(repair.lost_while_it_waited),
    "sent_after_the_window": Story(repair.sent_after_the_window, Stage.HURRIED),
    "unknown_word_after_the_window": Story(repair.unknown_word_after_the_window, Stage.HURRIED),
    "looked_for": Story(repair.looked_for),
    "could_not_be_looked_for": Story(repair.could_not_be_looked_for),
    "told_at_the_second_attempt": Story(telling.told_at_the_second_attempt),
    "told_no_more": Story(telling.told_no_more),
    "told_elsewhere": Story(telling.told_elsewhere),
    "told_again": Story(telling.told_again),
    "inbound": Story(inbound),
    "inbound_of_two_who_are_one": Story(users.inbound_of_two_who_are_one),
    "identified": Story(users.identified),
    "cancelled_before_it_is_sent": Story(cancelling.cancelled_before_it_is_sent),
    "withdrawn_before_a_worker_takes_it": Story(cancelling.withdrawn_before_a_worker_takes_it),
    "cancelled_between_two_tries": Story(cancelling.cancelled_between_two_tries),
    "cancelled_in_the_providers_hands": Story(cancelling.cancelled_in_the_providers_hands),
    "cancelled_before_it_is_sent_again": Story(cancelling.cancelled_before_it_is_sent_again),
    "erased_while_it_waited": Story(users.erased_while_it_waited),
    "erased_between_two_tries": Story(users.erased_between_two_tries),
    "erased_while_it_was_looked_for": Story(sending.erased_while_it_was_looked_for),
    "user_merged": Story(users.merged),
    "merge_refused": Story(users.merge_refused),
    "user_erased": Story(users.erased),
    "erasure_refused": Story(users.erasure_refused),
}
