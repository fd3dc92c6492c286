"""Reach over the API: replaced as a whole, and the sends that it refuses or reports."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from domain.identifiers import new_id
from embedded.demo import Demo, seed_open_database
from models.audit import AuditEntry
from security.credential_encryption import Vault
from tests.api.account_factories import Town
from tests.api.support import mobile, reasons, refusal
from tests.iris import Iris, calling, demo_settings

REACH = {
    "rules": [{"countries": {"ES": "allow", "*": "block"}}, {"channel": "WhatsApp", "countries": {"FR": "allow"}}],
    "velocity": {"destination": {"limit": 1, "every": "P1D", "action": "block"}},
}
FRENCH = "33612345678"


@pytest.fixture
async def cautious(iris: Iris) -> AsyncIterator[tuple[Demo, httpx2.AsyncClient]]:
    """A tenant with this reach."""
    settings = demo_settings(iris.gateway_url, tenant=f"cautious-{new_id()}")
    demo = await seed_open_database(Vault(iris.settings.vault_keys()), settings)
    async with calling(str(iris.http.base_url), demo.api_key) as http:
        assert (await http.put("/v1/reach", json=REACH)).status_code == 200
        yield demo, http


async def test_reach_is_replaced_as_a_whole_and_what_is_read_can_be_written_again(town: Town) -> None:
    admin = (await town.person()).http
    before = (await admin.get("/v1/reach")).json()["payload"]
    assert (before["rules"], before["monitoredPerDay"], before["version"]) == ([], 100, 0)
    assert (await admin.put("/v1/sending-rules", json={"rules": [], "presets": ["es-marketing"]})).status_code == 200
    written = (await admin.put("/v1/reach", json=REACH)).json()["payload"]
    assert written["rules"][1] == {"channel": "WhatsApp", "category": None, "countries": {"FR": "allow"}}
    assert (written["velocity"]["prefix"], written["version"]) == (None, 2)
    same = {name: written[name] for name in ("rules", "monitoredPerDay", "velocity")}
    again = (await admin.put("/v1/reach", json=same)).json()["payload"]
    assert {name: again[name] for name in same} == same
    assert len((await admin.get("/v1/sending-rules")).json()["payload"]["rules"]) == 2
    assert await AuditEntry.find({"tenant": town.tenant, "operation": "reach.changed"}).count() == 2
    twice = {"rules": [{"countries": {"ES": "allow"}}, {"countries": {"FR": "allow"}}]}
    assert reasons(await admin.put("/v1/reach", json=twice), 422) == [("rules[1]", "duplicate_rule")]


async def test_a_send_to_a_country_out_of_reach_is_refused(
    iris: Iris, cautious: tuple[Demo, httpx2.AsyncClient]
) -> None:
    demo, http = cautious
    body = iris.request("sms", FRENCH, integrationId=demo.integrations["sms"])
    for is_dry in (False, True):
        response = await http.post("/v1/interactions", json=body | {"dryRun": is_dry})
        assert reasons(response, 409) == [("Destinations[0]", "country_blocked")]
        assert "FR" in refusal(response, 409)["error"][0]["message"]
    asked = {"destination": FRENCH, "channel": "SMS"}
    checked = (await http.post("/v1/sending-rules/check", json=asked)).json()["payload"]
    assert (checked["goes"], checked["code"]) == ("never", "country_blocked")
    allowed = iris.request("whatsapp", FRENCH, integrationId=demo.integrations["whatsapp"], dryRun=True)
    assert (await http.post("/v1/interactions", json=allowed)).status_code == 200


async def test_codes_above_a_limit_are_refused_counted_and_listed(
    iris: Iris, cautious: tuple[Demo, httpx2.AsyncClient]
) -> None:
    demo, http = cautious
    number = mobile()
    body = iris.request("sms", number, integrationId=demo.integrations["sms"], category="authentication")
    invalid = await http.post("/v1/interactions", json=body | {"payLoad": None})
    assert invalid.status_code == 422  # it does not count
    assert (await http.post("/v1/interactions", json=body)).status_code == 200
    refused = await http.post("/v1/interactions", json=body)
    assert reasons(refused, 409) == [("Destinations[0]", "destination_limit_reached")]
    assert (await http.post("/v1/interactions", json=body | {"category": "transactional"})).status_code == 200
    [found] = (await http.get("/v1/reach/reached")).json()["payload"]["items"]
    assert (found["per"], found["subject"], found["limit"], found["action"]) == (
        "destination",
        f"{number[:-4]}****",
        1,
        "block",
    )
    metrics = (await iris.http.get("/metrics")).text
    assert 'iris_reach_limits_reached_total{action="block",per="destination"}' in metrics
