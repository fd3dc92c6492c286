"""The tenant's endpoint of the fault tests records each delivery, and rejects unsigned ones."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx2
import pytest

from bench.faults.endpoint import UNKNOWN, ledger
from bench.faults.environment import TenantEndpoint
from domain.clock import utc_now
from domain.signing import new_secret, signature_headers
from embedded.ports import LOOPBACK, free_port

INTEGRATION: Final = "67c98902c362797495a602c6"
SECRET: Final = new_secret()
BODY: Final = json.dumps(
    {
        "Event": "INTERACTION_STATUSCHANGED_EVT",
        "Created": "2026-07-21T10:30:01.000Z",
        "Payload": {"id": "i", "status": "SENT", "customStatus": "queued", "auditTrail": {"history": [{}, {}, {}]}},
    }
).encode()


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[TenantEndpoint]:
    endpoint = TenantEndpoint(tmp_path, free_port())
    endpoint.secrets.write_text(json.dumps({INTEGRATION: SECRET}))
    async with endpoint:
        yield endpoint


async def deliver(endpoint: TenantEndpoint, secret: str) -> int:
    headers = signature_headers([secret], "w", utc_now(), BODY)
    async with httpx2.AsyncClient(trust_env=False) as http:
        url = f"http://{LOOPBACK}:{endpoint.port}/{INTEGRATION}"
        return (await http.post(url, content=BODY, headers=dict(headers))).status_code


async def test_deliveries_are_recorded_also_by_a_killed_endpoint(endpoint: TenantEndpoint) -> None:
    assert await deliver(endpoint, SECRET) == 200
    await endpoint.kill()
    await endpoint.start()
    assert await deliver(endpoint, SECRET) == 200
    delivery, again = ledger(endpoint.ledger)
    assert delivery == again
    assert (delivery.interaction_id, delivery.webhook_id, delivery.problem) == ("i", "w", "")
    assert delivery.thing == (2, "INTERACTION_STATUSCHANGED_EVT", "SENT", "queued")


async def test_a_foreign_signature_is_refused_and_recorded(endpoint: TenantEndpoint) -> None:
    assert await deliver(endpoint, new_secret()) == 400
    (delivery,) = ledger(endpoint.ledger)
    assert delivery.interaction_id == UNKNOWN
    assert delivery.problem
