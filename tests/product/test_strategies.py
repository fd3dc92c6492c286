"""Sends by a strategy, through the whole product: what moves a run on, and what ends it."""

import asyncio

from domain.identifiers import derived_id, new_id, strategy_workflow_id
from embedded.processes import until
from models.strategy_run import StrategyRun
from tests.api.support import SILENT, mobile, reasons
from tests.iris import Iris
from tests.product.runs import TEXT, ended, send, step
from tests.workflows.scenarios_of_strategies import superseded


async def test_a_delivered_first_step_is_the_only_message(iris: Iris) -> None:
    sent = await send(iris, step(iris, "rcs", "34600000001"), step(iris, "sms", "34600000001"))
    assert sent["strategy"] == {"runId": sent["strategy"]["runId"], "step": 1, "of": 2, "name": None, "outcome": None}
    run = await ended(iris, sent)
    assert (run["outcome"], run["deliveredTwice"]) == ("succeeded", False)
    assert [one["progress"] for one in run["steps"]] == ["succeeded", None]
    assert len(await iris.taken_by_gateway(sent["id"])) == 1
    assert (await iris.read(sent["id"]))["strategy"]["outcome"] == "succeeded"


async def test_a_refused_first_step_starts_the_second_at_once_in_the_same_process(iris: Iris) -> None:
    sent = await send(iris, step(iris, "rcs", "34600000003"), step(iris, "sms", "34600000001"))
    run = await ended(iris, sent)
    first, second = run["steps"]
    assert (first["progress"], second["progress"], second["reason"]) == ("failed", "succeeded", "failed")
    assert second["started"] < first["until"]
    follower = await iris.read(second["interactionId"])
    assert follower["processId"] == sent["processId"]
    assert follower["strategy"]["step"] == 2
    process = await iris.http.get(f"/v1/processes/{sent['processId']}")
    assert len(process.json()["payload"]["integrationIds"]) == 2


async def test_a_silent_first_step_starts_the_second_at_its_deadline(iris: Iris) -> None:
    sent = await send(iris, step(iris, "sms", SILENT, deadline="PT5S"), step(iris, "rcs", "34600000001"))
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


async def test_a_message_that_is_delivered_late_besides_the_next_one_is_recorded_as_delivered_twice(iris: Iris) -> None:
    """No SMS can be taken back."""
    sent = await send(iris, step(iris, "sms", "34600000012", deadline="PT5S"), step(iris, "rcs", "34600000001"))
    assert (await ended(iris, sent))["outcome"] == "succeeded"
    await iris.until_status(sent["id"], "COMPLETED", "delivered")
    run = await ended(iris, sent)
    assert (run["outcome"], run["deliveredTwice"]) == ("succeeded", True)
    assert (run["steps"][0]["recall"], run["steps"][0]["overlap"]) == (None, "possible")


async def test_a_late_message_is_taken_back_where_the_provider_can(iris: Iris) -> None:
    sent = await send(iris, step(iris, "rcs", "34600000012", deadline="PT5S"), step(iris, "sms", "34600000001"))
    run = await ended(iris, sent)
    assert (run["outcome"], run["deliveredTwice"], run["steps"][0]["recall"]) == ("succeeded", False, "recalled")
    first = await iris.until_status(sent["id"], "PROCESS_ERROR", "recalled")
    assert first["strategy"]["outcome"] == "succeeded"


async def test_a_message_that_was_delivered_unseen_ends_the_run_when_it_is_to_be_taken_back(iris: Iris) -> None:
    sent = await send(iris, step(iris, "rcs", "34600000014", deadline="PT5S"), step(iris, "sms", "34600000001"))
    run = await ended(iris, sent)
    assert (run["outcome"], run["steps"][0]["recall"]) == ("succeeded", "already_delivered")
    assert run["steps"][1]["progress"] is None
    await iris.until_status(sent["id"], "COMPLETED", "delivered")


async def test_a_success_of_the_first_step_cancels_the_second_that_is_unsent(iris: Iris) -> None:
    await superseded(iris)


async def test_an_opt_out_of_marketing_ends_the_run_and_no_other_channel_is_tried(iris: Iris) -> None:
    number = mobile()
    out = {"destination": number, "channel": "SMS", "category": "all", "state": "out"}
    assert (await iris.http.put("/v1/consents", json=out)).is_success
    steps = (step(iris, "rcs", "34600000003"), step(iris, "sms", number), step(iris, "rcs", "34600000001"))
    sent = await send(iris, *steps, category="marketing")
    run = await ended(iris, sent)
    assert [one["progress"] for one in run["steps"]] == ["failed", "suppressed", None]
    assert run["outcome"] == "suppressed"
    sent = await send(iris, *steps, category="transactional")
    assert [one["reason"] for one in (await ended(iris, sent))["steps"]] == ["first", "failed", "suppressed"]


async def test_nothing_follows_a_run_that_is_cancelled_between_steps(iris: Iris) -> None:
    sent = await send(iris, step(iris, "rcs", SILENT, deadline="PT5S"), step(iris, "sms", "34600000001"))
    await iris.until_status(sent["id"], "SENT")
    path = f"/v1/strategy-runs/{sent['strategy']['runId']}/cancel"
    answers = [await iris.http.post(path) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 200]
    assert answers[0].json()["payload"]["outcome"] == "cancelled"
    handle = iris.temporal.get_workflow_handle(strategy_workflow_id(sent["strategy"]["runId"]))
    assert await handle.result() == "cancelled"
    assert (await ended(iris, sent))["steps"][1]["progress"] is None


