"""Requests repeated with one `Idempotency-Key` are sent once and get the same answer."""

import asyncio
import gc
import logging
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from pydantic import JsonValue

from domain.identifiers import new_id, workflow_id
from domain.status import Status
from domain.submission import Submission
from embedded.demo import Demo
from models.interaction import Interaction
from models.process import Process
from models.user import User
from temporal.interactions import submit
from tests.api.support import (
    SILENT,
    Callback,
    mobile,
    post_callback,
    reasons,
    received,
    refusal,
    sent_silently,
    states,
    verdicts,
)
from tests.iris import Iris

KEY = "Idempotency-Key"


async def keyed(iris: Iris, key: str, body: dict[str, Any]) -> httpx2.Response:
    return await iris.post(body, **{KEY: key})


async def test_twenty_at_once_are_one_interaction_one_send_and_one_answer(iris: Iris) -> None:
    key, number = new_id(), mobile()
    request = iris.request("sms", number)
    responses = await asyncio.gather(*(keyed(iris, key, request) for _ in range(20)))
    assert {response.status_code for response in responses} == {200}
    assert len({response.text for response in responses}) == 1
    admitted = responses[0].json()["payload"]
    await iris.until_status(admitted["id"], "COMPLETED")
    assert await verdicts(iris, admitted["id"]) == ["accepted"]
    assert await Interaction.find({"destinations.value": number}).count() == 1
    assert await User.find({"destinations.value": number}).count() == 1
    assert await Process.find({"user_ids": admitted["users"][0]["id"]}).count() == 1


async def test_another_request_under_a_used_key_is_refused_and_not_sent(iris: Iris) -> None:
    key, number = new_id(), mobile()
    first = (await keyed(iris, key, iris.request("sms", number))).json()["payload"]
    changed: list[dict[str, JsonValue]] = [
        {"Destinations": [mobile()]},
        {"AutoCreateProcess": False},
        {"metadata": {"a": 1}},
    ]
    for changes in changed:
        response = await keyed(iris, key, iris.request("sms", number, **changes))
        assert reasons(response, 422) == [(KEY, "idempotency_key_reused")]
        assert response.json()["payload"] is None
    seen = await iris.until_status(first["id"], "COMPLETED")
    assert seen["destinations"] == first["destinations"]
    assert await verdicts(iris, first["id"]) == ["accepted"]


async def test_two_requests_at_once_under_one_key_are_not_both_sent(iris: Iris) -> None:
    key, numbers = new_id(), [mobile(), mobile()]
    responses = await asyncio.gather(*(keyed(iris, key, iris.request("sms", number)) for number in numbers))
    assert sorted(response.status_code for response in responses) == [200, 422]
    assert await Interaction.find({"destinations.value": {"$in": numbers}}).count() == 1


async def test_the_order_and_the_letter_case_of_keys_make_no_other_request(iris: Iris) -> None:
    key = new_id()
    request = iris.request("sms", mobile())
    first = await keyed(iris, key, request)
    again = await keyed(iris, key, {name.upper(): value for name, value in reversed(request.items())})
    assert again.json()["payload"]["id"] == first.json()["payload"]["id"]


async def test_the_same_key_in_another_tenant_is_another_interaction(
    iris: Iris, other_tenant: Demo, stranger: httpx2.AsyncClient
) -> None:
    key = new_id()
    ours = await keyed(iris, key, iris.request("sms", mobile()))
    request = iris.request("sms", mobile(), integrationId=other_tenant.integrations["sms"])
    theirs = await stranger.post("/v1/interactions", json=request, headers={KEY: key})
    assert theirs.status_code == 200
    assert theirs.json()["payload"]["id"] != ours.json()["payload"]["id"]


async def test_without_a_key_the_same_request_is_another_interaction(iris: Iris) -> None:
    number = mobile()
    first, second = await iris.send("sms", number), await iris.send("sms", number)
    assert first["id"] != second["id"]


async def test_a_repeated_rejected_submission_is_rejected_the_same_also_after_events(iris: Iris) -> None:
    key = new_id()
    request = iris.request("sms", mobile(), AutoCreateProcess=False)
    first = await keyed(iris, key, request)
    rejected = refusal(first, 422)
    interaction_id = rejected["payload"]["id"]
    await iris.ended(interaction_id)
    again = await keyed(iris, key, request)
    assert (again.status_code, again.json()) == (422, rejected)
    await post_callback(iris, iris.demo.integrations["sms"], Callback("sbx_rejected", "delivered", interaction_id))
    await received(iris, interaction_id, 1)
    await iris.ended(interaction_id)
    after_event = refusal(await keyed(iris, key, request), 422)
    assert after_event["error"] == rejected["error"]
    assert states(after_event["payload"]) == states(rejected["payload"])


