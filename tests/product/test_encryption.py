"""With payload keys, readers of the workflows' histories cannot read a message, and the keys can be changed."""

import base64
import re
from collections.abc import AsyncIterator
from typing import Final

import pytest
from google.protobuf.message import Message
from pydantic import SecretStr
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    ListWorkflowExecutionsRequest,
    QueryWorkflowRequest,
)
from temporalio.client import Client

from api.app import create_app
from embedded.gateway.server import running
from embedded.temporal_server import TemporalServer
from models.integration import Integration
from temporal.interactions import workflow_id
from tests.api.support import written_by
from tests.iris import Iris, running_iris

OLD, NEW = (base64.urlsafe_b64encode(bytes([byte]) * 32).decode() for byte in (3, 4))
TEXT: Final = "Su cita de oncología es mañana"
PHONE: Final = "34638766071"
NAME: Final = "Aurora Marcada"
KEY_ID: Final = re.compile(rb"encryption-key-id\x12\x10([0-9a-f]{16})")


@pytest.fixture(scope="module")
async def encrypted(mongodb_uri: str, temporal_server: TemporalServer, database_name: str) -> AsyncIterator[Iris]:
    database = f"{database_name}_encrypted"
    async with running_iris(mongodb_uri, temporal_server.address, database, payload_keys=f"{NEW},{OLD}") as iris:
        yield iris


class Keeper:
    """An operator of the Temporal server, who can read all its data and responses, without a key."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @classmethod
    async def of(cls, iris: Iris) -> "Keeper":
        return cls(await Client.connect(iris.settings.temporal_address))

    async def history(self, interaction_id: str) -> bytes:
        history = await self._client.get_workflow_handle(workflow_id(interaction_id)).fetch_history()
        return b"\n".join(event.SerializeToString() for event in history.events)

    async def everything(self, interaction_id: str) -> bytes:
        """The history, the Web UI's description and list, and the responses to its queries."""
        execution = WorkflowExecution(workflow_id=workflow_id(interaction_id))
        service, listed = self._client.workflow_service, f"WorkflowId = '{execution.workflow_id}'"
        answers: list[Message] = [
            await service.describe_workflow_execution(
                DescribeWorkflowExecutionRequest(namespace="default", execution=execution)
            ),
            await service.list_workflow_executions(ListWorkflowExecutionsRequest(namespace="default", query=listed)),
        ]
        for question in ("__temporal_workflow_metadata", "__stack_trace"):
            query = WorkflowQuery(query_type=question)
            asked = QueryWorkflowRequest(namespace="default", execution=execution, query=query)
            answers.append(await service.query_workflow(asked))
        return b"\n".join([await self.history(interaction_id), *(answer.SerializeToString() for answer in answers)])


def legible(kept: bytes) -> list[str]:
    """The marks that can be read in a text."""
    return [mark for mark in (TEXT, "oncolog", PHONE, NAME, "Aurora") if mark.encode() in kept]


def saying(text: str) -> dict[str, str]:
    return {"Type": "simple-text", "Text": text}


async def test_contents_and_recipients_cannot_be_read_without_a_key(encrypted: Iris) -> None:
    received = await written_by(encrypted, PHONE, saying(TEXT), NAME)
    sent = await encrypted.send("sms", PHONE, payLoad=saying(TEXT))
    await encrypted.until_status(sent["id"], "COMPLETED", "delivered")
    refused = await encrypted.post(encrypted.request("sms", PHONE, payLoad=saying(TEXT), AutoCreateProcess=False))
    assert refused.json()["payload"]["status"] == "VALIDATION_ERROR"
    keeper = await Keeper.of(encrypted)
    for interaction_id in (received, sent["id"], refused.json()["payload"]["id"]):
        await encrypted.ended(interaction_id)
        assert legible(await keeper.everything(interaction_id)) == []


@pytest.mark.parametrize("character", ['"', "€", "😀"])
async def test_no_summary_is_larger_than_temporal_takes(encrypted: Iris, character: str) -> None:
    integration = await Integration.get(await encrypted.sandbox(encrypted.gateway_url))
    assert integration is not None
    integration.name = character * 100
    await integration.save()
    payload = saying(character * 60)
    sent = await encrypted.send("sms", "34600000001", integrationId=integration.id, payLoad=payload)
    await encrypted.ended(sent["id"])
    summary = await (await encrypted.temporal.get_workflow_handle(workflow_id(sent["id"])).describe()).static_summary()
    assert summary is not None
    assert summary.startswith(f"→ 34600000001 · {character}")


async def test_error_messages_are_encrypted_too(encrypted: Iris) -> None:
    sent = await encrypted.send("sms", "34600000005")
    await encrypted.until_status(sent["id"], "COMPLETED", "delivered")
    history = await (await Keeper.of(encrypted)).history(sent["id"])
    assert b"Encoded failure" in history
    assert b"Traceback" not in history
    assert b"throttled" not in history


async def test_a_support_person_with_the_keys_reads_the_summaries(encrypted: Iris) -> None:
    sent = await encrypted.send("sms", "34600000001")
    await encrypted.ended(sent["id"])
    handle = encrypted.temporal.get_workflow_handle(workflow_id(sent["id"]))
    summary = await (await handle.describe()).static_summary()
    assert summary == "→ 34600000001 · Su cita es mañana a las 10:00 · SMS · Sandbox · SMS-1"
    assert "| COMPLETED | delivered |" in str(await handle.query("__temporal_workflow_metadata"))


async def test_a_run_goes_on_under_a_new_key_where_an_old_one_began_it(
    mongodb_uri: str, temporal_server: TemporalServer, database_name: str
) -> None:
    where = mongodb_uri, temporal_server.address, f"{database_name}_rotated"
    async with running_iris(*where) as before_encryption:
        first = await before_encryption.send("sms", "34600000010", payLoad=saying(TEXT))
        await before_encryption.until_status(first["id"], "SENT")
        assert legible(await (await Keeper.of(before_encryption)).everything(first["id"])) == [TEXT, "oncolog"]
    async with running_iris(*where, payload_keys=OLD) as before:
        second = await before.send("sms", "34600000010")
        await before.until_status(second["id"], "SENT")
    async with running_iris(*where, payload_keys=f"{NEW},{OLD}") as after:
        keeper = await Keeper.of(after)
        for begun, most_keys in ((first, 1), (second, 2)):
            await after.receive(begun["id"], "delivered")
            await after.until_status(begun["id"], "COMPLETED", "delivered")
            await after.ended(begun["id"])
            assert len(set(KEY_ID.findall(await keeper.history(begun["id"])))) == most_keys


@pytest.mark.parametrize("keys", [OLD, ""], ids=["another", "none"])
async def test_an_api_that_lacks_the_workers_key_answers_that_the_message_is_registered(
    encrypted: Iris, keys: str
) -> None:
    settings = encrypted.settings.model_copy(update={"payload_keys": SecretStr(keys)})
    body = encrypted.request("sms", "34600000001")
    async with running(create_app(settings)) as url:
        answer = await encrypted.http.post(f"{url}/v1/interactions", json=body)
    assert (answer.status_code, answer.json()["payload"]["status"]) == (200, "VALIDATION_PENDING")
