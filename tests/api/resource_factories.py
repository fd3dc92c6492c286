"""Factories of one of each resource, by the parameter names of the API's paths, queries and bodies."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from domain.clock import to_wire, utc_now
from domain.identifiers import new_id
from domain.webhook_events import NotificationState, WebhookEventType
from embedded.demo import Demo, seed_open_database
from embedded.processes import until
from models.access import Account
from models.notification import Notification
from security.credential_encryption import Vault
from tests.api.account_factories import PASSWORD
from tests.api.support import SILENT, mobile
from tests.iris import Iris, demo_settings
from tests.plain_http import plain_client


@dataclass(frozen=True)
class Owner:
    """A tenant with one of each resource.

    Attributes:
        mark: a word in all its resources, which no other tenant may see.
        ids: ids of its resources, by parameter name.
    """

    demo: Demo
    http: httpx2.AsyncClient
    mark: str
    ids: dict[str, str]

    async def made(self, path: str, body: object) -> dict[str, Any]:
        """Create a resource and return it."""
        response = await self.http.post(path, json=body)
        assert response.is_success, response.text
        return response.json()["payload"]


async def _integration(owner: Owner, _: Iris) -> Mapping[str, str]:
    integration_id = owner.demo.integrations["sms"]
    changed = await owner.http.patch(f"/v1/integrations/{integration_id}", json={"name": owner.mark})
    assert changed.status_code == 200, changed.text
    return {"integration_id": integration_id, "provider": "sandbox"}


async def _interaction(owner: Owner, iris: Iris) -> Mapping[str, str]:
    payload = {"Type": "simple-text", "Text": owner.mark}
    ours = {"integrationId": owner.demo.integrations["sms"], "payLoad": payload}
    sent = await owner.made("/v1/interactions", iris.request("sms", SILENT, **ours))

    async def is_sent() -> bool:
        return (await owner.http.get(f"/v1/interactions/{sent['id']}")).json()["payload"]["status"] == "SENT"

    await asyncio.wait_for(until(is_sent), 60)
    changed = await owner.http.patch(f"/v1/processes/{sent['processId']}", json={"metadata": {"word": owner.mark}})
    assert changed.status_code == 200, changed.text
    return {"interaction_id": sent["id"], "process_id": sent["processId"], "resend_of": sent["id"]}


async def _user(owner: Owner, _: Iris) -> Mapping[str, str]:
    number = mobile()
    user = await owner.made("/v1/users", {"name": owner.mark, "primaryKey": {"PhoneNumber": [number]}})
    return {"user_id": user["id"], "kind": "PhoneNumber", "value": number}


async def _template(owner: Owner, _: Iris) -> Mapping[str, str]:
    payload = {"Type": "simple-text", "Text": owner.mark}
    template = await owner.made("/v1/templates", {"name": owner.mark, "channel": "SMS", "payload": payload})
    return {"template_id": template["id"]}


async def _consent(owner: Owner, _: Iris) -> Mapping[str, str]:
    body = {"destination": mobile(), "category": "all", "state": "out", "text": owner.mark}
    response = await owner.http.put("/v1/consents", json=body)
    assert response.is_success, response.text
    return {"consent_id": response.json()["payload"]["id"]}


async def _attachment(owner: Owner, _: Iris) -> Mapping[str, str]:
    path, header = f"/v1/attachments?fileName={owner.mark}.txt", {"Content-Type": "text/plain"}
    response = await owner.http.post(path, content=owner.mark.encode(), headers=header)
    assert response.is_success, response.text
    return {"attachment_id": response.json()["payload"]["id"], "token": "made-up"}


async def _run(owner: Owner, _: Iris) -> Mapping[str, str]:
    payload = {"Type": "simple-text", "Text": owner.mark}
    step = {"integrationId": owner.ids["integration_id"], "payLoad": payload, "deadline": "PT1H"}
    sent = await owner.made("/v1/interactions", {"strategy": {"steps": [step, step]}, "Destinations": [mobile()]})
    strategy = await owner.made("/v1/strategies", {"name": owner.mark, "steps": [step, step]})
    return {"run_id": sent["strategy"]["runId"], "strategy_id": strategy["id"]}


async def _access(owner: Owner, _: Iris) -> Mapping[str, str]:
    new = {"email": f"{owner.mark}@iris.example.com", "password": PASSWORD, "role": "reader"}
    account = await owner.made("/v1/accounts", new)
    key = await owner.made("/v1/api-keys", {"name": owner.mark, "accountId": account["id"]})
    return {"account_id": account["id"], "key_id": key["id"], "thing_id": account["id"]}


async def _notification(owner: Owner, iris: Iris) -> Mapping[str, str]:
    path = f"/v1/integrations/{owner.ids['integration_id']}/webhook"
    endpoint = {"Url": f"{iris.gateway_url}/{owner.mark}", "Subscriptions": ["*"]}
    assert (await owner.http.put(path, json=endpoint)).is_success
    notification = Notification(
        tenant=owner.demo.tenant,
        integration_id=owner.ids["integration_id"],
        interaction_id=owner.ids["interaction_id"],
        event=WebhookEventType.OUT_CREATED,
        position=0,
        host="127.0.0.1",
        created=utc_now(),
        body=json.dumps(owner.mark),
        state=NotificationState.DELIVERED,
        began=utc_now(),
        next_attempt=None,
    )
    await notification.insert()
    redelivery = await owner.made(f"{path}/redeliveries", {"Since": to_wire(utc_now())})
    return {"notification_id": notification.id, "redelivery_id": redelivery["id"]}


MAKERS: tuple[Callable[[Owner, Iris], Awaitable[Mapping[str, str]]], ...] = (
    _integration,
    _interaction,
    _user,
    _template,
    _run,
    _consent,
    _attachment,
    _access,
    _notification,
)
"""Factories of each resource, which return ids by parameter name. A new resource adds its factory here."""


async def owner_of_everything(iris: Iris, name: str) -> Owner:
    """Create a tenant with one of each resource; the caller closes its client."""
    mark = new_id()
    settings = demo_settings(iris.gateway_url, f"{name}-{mark}")
    demo = await seed_open_database(Vault(iris.settings.vault_keys()), settings)
    headers = {"Authorization": f"Bearer {demo.api_key}"}
    http = plain_client(base_url=iris.http.base_url, headers=headers, timeout=30)
    owner = Owner(demo, http, mark, {})
    for make in MAKERS:
        owner.ids.update(await make(owner, iris))
    return owner


async def reader_of(owner: Owner) -> str:
    """An API key that may only read."""
    reader = await Account.find_one({"_id": owner.ids["account_id"]})
    assert reader is not None
    return (await owner.made("/v1/api-keys", {"name": "reader", "accountId": reader.id}))["key"]