async def test_a_key_still_gives_its_interaction_after_the_end_and_after_later_events(
    iris: Iris, caplog: pytest.LogCaptureFixture
) -> None:
    key = new_id()
    request = iris.request("sms", "34600000010")
    first = (await keyed(iris, key, request)).json()["payload"]
    await iris.until_status(first["id"], "SENT")
    assert (await iris.receive(first["id"], "delivered")).status_code == 200
    await iris.until_status(first["id"], "COMPLETED")
    await iris.ended(first["id"])
    after_the_end = await keyed(iris, key, request)
    assert (after_the_end.status_code, after_the_end.json()["payload"]["id"]) == (200, first["id"])
    assert (await iris.receive(first["id"], "read")).status_code == 200
    await iris.until_status(first["id"], "COMPLETED", "read")
    await iris.ended(first["id"])
    with caplog.at_level(logging.ERROR, logger="asyncio"):
        after_later_events = await keyed(iris, key, request)
        gc.collect()  # an unread exception of a future is logged when it is collected
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []
    assert (after_later_events.status_code, after_later_events.json()["payload"]["id"]) == (200, first["id"])
    reused = await keyed(iris, key, request | {"Destinations": [mobile()]})
    assert reasons(reused, 422) == [(KEY, "idempotency_key_reused")]
    assert await verdicts(iris, first["id"]) == ["accepted"]


@pytest.mark.parametrize("key", [b"", b"x" * 256, "ñ".encode(), "ñ".encode("latin-1"), b"a\tb", b"a b"])
async def test_a_key_that_is_none_is_a_bad_request(iris: Iris, key: bytes) -> None:
    response = await iris.http.post("/v1/interactions", json=iris.request("sms", mobile()), headers={KEY.encode(): key})
    assert reasons(response, 400) == [(KEY, "bad_idempotency_key")]


async def test_a_key_may_be_as_long_as_documented(iris: Iris) -> None:
    response = await keyed(iris, new_id() + "~" * 231, iris.request("sms", mobile()))
    assert response.status_code == 200


async def test_many_submissions_at_once_for_one_new_destination_make_one_user(iris: Iris) -> None:
    number = mobile()
    registered = await asyncio.gather(*(iris.send("whatsapp", number) for _ in range(20)))
    # On a busy machine some are answered before validation.
    admitted = [await iris.until(one["id"], lambda seen: seen["users"] != []) for one in registered]
    assert len({interaction["id"] for interaction in admitted}) == 20
    assert len({interaction["processId"] for interaction in admitted}) == 20
    assert len({interaction["users"][0]["id"] for interaction in admitted}) == 1
    assert await User.find({"destinations.value": number}).count() == 1


async def test_events_never_send_again(iris: Iris) -> None:
    sent = await sent_silently(iris)
    await post_callback(iris, sent.integration_id, sent.callback("delivered"))
    await iris.ended(sent.id)
    for _ in range(3):
        await post_callback(iris, sent.integration_id, sent.callback("read"))
        await iris.ended(sent.id)
    assert await verdicts(iris, sent.id) == ["accepted"]


async def test_a_call_repeated_after_a_receipt_began_another_run_is_known_by_its_record(iris: Iris) -> None:
    """No caller waits for the run's own answer here, so that the answer comes from the record."""
    sent = await sent_silently(iris)
    await iris.temporal.get_workflow_handle(workflow_id(sent.id)).terminate()
    await post_callback(iris, sent.integration_id, sent.callback("sent"))
    stored = await Interaction.get(sent.id)
    assert stored is not None
    repeated = Submission(
        interaction_id=sent.id,
        fingerprint=stored.fingerprint,
        tenant=stored.tenant,
        author_id=stored.author_id,
        submitted_at=stored.created,
        integration=stored.integration,
        payload=stored.payload,
        destinations=[SILENT],
        process_id=None,
        new_process_id=new_id(),
        auto_create_user=True,
        auto_create_process=True,
    )
    hasty = iris.settings.model_copy(update={"admission_timeout": timedelta()})
    admission = await submit(iris.temporal, hasty, repeated)
    assert admission.fingerprint == stored.fingerprint
    assert admission.interaction.status is Status.SENT
