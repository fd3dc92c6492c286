import hashlib
import hmac
import time
from datetime import timedelta

from embedded.gateway.recipients import recipients_of
from tests.embedded.gateway.caller import NOBODY, SECRET, Caller, Desk, settings
from tests.embedded.gateway.receiver import Receiver


async def test_a_callback_is_signed_over_its_time_and_raw_body(
    caller: Caller, receiver: Receiver, reference: str
) -> None:
    await caller.post(reference)
    received = (await receiver.wait_for(reference, 1))[0]
    timestamp = received.headers["x-sandbox-timestamp"]
    signed = timestamp.encode() + b"." + received.body
    assert abs(int(timestamp) - time.time()) < 60
    assert (
        received.headers["x-sandbox-signature"] == "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    )


async def test_a_callback_is_repeated_until_it_is_received(caller: Caller, receiver: Receiver, reference: str) -> None:
    receiver.answers[reference] = [503, 429, 408, 500, 200]
    await caller.post(reference, recipients_of("08")[0])
    received = await receiver.wait_for(reference, 5)
    assert len({callback.body for callback in received}) == 1
    assert (await caller.message(reference))["callbacks"] == [
        {"sequence": 1, "status": "delivered", "state": "delivered", "attempts": 5}
    ]


async def test_a_callback_that_is_refused_is_given_up_after_three_attempts(
    caller: Caller, receiver: Receiver, reference: str
) -> None:
    receiver.answers[reference] = [404, 302, 403]
    await caller.post(reference, recipients_of("08")[0])
    assert receiver.words(reference) == ["delivered"] * 3
    assert (await caller.message(reference))["callbacks"][0]["state"] == "abandoned"


async def test_a_callback_that_is_too_old_is_given_up(desk: Desk, reference: str) -> None:
    caller = await desk.open(settings(max_callback_age=timedelta(0)))
    await caller.post(reference, recipients_of("08")[0], callbackUrl=NOBODY)
    assert (await caller.message(reference))["callbacks"][0]["state"] == "abandoned"
