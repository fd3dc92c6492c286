import asyncio
import hashlib
import hmac
from datetime import datetime, timedelta

import pytest

from tests.embedded.gateway.caller import NOBODY, OTHER_TOKEN, SECRET, Caller, Desk, error_of, settings
from tests.embedded.gateway.receiver import Receiver

EVERYTHING = {
    "channel": "WhatsApp",
    "from": "+34 638 766 068",
    "to": "34600000000",
    "name": "Ana",
    "payload": {"Type": "location", "Latitude": 40.4, "Longitude": -3, "Name": "Madrid"},
    "inReplyTo": "sbx_1",
}


async def until_settled(caller: Caller, message_id: str) -> dict[str, object]:
    async with asyncio.timeout(60):
        while True:
            callback = (await caller.get(f"/v1/inbound/{message_id}"))["callback"]
            if callback["state"] != "pending":
                return callback
            await asyncio.sleep(0.01)


async def test_an_inbound_message_is_called_back_with_a_signature(
    caller: Caller, receiver: Receiver, reference: str
) -> None:
    answer = await caller.write(reference, **EVERYTHING)
    assert (answer.status_code, answer.json()) == (201, {"id": reference, "status": "accepted"})
    (received,) = await receiver.wait_for(reference, 1)
    inbound = received.payload["inbound"]
    datetime.fromisoformat(inbound.pop("timestamp"))
    assert inbound == {"id": reference, **EVERYTHING}
    signed = received.headers["x-sandbox-timestamp"].encode() + b"." + received.body
    assert (
        received.headers["x-sandbox-signature"] == "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    )


async def test_missing_fields_are_omitted_except_the_name(caller: Caller, receiver: Receiver, reference: str) -> None:
    await caller.write(reference)
    (received,) = await receiver.wait_for(reference, 1)
    assert received.payload["inbound"].keys() == {"id", "channel", "from", "name", "payload", "timestamp"}


async def test_an_id_is_made_up_unless_it_is_given(caller: Caller, receiver: Receiver) -> None:
    first, second = [(await caller.write("", id=None)).json()["id"] for _ in range(2)]
    assert first != second
    assert (await receiver.wait_for(first, 1))[0].subject == first


async def test_a_repeated_or_concurrent_message_is_called_back_once(
    caller: Caller, receiver: Receiver, reference: str
) -> None:
    answers = await asyncio.gather(*(caller.write(reference) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert await until_settled(caller, reference) == {"state": "delivered", "attempts": 1}
    assert (await caller.write(reference)).status_code == 201
    assert len(receiver.of(reference)) == 1


async def test_an_id_cannot_name_another_message_but_one_of_another_account(
    desk: Desk, caller: Caller, gateway_url: str, reference: str
) -> None:
    await caller.write(reference)
    other = {"Type": "simple-text", "Text": "adiós"}
    assert error_of(await caller.write(reference, payload=other)) == (422, "id_reused")
    stranger = desk.at(gateway_url, token=OTHER_TOKEN)
    assert (await stranger.get(f"/v1/inbound/{reference}"))["error"]["code"] == "not_found"
    assert (await stranger.write(reference, payload=other)).status_code == 201


async def test_it_is_called_back_until_it_is_received(caller: Caller, receiver: Receiver, reference: str) -> None:
    receiver.answers[reference] = [503, 429, 200]
    await caller.write(reference)
    assert await until_settled(caller, reference) == {"state": "delivered", "attempts": 3}
    assert len({received.body for received in receiver.of(reference)}) == 1


async def test_it_is_given_up_when_it_is_refused_or_too_old(
    desk: Desk, caller: Caller, receiver: Receiver, reference: str
) -> None:
    receiver.answers[reference] = [404, 404, 404]
    await caller.write(reference)
    assert await until_settled(caller, reference) == {"state": "abandoned", "attempts": 3}
    impatient = await desk.open(settings(max_callback_age=timedelta(0)))
    await impatient.write(reference, callbackUrl=NOBODY)
    assert await until_settled(impatient, reference) == {"state": "abandoned", "attempts": 1}


@pytest.mark.parametrize(
    ("channel", "sender"),
    [("SMS", "34638766068"), ("WhatsApp", "ES.1234567890"), ("Email", "ana@example.org"), ("FacebookMessenger", "17")],
)
async def test_every_channel_has_its_senders(caller: Caller, reference: str, channel: str, sender: str) -> None:
    answer = await caller.write(reference, **{"channel": channel, "from": sender})
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"channel": "Telegram"}, (422, "invalid_request")),
        ({"from": "nobody"}, (422, "invalid_recipient")),
        ({"channel": "Email"}, (422, "invalid_recipient")),
        ({"id": ""}, (422, "invalid_request")),
        ({"id": "../health"}, (422, "invalid_request")),
        ({"payload": "hola"}, (422, "invalid_request")),
        ({"payload": {}}, (422, "invalid_request")),
        ({"payload": {"Text": {"nested": True}}}, (422, "invalid_request")),
        ({"payload": {"$where": "1"}}, (422, "invalid_request")),
        ({"callbackUrl": "/relative"}, (422, "invalid_request")),
        ({"surprise": True}, (422, "invalid_request")),
    ],
)
async def test_a_message_that_is_wrong_is_refused_with_its_code(
    caller: Caller, reference: str, change: dict[str, object], expected: tuple[int, str]
) -> None:
    assert error_of(await caller.write(reference, **change)) == expected
