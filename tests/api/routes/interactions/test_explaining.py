"""Explanation of an interaction: its progress, pending waits and workflow state."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from temporalio.client import Client

from domain.clock import to_wire, utc_now
from domain.explaining import CUSTOM_STATUSES, STATUSES, explained, failing
from domain.identifiers import new_id, workflow_id
from domain.status import InteractionState, Status
from domain.texts import Language
from embedded.ports import free_port
from embedded.processes import until
from embedded.temporal_server import TemporalServer
from temporal.inspection import WorkflowState, WorkflowView, view_workflow
from tests.api.support import ABSENT_ID, SILENT, mobile, reasons, verdicts
from tests.iris import Iris

REFUSED, THROTTLED = "34600000003", "34600000005"


async def explanation(iris: Iris, interaction_id: str, language: str = "es") -> dict[str, Any]:
    response = await iris.http.get(
        f"/v1/interactions/{interaction_id}/explanation", headers={"Accept-Language": language}
    )
    assert response.status_code == 200, response.text
    return response.json()["payload"]


async def test_a_sent_message_states_its_wait_its_deadline_and_what_follows(iris: Iris) -> None:
    sent = await iris.send("sms", SILENT)
    await iris.until_status(sent["id"], "SENT")
    seen = await explanation(iris, sent["id"])
    until_when = seen["waitsFor"]["until"]
    assert seen["waitsFor"]["awaited"] == "delivery"
    assert seen["explanation"] == (
        f"El proveedor la tiene. Espera la confirmación de entrega hasta {until_when}; "
        "entonces se anotará que no llegó ninguna."
    )
    assert (seen["isFinal"], seen["mayStillArrive"]) == (False, True)
    assert seen["workflow"] == {
        "id": f"interaction-{sent['id']}",
        "state": "running",
        "failingSince": None,
        "attempt": None,
    }
    english = await explanation(iris, sent["id"], "en")
    assert english["explanation"].startswith("The provider has it. It waits for the receipt of delivery until")


async def test_a_retried_message_states_the_reason_and_the_time(iris: Iris) -> None:
    sent = await iris.send("sms", THROTTLED)
    seen: dict[str, Any] = {}

    async def waits() -> bool:
        seen.update(await explanation(iris, sent["id"]))
        attempt = seen["workflow"]["attempt"]
        return attempt is not None and attempt["nextTry"] is not None

    await until(waits)
    attempt = seen["workflow"]["attempt"]
    assert seen["waitsFor"]["awaited"] == "send"
    assert attempt["number"] == len(await verdicts(iris, sent["id"])) + 1
    assert not attempt["isUnderWay"]
    assert attempt["lastFailure"].startswith("NotAccepted: ")


async def test_a_refused_message_states_the_reason_and_waits_for_nothing(iris: Iris) -> None:
    sent = await iris.send("sms", REFUSED)
    await iris.until_status(sent["id"], "PROVIDER_SENDING_ERROR")
    await iris.ended(sent["id"])
    seen = await explanation(iris, sent["id"])
    assert seen["explanation"] == "El proveedor la rechazó. No espera nada más."
    assert "recipient_refused" in seen["reason"]
    assert (seen["waitsFor"], seen["isFinal"], seen["mayStillArrive"]) == (None, True, False)
    assert (seen["workflow"]["state"], seen["workflow"]["attempt"]) == ("ended", None)


async def test_a_resent_message_and_its_original_name_each_other(iris: Iris) -> None:
    sent = await iris.send("sms", mobile())
    await iris.until_status(sent["id"], "COMPLETED")
    again = (await iris.http.post(f"/v1/interactions/{sent['id']}/resend", json={})).json()["payload"]
    first, second = await explanation(iris, sent["id"]), await explanation(iris, again["id"])
    assert (first["resendOf"], first["resentAs"]) == (None, [again["id"]])
    assert (second["resendOf"], second["resentAs"]) == (sent["id"], [])


async def test_an_unreachable_engine_makes_the_workflow_unavailable(tmp_path: Path) -> None:
    async with TemporalServer(free_port(), tmp_path / "temporal.log") as server:
        client = await Client.connect(server.address)
        assert await view_workflow(client, ABSENT_ID) == WorkflowView(WorkflowState.LOST)
    assert await view_workflow(client, ABSENT_ID) == WorkflowView(WorkflowState.UNAVAILABLE)


async def test_absent_and_foreign_interactions_are_not_found(iris: Iris, stranger: httpx2.AsyncClient) -> None:
    sent = await iris.send("sms", mobile())
    for response in (
        await iris.http.get(f"/v1/interactions/{ABSENT_ID}/explanation"),
        await stranger.get(f"/v1/interactions/{sent['id']}/explanation"),
    ):
        assert reasons(response, 404) == [("id", "not_found")]


@pytest.mark.parametrize("language", Language)
def test_every_status_is_explained_in_every_language(language: Language) -> None:
    said = {explained(InteractionState(status=status), None, language) for status in Status}
    said |= {
        explained(InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status=word), None, language)
        for word in CUSTOM_STATUSES
    }
    assert len(said) == len(STATUSES) + len(CUSTOM_STATUSES)


async def test_a_workflow_whose_code_fails_says_so_and_since_when(iris: Iris) -> None:
    """As after a deployment of a worker that is incompatible with an open interaction's history."""
    failing_id, began = new_id(), utc_now()
    handle = await iris.temporal.start_workflow(
        "NoSuchWorkflow",
        id=workflow_id(failing_id),
        task_queue=iris.settings.task_queue,
        task_timeout=timedelta(seconds=1),
    )

    async def is_failing() -> bool:
        return (await view_workflow(iris.temporal, failing_id)).state is WorkflowState.FAILING

    try:
        await asyncio.wait_for(until(is_failing), 60)
        view = await view_workflow(iris.temporal, failing_id)
    finally:
        await handle.terminate()
    assert view.failing_since is not None
    assert abs(view.failing_since - began) < timedelta(seconds=10)
    assert to_wire(view.failing_since) in failing(view.failing_since, Language.ENGLISH)
