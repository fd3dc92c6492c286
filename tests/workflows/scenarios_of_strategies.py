"""Scenarios of runs of strategies: what moves them on, what ends them, and what comes late."""

import asyncio
from datetime import timedelta
from unittest.mock import patch

from temporalio.client import WorkflowFailureError

from domain.clock import to_wire, utc_now
from domain.identifiers import new_id, strategy_workflow_id
from domain.interaction import Revision
from domain.strategy.recall import RecallResult
from domain.strategy.run import Run
from embedded.processes import until
from models.strategy_run import StrategyRun
from providers.base import TransientError
from providers.sandbox import Sandbox
from temporal.strategies import signal_run_erased
from tests.api.support import SILENT, mobile
from tests.iris import Iris
from tests.product.provider_lines import line
from tests.product.runs import read_run, send, step
from tests.workflows.scenarios_of_sending import TWILIO
from workflows.messages import StrategyInput
from workflows.strategy import StrategyWorkflow


async def closed(iris: Iris, run_id: str) -> str:
    """Wait until the workflow of a run has ended, and return its id."""
    workflow = strategy_workflow_id(run_id)
    await asyncio.wait_for(iris.temporal.get_workflow_handle(workflow).result(), 60)
    return workflow


async def first_delivered(iris: Iris) -> str:
    sent = await send(iris, step(iris, "rcs", "34600000001"), step(iris, "sms", "34600000001"))
    return await closed(iris, sent["strategy"]["runId"])


async def second_after_a_refusal(iris: Iris) -> str:
    sent = await send(iris, step(iris, "rcs", "34600000003"), step(iris, "sms", "34600000001"))
    return await closed(iris, sent["strategy"]["runId"])


async def second_at_the_deadline(iris: Iris) -> str:
    sent = await send(iris, step(iris, "whatsapp", SILENT, deadline="PT5S"), step(iris, "sms", "34600000001"))
    return await closed(iris, sent["strategy"]["runId"])


async def taken_back(iris: Iris) -> str:
    sent = await send(iris, step(iris, "rcs", "34600000013", deadline="PT5S"), step(iris, "sms", "34600000001"))
    return await closed(iris, sent["strategy"]["runId"])


async def not_taken_back(iris: Iris) -> str:
    """The provider does not answer the recall."""
    recall, ours = Sandbox.recall, set[str]()

    async def unanswered(sandbox: Sandbox, message_id: str) -> RecallResult:
        if message_id in ours:
            raise TransientError("unanswered")
        return await recall(sandbox, message_id)

    with patch.object(Sandbox, "recall", unanswered):
        sent = await send(iris, step(iris, "rcs", SILENT, deadline="PT5S"), step(iris, "sms", "34600000001"))
        await iris.until_status(sent["id"], "SENT")
        ours.update(message["id"] for message in await iris.taken_by_gateway(sent["id"]))
        return await closed(iris, sent["strategy"]["runId"])


async def delivered_twice(iris: Iris) -> str:
    """The first message is delivered after the second: a new workflow goes on from the record."""
    workflow = await second_at_the_deadline(iris)
    run = await read_run(iris, workflow.removeprefix("strategy-"))
    await iris.receive(run["steps"][0]["interactionId"], "delivered")
    await iris.until_status(run["steps"][0]["interactionId"], "COMPLETED")
    return await closed(iris, run["id"])


async def first_refused(iris: Iris) -> str:
    wrong = {"Type": "simple-text", "Text": ""}
    steps = [step(iris, destination=mobile(), payLoad=wrong), step(iris, destination=mobile())]
    response = await iris.post({"strategy": {"steps": steps}})
    assert response.status_code == 422, response.text
    return await closed(iris, response.json()["payload"]["strategy"]["runId"])


async def cancelled_run(iris: Iris) -> str:
    """Its message is sent already, and no other follows."""
    sent = await send(iris, step(iris, "sms", SILENT), step(iris, "rcs", SILENT))
    await iris.until_status(sent["id"], "SENT")
    response = await iris.http.post(f"/v1/strategy-runs/{sent['strategy']['runId']}/cancel")
    assert response.status_code == 200, response.text
    return await closed(iris, sent["strategy"]["runId"])


async def erased_run(iris: Iris) -> str:
    sent = await send(iris, step(iris, "sms", SILENT), step(iris, "rcs", SILENT))
    await iris.until_status(sent["id"], "SENT")
    stored = await StrategyRun.get(sent["strategy"]["runId"])
    assert stored is not None
    await signal_run_erased(iris.temporal, iris.settings, stored)
    return await closed(iris, stored.id)


async def held_run(iris: Iris) -> str:
    """Its first message waits for so long that no workflow stays open."""
    planned = to_wire(utc_now() + timedelta(days=10))
    sent = await send(iris, step(iris, "sms", mobile()), step(iris, "rcs", mobile()), sendAt=planned)
    return await closed(iris, sent["strategy"]["runId"])


async def stored_by_another_workflow(iris: Iris) -> str:
    register, number = StrategyRun.register, mobile()

    async def not_ours(run: Run, revision: Revision, registered_by: str) -> StrategyRun:
        is_this = run.steps[0].submission is not None and run.steps[0].submission.destinations == [number]
        return await register(run, revision, new_id() if is_this else registered_by)

    with patch.object(StrategyRun, "register", not_ours):
        sent = await send(iris, step(iris, destination=number), step(iris, "rcs", number))
    return await closed(iris, sent["strategy"]["runId"])


async def first_suppressed(iris: Iris) -> str:
    """The recipient of the first step opted out of everything, and the second step goes elsewhere."""
    number = mobile()
    await iris.http.put("/v1/consents", json={"destination": number, "category": "all", "state": "out"})
    sent = await send(iris, step(iris, "sms", number), step(iris, "rcs", "34600000001"))
    return await closed(iris, sent["strategy"]["runId"])


async def no_such_run(iris: Iris) -> str:
    workflow = strategy_workflow_id(new_id())
    try:
        await iris.temporal.execute_workflow(
            StrategyWorkflow.run,
            StrategyInput(run_id=workflow.removeprefix("strategy-")),
            id=workflow,
            task_queue=iris.settings.task_queue,
        )
    except WorkflowFailureError:
        return workflow
    raise AssertionError(workflow)


async def superseded(iris: Iris) -> str:
    """The first message is delivered while no provider has the second."""
    async with line(iris, TWILIO) as twilio:
        twilio.fake_provider.busy = 1_000
        unsent = step(iris, destination=mobile(), integrationId=twilio.integration_id)
        sent = await send(iris, step(iris, "whatsapp", SILENT, deadline="PT5S"), unsent)
        run_id = sent["strategy"]["runId"]

        async def has_two() -> bool:
            return (await read_run(iris, run_id))["steps"][1]["interactionId"] is not None

        await until(has_two)
        second: str = (await read_run(iris, run_id))["steps"][1]["interactionId"]
        await iris.receive(sent["id"], "delivered")
        await closed(iris, run_id)
        await iris.until_status(second, "PROVIDER_SENDING_ERROR", "cancelled")
        await iris.ended(second)
        return second


async def superseded_run(iris: Iris) -> str:
    interaction = await iris.read(await superseded(iris))
    return strategy_workflow_id(interaction["strategy"]["runId"])
