"""A support person finds a send in Temporal's Web UI, and reads there what became of it."""

import asyncio

from api.engine import workflow_id
from embedded.processes import until
from tests.iris import Iris
from workflows import attributes


async def _finds(iris: Iris, query: str, wanted: str) -> bool:
    """Whether a search of the Web UI finds a workflow."""
    return wanted in {found.id async for found in iris.temporal.list_workflows(query)}


async def _until_found(iris: Iris, query: str, wanted: str) -> None:
    """Wait until a search finds a workflow: the server's index follows a moment later."""
    async with asyncio.timeout(60):
        await until(lambda: _finds(iris, query, wanted))


async def test_an_interaction_is_found_by_each_of_its_attributes(iris: Iris) -> None:
    sent = await iris.send("sms", "34600000010")
    wanted = workflow_id(sent["id"])
    for name, value in {
        "IrisTenant": sent["tenant"],
        "IrisChannel": "SMS",
        "IrisProvider": "sandbox",
        "IrisIntegration": sent["integration"]["integrationId"],
        "IrisProcess": sent["processId"],
    }.items():
        await _until_found(iris, f"{name} = '{value}' AND WorkflowId = '{wanted}'", wanted)


async def test_a_failure_is_found_and_is_no_longer_once_a_receipt_corrects_it(iris: Iris) -> None:
    failed = await iris.send("sms", "34600000004")
    await iris.ended(failed["id"])
    wanted = workflow_id(failed["id"])
    await _until_found(iris, f"IrisFailure = 'PROCESS_ERROR' AND WorkflowId = '{wanted}'", wanted)
    await iris.receive(failed["id"], "delivered")
    await iris.until_status(failed["id"], "COMPLETED")
    await iris.ended(failed["id"])
    description = await iris.temporal.get_workflow_handle(wanted).describe()
    assert description.typed_search_attributes.get(attributes.FAILURE) is None


async def test_the_workflow_says_in_words_what_it_is_and_what_became_of_it(iris: Iris) -> None:
    sent = await iris.send("sms", "34600000001")
    await iris.ended(sent["id"])
    handle = iris.temporal.get_workflow_handle(workflow_id(sent["id"]))
    description = await handle.describe()
    assert await description.static_summary() == "SMS · Sandbox · SMS-1"
    assert sent["processId"] in (await description.static_details() or "")
    metadata: object = await handle.query("__temporal_workflow_metadata")
    assert "| COMPLETED | delivered |" in str(metadata)


async def test_nothing_that_the_web_ui_searches_or_lists_names_the_person(iris: Iris) -> None:
    sent = await iris.send("sms", "34638766068")
    description = await iris.temporal.get_workflow_handle(workflow_id(sent["id"])).describe()
    shown = f"{description.typed_search_attributes} {await description.static_summary()} {description.id}"
    assert "34638766068" not in shown
