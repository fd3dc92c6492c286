"""Support staff find a send in Temporal's Web UI, and read its outcome there."""

import asyncio
import json
from collections.abc import Iterable

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.sdk.v1 import WorkflowMetadata

from domain.identifiers import new_id
from embedded.processes import until
from temporal.interactions import workflow_id
from tests.api.support import SILENT, mobile, written_by
from tests.iris import Iris
from workflows import attributes


async def _finds(iris: Iris, query: str, wanted: str) -> bool:
    """Whether a search of the Web UI finds a workflow."""
    return wanted in {found.id async for found in iris.temporal.list_workflows(query)}


async def _until_found(iris: Iris, query: str, wanted: str) -> None:
    """Wait until a search finds a workflow: the server's index is updated asynchronously."""
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
        "IrisUser": sent["users"][0]["id"],
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


async def test_the_workflow_describes_its_message_and_its_outcome(iris: Iris) -> None:
    sent = await iris.send("sms", "34600000001")
    await iris.ended(sent["id"])
    handle = iris.temporal.get_workflow_handle(workflow_id(sent["id"]))
    description = await handle.describe()
    assert await description.static_summary() == "SMS · Sandbox · SMS-1"
    assert sent["processId"] in (await description.static_details() or "")
    assert "| COMPLETED | delivered |" in await details_of(iris, sent["id"])


async def test_nothing_that_the_web_ui_searches_or_lists_names_the_person(iris: Iris) -> None:
    sent = await iris.send("sms", "34638766068")
    description = await iris.temporal.get_workflow_handle(workflow_id(sent["id"])).describe()
    shown = f"{description.typed_search_attributes} {await description.static_summary()} {description.id}"
    assert "34638766068" not in shown


async def details_of(iris: Iris, interaction_id: str) -> str:
    """Return the current details of an interaction's workflow, as the Web UI queries them."""
    handle = iris.temporal.get_workflow_handle(workflow_id(interaction_id))
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return metadata.current_details


async def test_the_last_line_of_the_details_shows_the_pending_wait(iris: Iris) -> None:
    sent = await iris.send("sms", SILENT)
    await iris.until_status(sent["id"], "SENT")
    awaited = (await iris.http.get(f"/v1/interactions/{sent['id']}/explanation")).json()["payload"]["waitsFor"]
    last = (await details_of(iris, sent["id"])).splitlines()[-1]
    assert last == (
        f"**Espera la confirmación de entrega hasta {awaited['until']}; entonces se anotará que no llegó ninguna.**"
    )
    await iris.receive(sent["id"], "delivered")
    await iris.ended(sent["id"])
    assert (await details_of(iris, sent["id"])).splitlines()[-1] == "**No espera nada más.**"


async def test_the_history_names_what_happened_for_its_readers(iris: Iris) -> None:
    sent = await iris.send("whatsapp", SILENT)
    await iris.until_status(sent["id"], "SENT")
    for status in ("delivered", "read"):
        await iris.receive(sent["id"], status)
    await iris.ended(sent["id"])
    history = await iris.temporal.get_workflow_handle(workflow_id(sent["id"])).fetch_history()
    signals, summaries = names_in(history.events)
    assert signals == ["provider event: delivered", "provider event: read"]
    assert summaries[:3] == [
        "validate, find or create the user and the process",
        "send through the provider (sandbox)",
        "record SENT (queued)",
    ]


def names_in(events: Iterable[HistoryEvent]) -> tuple[list[str], list[str]]:
    """Return the names of a history's signals, and the summaries of its activities."""
    signals: list[str] = []
    summaries: list[str] = []
    for event in events:
        if event.HasField("workflow_execution_signaled_event_attributes"):
            signals.append(event.workflow_execution_signaled_event_attributes.signal_name)
        steps = ("marker_recorded_event_attributes", "activity_task_scheduled_event_attributes")
        if any(map(event.HasField, steps)):
            summaries.append(json.loads(event.user_metadata.summary.data))
    return signals, summaries


async def users_of(iris: Iris, interaction_id: str) -> list[str]:
    """Return the users by which an interaction's workflow is found."""
    description = await iris.temporal.get_workflow_handle(workflow_id(interaction_id)).describe()
    return list(description.typed_search_attributes.get(attributes.USERS, ()))


async def test_a_message_is_found_by_its_user_from_the_first_to_the_last_without_a_further_event(iris: Iris) -> None:
    phone = mobile()
    first = await iris.send("sms", phone)
    user_id = first["users"][0]["id"]
    second = await iris.send("whatsapp", phone)
    received = await written_by(iris, phone, {"Type": "simple-text", "Text": "Gracias"})
    for interaction_id in (first["id"], second["id"], received):
        assert await users_of(iris, interaction_id) == [user_id]
        history = await iris.temporal.get_workflow_handle(workflow_id(interaction_id)).fetch_history()
        assert not any(
            event.event_type == EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES for event in history.events
        )
    await _until_found(
        iris, f"IrisUser = '{user_id}' AND WorkflowId = '{workflow_id(received)}'", workflow_id(received)
    )


async def test_a_message_to_several_is_found_by_each_of_them(iris: Iris) -> None:
    addresses = [f"{new_id()}@dominio.com" for _ in range(2)]
    for address in addresses:
        await iris.send("email", address)
    sent = await iris.send("email", "", Destinations=addresses)
    assert await users_of(iris, sent["id"]) == [user["id"] for user in sent["users"]]
    assert len(sent["users"]) == 2


async def test_the_workflow_corrects_an_expected_user(iris: Iris) -> None:
    """Concurrent messages to a new recipient each expect to create the user, and one does."""
    phone = mobile()
    sent = await asyncio.gather(*(iris.send("sms", phone) for _ in range(4)))
    [user_id] = {one["users"][0]["id"] for one in sent}
    for one in sent:
        await iris.ended(one["id"])
        assert await users_of(iris, one["id"]) == [user_id]


async def test_a_run_that_a_late_receipt_begins_is_found_by_the_user_too(iris: Iris) -> None:
    failed = await iris.send("sms", "34600000004")
    await iris.ended(failed["id"])
    await iris.receive(failed["id"], "delivered")
    await iris.until_status(failed["id"], "COMPLETED")
    assert await users_of(iris, failed["id"]) == [failed["users"][0]["id"]]


async def test_a_merge_and_an_erasure_are_found_by_their_users(iris: Iris) -> None:
    stays, goes = [(await iris.send("sms", mobile()))["users"][0]["id"] for _ in range(2)]
    (await iris.http.post(f"/v1/users/{stays}/merge", json={"from": goes})).raise_for_status()
    await _until_found(iris, f"IrisUser = '{stays}' AND WorkflowType = 'Merge'", f"merge-{goes}")
    await _until_found(iris, f"IrisUser = '{goes}' AND WorkflowType = 'Merge'", f"merge-{goes}")
