"""Unsubscribe links: a page that changes nothing, and the one-click call of RFC 8058."""

import httpx2

from domain.destinations import Destination, DestinationKind
from domain.identifiers import new_id
from models.consent import Consent
from queries.consents import Consents
from tests.api.support import ABSENT_ID, reasons
from tests.iris import Iris
from tests.plain_http import plain_client

ONE_CLICK = {"Content-Type": "application/x-www-form-urlencoded"}


async def link_to(iris: Iris, address: str, interaction_id: str) -> str:
    """The path of the link that a message of the demo has."""
    destination = Destination(key=DestinationKind.EMAIL, value=address)
    integration_id = iris.demo.integrations["email"]
    return f"/u/{await Consents().unsubscribe_token(iris.demo.tenant, integration_id, interaction_id, destination)}"


async def clicked(http: httpx2.AsyncClient, link: str) -> httpx2.Response:
    """The call of a mail service, which has no key and no cookie."""
    return await http.post(link, content=b"List-Unsubscribe=One-Click", headers=ONE_CLICK)


async def test_the_page_changes_nothing_and_one_click_unsubscribes_once(iris: Iris) -> None:
    address = f"ana-{new_id()}@example.com"
    sent = await iris.send("email", address, category="marketing")
    link = await link_to(iris, address, sent["id"])
    async with plain_client(base_url=iris.http.base_url) as http:
        shown = await http.get(link, headers={"Accept-Language": "en"})
        assert shown.status_code == 200
        assert '<html lang="en">' in shown.text
        assert "Do you want to stop receiving" in shown.text
        assert address not in shown.text
        assert "<script" not in shown.text
        policy = shown.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert '<html lang="es">' in (await http.get(link)).text
        await iris.send("email", address, category="marketing")
        for _ in range(2):
            assert (await clicked(http, link)).status_code == 200
    refused = await iris.post(iris.request("email", address, category="marketing"))
    assert reasons(refused, 409) == [("Destinations[0]", "recipient_opted_out")]
    await iris.send("email", address)
    listed = await iris.http.get("/v1/consents", params={"destination": address})
    [consent] = listed.json()["payload"]["items"]
    assert (consent["source"], consent["scope"], consent["category"], consent["state"]) == (
        *("one_click", "sender", "marketing", "out"),
    )
    assert (consent["evidence"]["interactionId"], len(consent["history"])) == (sent["id"], 1)


async def test_the_link_of_an_erased_message_still_unsubscribes(iris: Iris) -> None:
    address = f"ana-{new_id()}@example.com"
    async with plain_client(base_url=iris.http.base_url) as http:
        assert (await clicked(http, await link_to(iris, address, ABSENT_ID))).status_code == 200
    refused = await iris.post(iris.request("email", address, category="marketing"))
    assert reasons(refused, 409) == [("Destinations[0]", "recipient_opted_out")]


async def test_an_invalid_link_is_a_plain_page(iris: Iris) -> None:
    address = f"ana-{new_id()}@example.com"
    link = await link_to(iris, address, new_id())
    forged = f"{link[:-1]}{'A' if link[-1] != 'A' else 'B'}"
    of_nobody = "/u/" + "A" * 96
    async with plain_client(base_url=iris.http.base_url) as http:
        for wrong in (forged, of_nobody, "/u/nothing", f"{link}AAAA", "/u/ñ"):
            for answer in (await http.get(wrong), await clicked(http, wrong)):
                assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8"), wrong
        too_large = await http.post(link, content=b"a" * 2_000, headers=ONE_CLICK)
        assert too_large.status_code == 413
    person = await Consents().person(iris.demo.tenant, DestinationKind.EMAIL, address)
    assert await Consent.about(iris.demo.tenant, [person], [iris.demo.integrations["email"]]) == []
