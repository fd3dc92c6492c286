"""`dryRun`: checks and answers like a send, without sending, storing or creating anything."""

from typing import Any

import pytest
from temporalio.service import RPCError

from api.routes.interactions.dry_run import DRY_RUN_DETAIL
from domain.identifiers import new_id, workflow_id
from models.interaction import Interaction
from models.process import Process
from models.user import User
from tests.api.routes.interactions.test_rejections import REJECTIONS
from tests.api.support import mobile, reasons, states, verdicts
from tests.iris import Iris


async def dry_run(iris: Iris, channel: str, destination: str, **changes: object) -> dict[str, Any]:
    """The interaction that a send would make."""
    response = await iris.post(iris.request(channel, destination, dryRun=True, **changes))
    assert response.status_code == 200, response.text
    assert response.json()["detail"] == DRY_RUN_DETAIL
    return response.json()["payload"]


async def is_nowhere(iris: Iris, interaction_id: str) -> bool:
    """Whether an interaction is neither in MongoDB, nor in Temporal, nor at the gateway."""
    try:
        await iris.temporal.get_workflow_handle(workflow_id(interaction_id)).describe()
    except RPCError:
        stored = await Interaction.find({"_id": interaction_id}).count()
        return not stored and not await verdicts(iris, interaction_id)
    return False


async def test_it_answers_what_a_send_would_and_leaves_no_trace(iris: Iris) -> None:
    number = mobile()
    would_be = await dry_run(iris, "sms", number, metadata={"ref": "A1"})
    assert (would_be["dryRun"], would_be["createsUser"], would_be["createsProcess"]) == (True, True, True)
    assert (would_be["users"], would_be["processId"], would_be["processSummary"]) == ([], None, None)
    assert await is_nowhere(iris, would_be["id"])
    assert not await User.find({"destinations.value": number}).count()
    assert (await iris.http.get(f"/v1/interactions/{would_be['id']}")).status_code == 404
    sent = await iris.send("sms", number, metadata={"ref": "A1"})
    assert not await is_nowhere(iris, sent["id"])
    made = {"id", "users", "processId", "processSummary", "destinations", "auditTrail"}
    marks = {"dryRun", "createsUser", "createsProcess"}
    assert would_be.keys() - sent.keys() == marks
    assert {name: would_be[name] for name in sent.keys() - made} == {name: sent[name] for name in sent.keys() - made}
    assert sent["metadata"] == {"ref": "A1", "sms": {"encoding": "GSM-7", "segments": 1}}
    assert states(would_be) == states(sent)


async def test_it_names_the_user_and_the_process_that_there_are_and_changes_neither(iris: Iris) -> None:
    sent = await iris.send("sms", mobile())
    number = sent["destinations"][0]["value"]
    process = await Process.find_one({"_id": sent["processId"]})
    would_be = await dry_run(iris, "sms", f"+{number}", processId=sent["processId"])
    assert (would_be["createsUser"], would_be["createsProcess"]) == (False, False)
    for name in ("users", "destinations", "processId", "processSummary", "isLastEntry"):
        assert would_be[name] == sent[name], name
    assert await Process.find_one({"_id": sent["processId"]}) == process


@pytest.mark.parametrize(("channel", "changes", "status", "expected"), REJECTIONS.values(), ids=REJECTIONS.keys())
async def test_it_refuses_what_a_send_refuses_and_does_not_record_it(
    iris: Iris, channel: str, changes: dict[str, Any], status: int, expected: list[tuple[str, str]]
) -> None:
    destination = {"email": f"{new_id()}@example.com", "messenger": "7654321098765432"}.get(channel, mobile())
    body = iris.request(channel, destination) | changes
    response = await iris.post({**body, "DRYRUN": True})
    assert reasons(response, status) == expected
    refused = response.json()["payload"]
    assert (refused["dryRun"], refused["status"]) == (True, "VALIDATION_ERROR")
    assert not await Interaction.find({"_id": refused["id"]}).count()


@pytest.mark.parametrize("wrong", ["yes", 1, {}])
async def test_one_that_is_no_boolean_is_refused_and_not_recorded(iris: Iris, wrong: object) -> None:
    response = await iris.post(iris.request("sms", mobile(), dryRun=wrong))
    assert reasons(response, 422) == [("dryRun", "wrong_type")]
    assert not await Interaction.find({"_id": response.json()["payload"]["id"]}).count()


@pytest.mark.parametrize("absent", [None, False])
async def test_without_it_the_same_key_sends(iris: Iris, absent: object) -> None:
    key, body = new_id(), iris.request("sms", mobile())
    would_be = (await iris.post({**body, "dryRun": True}, **{"Idempotency-Key": key})).json()["payload"]
    sent = await iris.post({**body, "dryRun": absent}, **{"Idempotency-Key": key})
    assert "Idempotent-Replayed" not in sent.headers
    assert sent.json()["payload"]["id"] == would_be["id"]
    assert "dryRun" not in sent.json()["payload"]
    again = await iris.post(body, **{"Idempotency-Key": key})
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == sent.json()
