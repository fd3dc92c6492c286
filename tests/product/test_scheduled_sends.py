"""Messages that go later: planned, in a window, until they expire, rescheduled and cancelled meanwhile."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.clock import to_wire, utc_now
from domain.identifiers import workflow_id
from tests.api.support import mobile, reasons
from tests.iris import Iris

FAR = timedelta(days=10)
"""Time for which no workflow stays open."""


def after(delay: timedelta) -> str:
    return to_wire(utc_now() + delay)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def explanation(iris: Iris, interaction_id: str) -> dict[str, Any]:
    response = await iris.http.get(f"/v1/interactions/{interaction_id}/explanation", headers={"Accept-Language": "en"})
    assert response.status_code == 200
    payload: dict[str, Any] = response.json()["payload"]
    return payload


async def reschedule(iris: Iris, interaction_id: str, **change: object) -> tuple[int, dict[str, Any]]:
    response = await iris.http.patch(f"/v1/interactions/{interaction_id}/schedule", json=change)
    return response.status_code, response.json()


async def ended_run(iris: Iris, interaction_id: str) -> None:
    await asyncio.wait_for(iris.temporal.get_workflow_handle(workflow_id(interaction_id)).result(), 60)


async def test_a_planned_message_waits_and_then_goes_once(iris: Iris) -> None:
    planned = after(timedelta(seconds=2))
    sent = await iris.send("sms", mobile(), sendAt=planned)
    assert (sent["status"], sent["customStatus"]) == ("DISPATCH_PENDING", "scheduled")
    assert sent["schedule"]["sendAt"] == sent["held"]["until"] == planned
    explained = await explanation(iris, sent["id"])
    assert explained["waitsFor"] == {"awaited": "scheduled", "until": planned, "then": f"Scheduled for {planned}"}
    await iris.until_status(sent["id"], "COMPLETED")
    done = await iris.read(sent["id"])
    steps = [(entry["status"], entry["customStatus"]) for entry in done["auditTrail"]["history"]]
    assert steps[1:3] == [("DISPATCH_PENDING", "scheduled"), ("DISPATCH_PENDING", None)]
    released = instant(done["auditTrail"]["history"][2]["date"])
    assert instant(planned) <= released
    assert done["held"] is None
    assert len(await iris.taken_by_gateway(sent["id"])) == 1


async def test_a_far_message_keeps_no_workflow_open_and_is_cancelled_all_the_same(iris: Iris) -> None:
    sent = await iris.send("sms", mobile(), sendAt=after(FAR))
    await ended_run(iris, sent["id"])
    explained = await explanation(iris, sent["id"])
    assert (explained["workflow"]["state"], explained["isFinal"]) == ("parked", False)
    response = await iris.http.post(f"/v1/interactions/{sent['id']}/cancel")
    assert response.status_code == 200
    assert (await iris.read(sent["id"]))["customStatus"] == "cancelled"
    assert await iris.taken_by_gateway(sent["id"]) == []


async def test_a_far_message_is_sent_now_when_it_is_rescheduled_so(iris: Iris) -> None:
    sent = await iris.send("sms", mobile(), sendAt=after(FAR))
    await ended_run(iris, sent["id"])
    status, answer = await reschedule(iris, sent["id"], sendAt=None)
    assert status == 200, answer
    await iris.until_status(sent["id"], "COMPLETED")
    notes = [entry["notes"] or "" for entry in (await iris.read(sent["id"]))["auditTrail"]["history"]]
    assert ["La cuenta" in note for note in notes] == [False, False, True, False, False, False][: len(notes)]


async def test_a_message_is_rescheduled_to_later_and_only_then_goes(iris: Iris) -> None:
    sent = await iris.send("sms", mobile(), sendAt=after(timedelta(seconds=3)))
    later = after(timedelta(days=2))
    status, answer = await reschedule(iris, sent["id"], sendAt=later)
    assert (status, answer["payload"]["held"]["until"]) == (200, later)
    await ended_run(iris, sent["id"])
    assert await iris.taken_by_gateway(sent["id"]) == []


async def test_what_is_sent_is_not_rescheduled(iris: Iris) -> None:
    sent = await iris.send("sms", mobile())
    await iris.until_status(sent["id"], "COMPLETED")
    status, answer = await reschedule(iris, sent["id"], sendAt=after(FAR))
    assert (status, answer["error"][0]["code"]) == (409, "already_sent")


async def test_a_validity_that_ends_before_the_window_opens_is_refused(iris: Iris) -> None:
    hour = utc_now() + timedelta(hours=2)
    window = {"from": hour.strftime("%H:00"), "to": (hour + timedelta(hours=1)).strftime("%H:00"), "timeZone": "UTC"}
    response = await iris.post(iris.request("sms", mobile(), window=window, validFor="PT30M"))
    assert reasons(response, 422) == [("expireAt", "expires_before_window")]


async def test_a_message_whose_window_is_closed_waits_for_it(iris: Iris) -> None:
    now = utc_now()
    opens, closes = (now + timedelta(hours=2)).strftime("%H:00"), (now + timedelta(hours=3)).strftime("%H:00")
    window = {"from": opens, "to": closes, "timeZone": "UTC"}
    sent = await iris.send("sms", mobile(), window=window)
    assert (sent["customStatus"], sent["schedule"]["window"]["from"]) == ("window", opens)
    assert instant(sent["held"]["until"]) > now


@pytest.mark.parametrize(
    ("asked", "field", "code"),
    [
        ({"sendAt": "yesterday"}, "sendAt", "bad_planned_time"),
        ({"sendAt": "2020-01-01T00:00:00Z"}, "sendAt", "in_the_past"),
        ({"sendAt": "2027-03-28T09:00"}, "sendAt", "local_without_zone"),
        ({"validFor": "ten minutes"}, "validFor", "bad_duration"),
        ({"timeZone": "Europe/Atlantis"}, "timeZone", "unknown_time_zone"),
    ],
)
async def test_a_schedule_that_cannot_be_read_is_refused(
    iris: Iris, asked: dict[str, Any], field: str, code: str
) -> None:
    assert reasons(await iris.post(iris.request("sms", mobile(), **asked)), 422) == [(field, code)]


async def test_an_opt_out_while_it_waits_suppresses_it(iris: Iris) -> None:
    number = mobile()
    sent = await iris.send("sms", number, sendAt=after(timedelta(seconds=3)))
    out = {"destination": number, "category": "all", "state": "out"}
    assert (await iris.http.put("/v1/consents", json=out)).status_code == 200
    await iris.until_status(sent["id"], "PROVIDER_SENDING_ERROR", "suppressed")
    assert await iris.taken_by_gateway(sent["id"]) == []
