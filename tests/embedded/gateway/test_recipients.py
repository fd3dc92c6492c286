import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import httpx2
import pytest

from domain.destinations import KIND_OF_CHANNEL, normalise
from domain.identifiers import new_id
from embedded.gateway.recipients import BEHAVIOURS, recipients_of
from tests.embedded.gateway.caller import NOBODY, Caller, Desk, error_of, every_spelling, settings
from tests.embedded.gateway.receiver import Receiver

DOCUMENT: Final = Path(__file__).parents[3] / "docs/providers/sandbox.md"


@pytest.mark.parametrize("code", BEHAVIOURS)
def test_every_magic_recipient_is_a_valid_destination_and_is_documented(code: str) -> None:
    for channel, recipient in every_spelling(code):
        assert normalise(KIND_OF_CHANNEL[channel], recipient) == recipient
        assert f"`{recipient}`" in DOCUMENT.read_text()


async def test_any_other_recipient_is_taken_and_delivered(caller: Caller, receiver: Receiver, reference: str) -> None:
    answer = await caller.post(reference)
    assert (answer.status_code, answer.json()["status"]) == (201, "queued")
    received = await receiver.wait_for(reference, 2)
    assert [callback.payload["status"] for callback in received] == ["sent", "delivered"]
    first = received[0].payload
    datetime.fromisoformat(first.pop("timestamp"))
    assert first == {
        "id": answer.json()["id"],
        "reference": reference,
        "channel": "WhatsApp",
        "to": ["34638766068"],
        "status": "sent",
        "sequence": 1,
    }


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("01", ["sent", "delivered"]),
        ("02", ["sent", "delivered", "read"]),
        ("04", ["sent", "failed"]),
        ("09", ["read", "read", "delivered", "delivered", "sent", "sent"]),
    ],
)
async def test_a_magic_recipient_decides_the_callbacks(
    caller: Caller, receiver: Receiver, code: str, words: list[str]
) -> None:
    for channel, recipient in every_spelling(code):
        reference = new_id()
        assert (await caller.post(reference, recipient, channel=channel)).status_code == 201
        await receiver.wait_for(reference, len(words))
        assert receiver.words(reference) == words


async def test_a_failure_after_acceptance_has_its_code(caller: Caller, receiver: Receiver, reference: str) -> None:
    await caller.post(reference, recipients_of("04")[0])
    failed = (await receiver.wait_for(reference, 2))[1].payload
    assert failed["error"]["code"] == "recipient_unreachable"


async def test_an_sms_has_no_read_callback(caller: Caller, receiver: Receiver, reference: str) -> None:
    await caller.post(reference, recipients_of("02")[0], channel="SMS")
    await receiver.wait_for_word(reference, "delivered")
    assert [callback["status"] for callback in (await caller.message(reference))["callbacks"]] == ["sent", "delivered"]


async def test_the_first_magic_recipient_of_an_email_decides(caller: Caller, reference: str) -> None:
    to = ["ana@example.org", recipients_of("03")[1], recipients_of("01")[1]]
    assert error_of(await caller.post_changed({"reference": reference, "channel": "Email", "to": to})) == (
        422,
        "recipient_refused",
    )


@pytest.mark.parametrize("spelling", range(3))
async def test_a_refused_message_is_never_taken(caller: Caller, reference: str, spelling: int) -> None:
    channel, recipient = every_spelling("03")[spelling]
    for _ in range(2):
        assert error_of(await caller.post(reference, recipient, channel=channel)) == (422, "recipient_refused")
    entry = await caller.entry(reference)
    assert entry == {
        "reference": reference,
        "id": None,
        "requests": 2,
        "verdicts": ["refused", "refused"],
        "receivedAt": sorted(entry["receivedAt"]),
    }
    assert len(entry["receivedAt"]) == 2
    assert (await caller.get("/v1/messages", reference=reference))["messages"] == []


async def test_a_throttled_message_is_taken_the_third_time(caller: Caller, receiver: Receiver, reference: str) -> None:
    for _ in range(2):
        throttled = await caller.post(reference, recipients_of("05")[0])
        assert error_of(throttled) == (429, "throttled")
        assert throttled.headers["retry-after"] == "1"
    assert (await caller.post(reference, recipients_of("05")[0])).status_code == 201
    assert (await caller.entry(reference))["verdicts"] == ["throttled", "throttled", "accepted"]
    await receiver.wait_for_word(reference, "delivered")


async def test_an_answer_lost_once_is_given_to_the_repetition(
    caller: Caller, receiver: Receiver, reference: str
) -> None:
    with pytest.raises(httpx2.RemoteProtocolError, match="without sending a response"):
        await caller.post(reference, recipients_of("06")[0])
    answer = await caller.post(reference, recipients_of("06")[0])
    entry = await caller.entry(reference)
    assert (answer.json()["id"], entry["verdicts"]) == (entry["id"], ["accepted", "repeated"])
    await receiver.wait_for_word(reference, "delivered")


async def test_every_answer_can_be_lost_and_the_message_delivered(
    caller: Caller, receiver: Receiver, reference: str
) -> None:
    for _ in range(3):
        with pytest.raises(httpx2.RemoteProtocolError, match="without sending a response"):
            await caller.post(reference, recipients_of("07")[0])
    await receiver.wait_for_word(reference, "delivered")
    assert (await caller.entry(reference))["verdicts"] == ["accepted", "repeated", "repeated"]


async def test_an_early_callback_arrives_before_the_response(
    caller: Caller, receiver: Receiver, reference: str
) -> None:
    await caller.post(reference, recipients_of("08")[0])
    assert receiver.words(reference) == ["delivered"]
    assert (await caller.message(reference))["status"] == "delivered"


async def test_an_unreceived_early_callback_delays_the_response_for_a_bounded_time(desk: Desk, reference: str) -> None:
    caller = await desk.open(settings(early_callback_wait=timedelta(milliseconds=50)))
    answer = await caller.post(reference, recipients_of("08")[0], callbackUrl=NOBODY)
    assert answer.status_code == 201


async def test_a_silent_message_owes_no_callback(caller: Caller, reference: str) -> None:
    assert (await caller.post(reference, recipients_of("10")[0])).status_code == 201
    assert (await caller.message(reference))["callbacks"] == []


async def test_a_slow_answer_is_overtaken_by_the_callbacks(caller: Caller, receiver: Receiver, reference: str) -> None:
    sending = asyncio.create_task(caller.post(reference, recipients_of("11")[0]))
    await receiver.wait_for_word(reference, "delivered")
    assert not sending.done()
    assert (await sending).status_code == 201
