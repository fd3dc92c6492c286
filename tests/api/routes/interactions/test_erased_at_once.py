"""Messages of an erased user are hidden as soon as erasure is requested, before they are redacted."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from activities.erasing import MongoErasures
from activities.interfaces import UserTask
from domain.identifiers import new_id
from models.interaction import Interaction
from queries.consents import Consents
from temporal.interactions import signal_erased
from temporal.strategies import signal_run_erased
from tests.activities.factories import run
from tests.api.routes.test_managing_processes import answered
from tests.api.routes.test_merging_users import merge, merged, number_of
from tests.api.routes.test_users import created
from tests.api.support import reasons
from tests.iris import Iris
from tests.notifications.receiver import receiving
from tests.notifications.test_events import reading
from wire.interactions import InteractionAnswer


@dataclass(frozen=True)
class Said:
    """Messages to a user that was merged into another, which is erased."""

    integration_id: str
    interaction: dict[str, Any]
    word: str
    number: str

    def is_in(self, text: str) -> bool:
        return self.word in text or self.number in text


async def claim(iris: Iris, user_id: str) -> None:
    """Claim a user's erasure, as the request does, without the rest of the erasure."""
    erasures = MongoErasures(
        iris.temporal,
        lambda interaction: InteractionAnswer.of(interaction).on_the_wire(),
        Consents(),
        partial(signal_erased, iris.temporal, iris.settings),
        partial(signal_run_erased, iris.temporal, iris.settings),
    )
    task = UserTask(tenant=iris.demo.tenant, user_id=user_id, erasure_grace_period=iris.settings.erasure_grace_period)
    assert await run(erasures.reserve_erasure, task) == []


async def say(iris: Iris, integration_id: str, number: str, word: str) -> dict[str, Any]:
    payload = {"Type": "simple-text", "Text": word}
    fields = {"metadata": {"a": word}, "primaryKey": {"b": word}}
    sent = await iris.send("sms", number, integrationId=integration_id, payLoad=payload, **fields)
    await iris.until_status(sent["id"], "COMPLETED")
    await iris.ended(sent["id"])
    return sent


async def erased(iris: Iris) -> Said:
    integration_id, word = await iris.sandbox(iris.gateway_url), new_id()
    stays, goes = await created(iris), await created(iris)
    sent = await say(iris, integration_id, number_of(goes), word)
    await answered(await merge(iris, stays["id"], goes["id"]))
    await merged(iris, goes["id"])
    # As if the merge had not processed it yet.
    ids = {"user_ids": [goes["id"]], "destinations.0.user_id": goes["id"]}
    await Interaction.collection().update_one({"_id": sent["id"]}, {"$set": ids})
    await claim(iris, stays["id"])
    return Said(integration_id, sent, word, number_of(goes))


@pytest.fixture
async def said(iris: Iris) -> Said:
    return await erased(iris)


async def test_no_answer_has_it(iris: Iris, said: Said) -> None:
    sent = said.interaction
    paths = (
        f"/v1/interactions/{sent['id']}",
        f"/v1/interactions/{sent['id']}/explanation",
        f"/v1/interactions?integrationId={said.integration_id}",
        f"/v1/processes/{sent['processId']}/interactions",
    )
    for path in paths:
        response = await iris.http.get(path)
        assert response.status_code == 200, response.text
        assert sent["id"] in response.text
        assert not said.is_in(response.text), path
    vendors = await iris.http.post(f"/conversation/interaction/{sent['id']}")
    assert (await answered(vendors))["payload"] == {}


async def test_it_is_not_sent_again(iris: Iris, said: Said) -> None:
    path = f"/v1/interactions/{said.interaction['id']}/resend"
    for force in (False, True):
        assert reasons(await iris.http.post(path, json={"force": force}), 409) == [("id", "no_content")]


async def test_the_event_stream_does_not_have_it(iris: Iris, said: Said) -> None:
    url = f"{iris.http.base_url}/v1/events".replace("//v1", "/v1")
    async with reading(iris.http, url, integrationId=said.integration_id) as stream:
        await iris.receive(said.interaction["id"], "read", to=[said.number], detail=said.word)
        (event,) = await stream.take(1)
    assert event.data["Payload"]["id"] == said.interaction["id"]
    assert not said.is_in(str(event.data))


async def test_a_pending_notification_does_not_have_it(iris: Iris) -> None:
    integration_id, word, user = await iris.sandbox(iris.gateway_url), new_id(), await created(iris)
    async with receiving() as receiver:
        receiver.status = 503
        body = {"Url": receiver.url, "Subscriptions": ["INTERACTION_OUT_CREATED_EVT"]}
        assert (await iris.http.put(f"/v1/integrations/{integration_id}/webhook", json=body)).is_success
        sent = await say(iris, integration_id, number_of(user), word)
        (first, *_) = await receiver.calls_of(1)
        assert word in first.body.decode()
        await claim(iris, user["id"])
        before, receiver.status = len(receiver.calls), 204
        shown = await answered(await iris.http.get(f"/v1/notifications/{first.id}"))
        assert shown["body"] is None
        again = (await receiver.calls_of(before + 1))[before]
    assert (again.id, sent["id"] in again.body.decode()) == (first.id, True)
    assert not Said(integration_id, sent, word, number_of(user)).is_in(again.body.decode())


async def test_of_several_users_the_erased_one_is_left_out_and_the_others_keep_what_was_said(iris: Iris) -> None:
    goes, stays = [await created(iris, primaryKey={"Email": [f"{new_id()}@dominio.com"]}) for _ in range(2)]
    addresses = [user["primaryKey"]["Email"][0] for user in (goes, stays)]
    sent = await iris.send("email", addresses[0], Destinations=addresses)
    await iris.until_status(sent["id"], "COMPLETED")
    await claim(iris, goes["id"])
    seen = await iris.read(sent["id"])
    assert seen["payload"] == sent["payload"]
    assert addresses[0] not in str(seen)
    again = await answered(await iris.http.post(f"/v1/interactions/{sent['id']}/resend", json={"force": True}))
    assert [one["value"] for one in again["destinations"]] == [addresses[1]]
