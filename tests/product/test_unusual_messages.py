"""Unusual inbound messages: to groups, with NUL characters, or batched with an invalid item."""

import json
from typing import Any, Final

import pytest

from domain.identifiers import new_id
from models.unmatched import UnmatchedEvent
from providers.meta import Meta
from tests.product.fake_providers import ONE_OF_EACH, label
from tests.product.provider_lines import Line
from tests.providers.fake_providers.meta import Messenger

WHATSAPP: Final = [one for one in ONE_OF_EACH if one.provider is Meta and not issubclass(one, Messenger)]
on_whatsapp = pytest.mark.parametrize("line", WHATSAPP, ids=label, indirect=True)
one_of_each = pytest.mark.parametrize("line", ONE_OF_EACH, ids=label, indirect=True)


def messages_of(content: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a webhook of Meta's
    return content["entry"][0]["changes"][0]["value"]["messages"]


async def written_to_a_group(line: Line, sender: str, group_id: str) -> dict[str, Any]:
    message_id = new_id()
    content = json.loads(line.simulator.text(sender, "Hola a todos", message_id))
    messages_of(content)[0]["group_id"] = group_id
    await line.post_accepted(line.webhook(json.dumps(content).encode()))
    return await line.came_in(message_id)


@on_whatsapp
async def test_a_message_to_a_group_is_marked_and_joins_no_private_conversation(line: Line) -> None:
    ana, bruno, group_id = line.somebody(), line.somebody(), new_id()
    private = await line.receive_message(ana, "Hola")
    in_group = [await written_to_a_group(line, sender, group_id) for sender in (ana, bruno)]
    elsewhere = await written_to_a_group(line, ana, new_id())
    again = await line.receive_message(ana, "¿Hola?")

    assert again["processId"] == private["processId"]
    assert [one["processId"] for one in in_group] == [in_group[0]["processId"]] * 2
    assert len({private["processId"], in_group[0]["processId"], elsewhere["processId"]}) == 3
    for one in in_group:
        assert one["metadata"]["groupId"] == group_id
        assert [destination["group"] for destination in one["destinations"]] == [group_id]
    assert "groupId" not in private["metadata"]
    process = await line.iris.http.get(f"/v1/processes/{in_group[0]['processId']}")
    said = process.json()["payload"]
    assert (said["groupId"], len(said["userIds"])) == (group_id, 2)


@one_of_each
async def test_a_text_with_a_nul_is_not_lost(line: Line) -> None:
    message_id = new_id()
    text = "corte" if line.channel == "Email" else "cor\x00te"
    await line.post_accepted(line.webhook(line.simulator.text(line.somebody(), text, message_id)))
    payload = (await line.came_in(message_id))["payload"]
    assert payload.get("Text", payload.get("Body")) == text


@on_whatsapp
async def test_an_unreadable_item_is_stored_and_the_rest_is_processed(line: Line) -> None:
    message_id, marker = new_id(), new_id()
    content = json.loads(line.simulator.text(line.somebody(), "Hola", message_id))
    messages_of(content).insert(0, {"id": marker, "type": "text", "text": {"body": "de nadie"}})
    await line.post_accepted(line.webhook(json.dumps(content).encode()))
    assert (await line.came_in(message_id))["payload"]["Text"] == "Hola"
    [kept] = await UnmatchedEvent.find({"integration_id": line.integration_id, "body": {"$regex": marker}}).to_list()
    assert kept.reason.startswith("unreadable: ")
    assert json.loads(kept.body or "")["id"] == marker
