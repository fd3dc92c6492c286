"""A changed integration holds from the next send on, although API and worker have cached it as it was."""

import pytest

from models.integration import Integration
from tests.api.support import mobile, reasons
from tests.iris import SANDBOX, Iris


@pytest.fixture
async def integration_id(iris: Iris) -> str:
    """An integration that the API and the worker have cached."""
    integration_id = await iris.sandbox(iris.gateway_url)
    sent = await iris.send("sms", mobile(), integrationId=integration_id)
    await iris.until_status(sent["id"], "COMPLETED")
    return integration_id


async def change(iris: Iris, integration_id: str, **changes: object) -> None:
    response = await iris.http.patch(f"/v1/integrations/{integration_id}", json=changes)
    assert response.status_code == 200, response.text


async def test_one_that_is_enabled_again_sends_at_once(iris: Iris, integration_id: str) -> None:
    body = iris.request("sms", mobile(), integrationId=integration_id)
    for _ in range(2):
        await change(iris, integration_id, enabled=False)
        assert reasons(await iris.post(body), 409) == [("integrationId", "integration_disabled")]
        await change(iris, integration_id, enabled=True)
        assert (await iris.post(body)).status_code == 200


async def test_what_another_process_enabled_is_not_refused(iris: Iris, integration_id: str) -> None:
    """Neither the API nor the worker is told of it: nothing is refused by what is cached."""
    body = iris.request("sms", mobile(), integrationId=integration_id)
    await change(iris, integration_id, enabled=False)
    assert (await iris.post(body)).status_code == 409
    integration = await Integration.get(integration_id)
    assert integration is not None
    await integration.change({"enabled": True})
    assert (await iris.post(body)).status_code == 200


async def test_changed_credentials_are_used_by_the_next_send(iris: Iris, integration_id: str) -> None:
    await change(iris, integration_id, credentials={"token": "wrong"})
    refused = await iris.send("sms", mobile(), integrationId=integration_id)
    await iris.until_status(refused["id"], "PROVIDER_SENDING_ERROR")
    await change(iris, integration_id, credentials={"token": SANDBOX.token.get_secret_value()})
    taken = await iris.send("sms", mobile(), integrationId=integration_id)
    await iris.until_status(taken["id"], "COMPLETED")
