"""What interactions wait for: counted by reason, with the oldest, and listed."""

from datetime import timedelta
from typing import Any, get_args

import pytest

from api.schemas.interaction_lists import ListedWait
from domain.clock import to_wire, utc_now
from queries.waiting import WAITING
from tests.api.support import SILENT, mobile
from tests.iris import Iris


async def waiting(iris: Iris) -> dict[str, dict[str, Any]]:
    answer = await iris.http.get("/v1/waiting")
    assert answer.status_code == 200
    return {item["waitingFor"]: item for item in answer.json()["payload"]["items"]}


async def listed(iris: Iris, awaited: str, **filters: str) -> list[str]:
    answer = await iris.http.get("/v1/interactions", params={"waitingFor": awaited, "limit": "200", **filters})
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["payload"]["items"]]


def test_the_filter_takes_the_waits_that_the_record_decides() -> None:
    assert set(get_args(ListedWait)) == set(WAITING)


async def test_a_planned_message_is_counted_and_listed_until_it_is_cancelled(iris: Iris) -> None:
    planned = to_wire(utc_now() + timedelta(days=3))
    number = mobile()
    sent = await iris.send("sms", number, sendAt=planned)
    count = (await waiting(iris))["scheduled"]
    assert count["count"] >= 1
    assert count["oldest"]["created"] <= sent["auditTrail"]["created"]
    assert await listed(iris, "scheduled", destination=number) == [sent["id"]]
    assert await listed(iris, "window", destination=number) == []
    assert await listed(iris, "scheduled", destination=number, status="SENT") == []
    assert (await iris.http.post(f"/v1/interactions/{sent['id']}/cancel")).status_code == 200
    assert await listed(iris, "scheduled", destination=number) == []


async def test_a_message_that_waits_for_its_receipt_is_counted_and_listed(iris: Iris) -> None:
    sent = await iris.send("sms", SILENT)
    await iris.until_status(sent["id"], "SENT")
    assert (await waiting(iris))["delivery"]["count"] >= 1
    assert sent["id"] in await listed(iris, "delivery")
    await iris.receive(sent["id"], "delivered")
    await iris.until_status(sent["id"], "COMPLETED")
    assert sent["id"] not in await listed(iris, "delivery")


@pytest.mark.parametrize("awaited", WAITING)
async def test_every_wait_can_be_listed(iris: Iris, awaited: str) -> None:
    await listed(iris, awaited)
