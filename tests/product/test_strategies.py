"""Sends by a strategy, through the whole product: what moves a run on, and what ends it."""

import time

from tests.api.support import mobile, reasons
from tests.iris import Iris
from tests.product.runs import ended, send, step


async def test_a_delivered_first_step_is_the_only_message(iris: Iris) -> None:
    sent = await send(iris, step(iris, "rcs", "34600000001"), step(iris, "sms", "34600000001"))
    assert sent["strategy"] == {"runId": sent["strategy"]["runId"], "step": 1, "of": 2, "name": None, "outcome": None}
    run = await ended(iris, sent)
    assert (run["outcome"], run["deliveredTwice"]) == ("succeeded", False)
    assert [one["progress"] for one in run["steps"]] == ["succeeded", None]
    assert len(await iris.taken_by_gateway(sent["id"])) == 1
    assert (await iris.read(sent["id"]))["strategy"]["outcome"] == "succeeded"


async def test_a_refused_first_step_starts_the_second_at_once_in_the_same_process(iris: Iris) -> None:
    began = time.monotonic()
    sent = await send(iris, step(iris, "rcs", "34600000003"), step(iris, "sms", "34600000001"))
    run = await ended(iris, sent)
    first, second = run["steps"]
    assert (first["progress"], second["progress"], second["reason"]) == ("failed", "succeeded", "failed")
    assert time.monotonic() - began < 30
    follower = await iris.read(second["interactionId"])
    assert follower["processId"] == sent["processId"]
    assert follower["strategy"]["step"] == 2
    process = await iris.http.get(f"/v1/processes/{sent['processId']}")
    assert len(process.json()["payload"]["integrationIds"]) == 2


async def test_a_silent_first_step_starts_the_second_at_its_deadline(iris: Iris) -> None:
    sent = await send(iris, step(iris, "rcs", "34600000010", deadline="PT5S"), step(iris, "sms", "34600000001"))
    run = await ended(iris, sent)
    first, second = run["steps"]
    assert (first["progress"], second["reason"], run["outcome"]) == ("sent", "deadline", "succeeded")
    assert first["until"] <= second["started"]


async def test_problems_of_every_step_are_named_by_their_place(iris: Iris) -> None:
    body = {
        "strategy": {
            "steps": [
                step(iris, "rcs", "34600000001", payLoad={"Type": "text-message-rcs", "Text": ""}),
                step(iris, "sms", "nobody", successStatus="read", deadline="PT1S"),
            ]
        }
    }
    assert set(reasons(await iris.post(body), 422)) == {
        ("strategy.steps[0].payLoad.Text", "empty"),
        ("strategy.steps[1].destinations[0]", "bad_phone_number"),
        ("strategy.steps[1].successStatus", "success_never_reported"),
        ("strategy.steps[1].deadline", "deadline_out_of_range"),
    }


async def test_a_first_message_that_is_refused_refuses_the_send(iris: Iris) -> None:
    wrong = {"Type": "simple-text", "Text": ""}
    steps = [step(iris, "sms", mobile(), payLoad=wrong), step(iris, "sms", mobile())]
    response = await iris.post({"strategy": {"steps": steps}})
    assert reasons(response, 422) == [("strategy.steps[0].payLoad.Text", "empty")]
    assert (await ended(iris, response.json()["payload"]))["outcome"] == "refused"
