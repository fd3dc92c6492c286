"""Messages in the order of their process: each goes once the one before it got far enough, ended or took too long."""

import asyncio
import secrets
from typing import Any

import pytest

from models.process import Process
from tests.api.support import SILENT, mobile, reasons
from tests.iris import Iris

MESSAGES = 50


async def ordered(iris: Iris, process_id: str, number: str, **changes: object) -> dict[str, Any]:
    return await iris.send("sms", number, processId=process_id, inOrder=True, **changes)


async def test_fifty_messages_with_random_delays_of_the_provider_go_in_order(iris: Iris) -> None:
    """One of them fails, and one is cancelled: the next ones go on."""
    first = await iris.send("sms", SILENT, inOrder=True)
    sent = [first, *[await ordered(iris, first["processId"], SILENT) for _ in range(MESSAGES - 1)]]
    assert all(one["customStatus"] == "in_order" for one in sent[1:])
    await iris.http.post(f"/v1/interactions/{sent[20]['id']}/cancel")
    for position, one in enumerate(sent):
        if position == 20:
            continue
        await iris.until_status(one["id"], "SENT")
        later = [iris.taken_by_gateway(other["id"]) for other in sent[position + 1 : position + 4]]
        assert not any(await asyncio.gather(*later))
        await asyncio.sleep(secrets.randbelow(20) / 1000)
        await iris.receive(one["id"], "failed" if position == 30 else "delivered")


async def test_fifty_concurrent_messages_go_in_the_order_of_their_admission(iris: Iris) -> None:
    first = await iris.send("sms", SILENT, inOrder=True)
    many = [ordered(iris, first["processId"], SILENT, orderAfter="sent") for _ in range(MESSAGES - 1)]
    sent = {one["id"] for one in [first, *await asyncio.gather(*many)]}
    process = await Process.find_one({"_id": first["processId"]})
    assert process is not None
    [chain] = process.order.values()
    assert set(chain) == sent
    done = [await iris.until_status(one, "SENT") for one in chain]
    sent_at = [next(one["date"] for one in seen["auditTrail"]["history"] if one["status"] == "SENT") for seen in done]
    assert sent_at == sorted(sent_at)


async def test_a_process_says_for_its_sends_that_they_go_in_order(iris: Iris) -> None:
    """A send that says otherwise does not wait."""
    user = (await iris.send("sms", SILENT))["users"][0]["id"]
    asked = {"integrationId": iris.demo.integrations["sms"], "userIds": [user], "inOrder": True, "orderTimeout": "PT5M"}
    process = (await iris.http.post("/v1/processes", json=asked)).json()["payload"]
    assert (process["inOrder"], process["orderAfter"], process["orderTimeout"]) == (True, None, "PT5M")
    first = await iris.send("sms", SILENT, processId=process["id"])
    await iris.until_status(first["id"], "SENT")
    second = await iris.send("sms", SILENT, processId=process["id"])
    free = await iris.send("sms", SILENT, processId=process["id"], inOrder=False)
    now = await ordered(iris, process["id"], SILENT, orderAfter="sent", orderTimeout="PT1S")
    assert [one["customStatus"] for one in (second, free, now)] == ["in_order", None, "in_order"]
    await iris.until_status(now["id"], "SENT")
    changed = await iris.http.patch(f"/v1/processes/{process['id']}", json={"inOrder": False})
    assert (changed.json()["payload"]["inOrder"], changed.json()["payload"]["orderTimeout"]) == (False, None)
    assert (await iris.send("sms", SILENT, processId=process["id"]))["held"] is None
    refused = await iris.http.patch(f"/v1/processes/{process['id']}", json={"orderTimeout": "PT5M"})
    assert reasons(refused, 422) == [("orderTimeout", "only_in_order")]


async def test_a_message_goes_once_the_one_before_it_is_sent_if_that_is_enough(iris: Iris) -> None:
    first = await iris.send("sms", SILENT, inOrder=True)
    await iris.until_status(first["id"], "SENT")
    second = await ordered(iris, first["processId"], SILENT, orderAfter="sent")
    await iris.until_status(second["id"], "SENT")


async def test_the_wait_for_the_message_before_is_limited(iris: Iris) -> None:
    first = await iris.send("sms", SILENT, inOrder=True)
    second = await ordered(iris, first["processId"], SILENT, orderTimeout="PT2S")
    assert second["held"]["reason"] == "in_order"
    assert first["id"] in second["held"]["explanation"]
    await iris.until_status(second["id"], "SENT")


async def test_a_message_that_stops_on_failure_is_never_sent_after_one(iris: Iris) -> None:
    first = await iris.send("sms", SILENT, inOrder=True)
    await iris.until_status(first["id"], "SENT")
    second = await ordered(iris, first["processId"], SILENT, stopOnFailure=True)
    await iris.receive(first["id"], "failed")
    await iris.until_status(second["id"], "PROVIDER_SENDING_ERROR", "not_allowed")
    refused = await iris.post(
        iris.request("sms", SILENT, processId=first["processId"], inOrder=True, stopOnFailure=True)
    )
    assert reasons(refused, 422) == [("inOrder", "predecessor_failed")]


async def test_messages_to_others_or_without_order_do_not_wait(iris: Iris) -> None:
    number = mobile()
    first = await iris.send("sms", SILENT, inOrder=True)
    await iris.until_status(first["id"], "SENT")
    other = await ordered(iris, first["processId"], number)
    plain = await iris.send("sms", SILENT, processId=first["processId"])
    assert (other["held"], plain["held"]) == (None, None)


@pytest.mark.parametrize(
    ("asked", "field", "code"),
    [
        ({"inOrder": True, "orderTimeout": "soon"}, "orderTimeout", "bad_duration"),
        ({"inOrder": True, "orderTimeout": "P2D"}, "orderTimeout", "order_timeout_too_long"),
        ({"orderAfter": "sent"}, "orderAfter", "only_in_order"),
        ({"stopOnFailure": True}, "stopOnFailure", "only_in_order"),
    ],
)
async def test_an_order_that_cannot_be_read_is_refused(
    iris: Iris, asked: dict[str, object], field: str, code: str
) -> None:
    assert reasons(await iris.post(iris.request("sms", SILENT, **asked)), 422) == [(field, code)]