async def test_a_step_without_destination_takes_that_of_the_user_or_is_skipped(iris: Iris) -> None:
    number, other = mobile(), f"{mobile()}@dominio.com"
    user = {"name": "Ana", "primaryKey": {"PhoneNumber": [number], "Email": [other]}}
    assert (await iris.http.post("/v1/users", json=user)).status_code == 201
    mail = step(iris, "email", payLoad={"Type": "email", "Subject": "Su cita", "Body": "Mañana"})
    sent = await send(iris, step(iris, "messenger"), mail, step(iris, "sms"), Destinations=[number])
    assert (sent["strategy"]["step"], [one["value"] for one in sent["destinations"]]) == (2, [other])
    run = await ended(iris, sent)
    assert [one["progress"] for one in run["steps"]] == ["skipped", "succeeded", None]


async def test_receipts_at_the_deadline_start_the_next_step_once_or_not_at_all(iris: Iris) -> None:
    """Whether a receipt or the deadline comes first, no step has two successors, and no third one starts."""

    async def race(delay: float) -> None:
        first = step(iris, "whatsapp", SILENT, deadline="PT5S")
        sent = await send(iris, first, step(iris, "sms", "34600000001"), step(iris, "rcs", "34600000001"))
        await asyncio.sleep(delay)
        await iris.receive(sent["id"], "delivered")
        await iris.until_status(sent["id"], "COMPLETED")
        run = await ended(iris, sent)
        started = [one["interactionId"] for one in run["steps"] if one["interactionId"]]
        assert run["outcome"] == "succeeded"
        assert len(started) in {1, 2}
        for interaction_id in started:
            assert len(await iris.taken_by_gateway(interaction_id)) <= 1

    await asyncio.gather(*(race(4.9 + place / 50) for place in range(10)))


async def test_a_reply_through_the_second_channel_joins_the_conversation_of_the_first(iris: Iris) -> None:
    number = mobile()
    unreachable = step(iris, integrationId=await iris.twilio("http://127.0.0.1:1"), deadline="PT5S")
    sent = await send(iris, unreachable, step(iris, "sms"), Destinations=[number])
    run = await ended(iris, sent)
    second = await iris.read(run["steps"][1]["interactionId"])
    message_id = new_id()
    message = {
        "id": message_id,
        "channel": "SMS",
        "from": number,
        "payload": TEXT,
        "callbackUrl": f"{iris.settings.public_url}/webhooks/sandbox/{second['integration']['integrationId']}",
    }
    (await iris.gateway.post("/v1/inbound", json=message)).raise_for_status()
    reply = derived_id("inbound", second["integration"]["integrationId"], message_id)

    async def is_there() -> bool:
        return (await iris.http.get(f"/v1/interactions/{reply}")).status_code == 200

    await asyncio.wait_for(until(is_there), 60)
    assert (await iris.read(reply))["processId"] == sent["processId"] == second["processId"]


async def test_a_repeated_send_is_one_run(iris: Iris) -> None:
    body = {"strategy": {"steps": [step(iris, "rcs", "34600000001"), step(iris, "sms", "34600000001")]}}
    key = {"Idempotency-Key": new_id()}
    first, *others = await asyncio.gather(*(iris.post(body, **key) for _ in range(4)))
    assert {one.json()["payload"]["id"] for one in others} == {first.json()["payload"]["id"]}
    await ended(iris, first.json()["payload"])
    again = await iris.post(body, **key)
    assert again.json()["payload"]["strategy"]["runId"] == first.json()["payload"]["strategy"]["runId"]
    assert reasons(await iris.post(iris.request("sms", mobile()), **key), 422) == [
        ("Idempotency-Key", "idempotency_key_reused")
    ]


async def test_a_run_of_an_erased_user_sends_nothing_more_and_keeps_no_message(iris: Iris) -> None:
    number = mobile()
    sent = await send(iris, step(iris, "sms", "34600000010", destinations=[number]), step(iris, "rcs", number))
    [user] = sent["users"]
    assert (await iris.http.delete(f"/v1/users/{user['id']}")).status_code == 200
    run = await ended(iris, sent)
    stored = await StrategyRun.get(run["id"])
    assert stored is not None
    assert (run["outcome"], number in str(stored.content)) in {("cancelled", False), ("succeeded", False)}


async def test_the_explanation_of_a_step_says_what_its_run_waits_for(iris: Iris) -> None:
    sent = await send(iris, step(iris, "sms", SILENT), step(iris, "rcs", SILENT))
    await iris.until_status(sent["id"], "SENT")
    response = await iris.http.get(f"/v1/interactions/{sent['id']}/explanation", headers={"Accept-Language": "en"})
    shown = response.json()["payload"]["strategy"]
    assert (shown["runId"], shown["step"], shown["of"]) == (sent["strategy"]["runId"], 1, 2)
    assert shown["next"].startswith("It awaits delivered of step 1 until ")
