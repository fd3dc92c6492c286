import asyncio

import httpx2
import pytest

from domain.identifiers import new_id
from embedded.gateway.recipients import recipients_of
from tests.embedded.gateway.caller import OTHER_TOKEN, TOKEN, Caller, Desk, error_of, settings
from tests.embedded.gateway.receiver import Receiver


async def test_anybody_may_ask_whether_the_gateway_is_well(http: httpx2.AsyncClient, gateway_url: str) -> None:
    assert (await http.get(f"{gateway_url}/health")).json() == {"status": "ok"}


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN])
async def test_an_unknown_token_is_refused(http: httpx2.AsyncClient, gateway_url: str, authorization: str) -> None:
    headers = {"Authorization": authorization}
    for path in ("/v1/messages", "/v1/messages/sbx_1", "/v1/inbound/1", "/v1/ledger"):
        assert error_of(await http.get(gateway_url + path, headers=headers)) == (401, "unauthenticated")
    for path in ("/v1/messages", "/v1/inbound"):
        assert error_of(await http.post(gateway_url + path, headers=headers)) == (401, "unauthenticated")


async def test_twenty_posts_at_once_are_one_message(caller: Caller, receiver: Receiver, reference: str) -> None:
    answers = await asyncio.gather(*(caller.post(reference) for _ in range(20)))
    assert {(answer.status_code, answer.json()["id"]) for answer in answers} == {
        (201, (await caller.message(reference))["id"])
    }
    assert sorted((await caller.entry(reference))["verdicts"]) == ["accepted", *["repeated"] * 19]
    await receiver.wait_for(reference, 2)
    assert receiver.words(reference) == ["sent", "delivered"]


async def test_a_reference_cannot_name_another_message(caller: Caller, reference: str) -> None:
    await caller.post(reference)
    other = await caller.post(reference, payload={"type": "simple-text", "text": "adiós"})
    assert error_of(other) == (422, "reference_reused")


async def test_a_whatsapp_user_who_hides_the_number_is_written_to_by_another_id(caller: Caller, reference: str) -> None:
    assert (await caller.post(reference, "ES.1234567890")).status_code == 201


async def test_accounts_share_neither_references_nor_sight(desk: Desk, gateway_url: str, reference: str) -> None:
    one, other = desk.at(gateway_url), desk.at(gateway_url, token=OTHER_TOKEN)
    first, second = await one.post(reference), await other.post(reference)
    message_id = first.json()["id"]
    assert message_id != second.json()["id"]
    assert (await one.get(f"/v1/messages/{message_id}"))["reference"] == reference
    assert (await other.get(f"/v1/messages/{message_id}"))["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"reference": ""}, (422, "invalid_request")),
        ({"reference": None}, (422, "invalid_request")),
        ({"channel": "Telegram"}, (422, "invalid_request")),
        ({"to": []}, (422, "invalid_request")),
        ({"to": ["34638766068", "34638766069"]}, (422, "invalid_request")),
        ({"to": ["not-a-number"]}, (422, "invalid_recipient")),
        ({"channel": "Email"}, (422, "invalid_recipient")),
        ({"payload": "text"}, (422, "invalid_request")),
        ({"callbackUrl": "/relative"}, (422, "invalid_request")),
        ({"callbackUrl": "ftp://example.org/"}, (422, "invalid_request")),
        ({"callbackUrl": "http://["}, (422, "invalid_request")),
        ({"surprise": True}, (422, "invalid_request")),
    ],
)
async def test_a_message_that_is_wrong_is_refused_with_its_code(
    caller: Caller, reference: str, change: dict[str, object], expected: tuple[int, str]
) -> None:
    assert error_of(await caller.post_changed({"reference": reference} | change)) == expected


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a": NaN}', b"[" * 100_000])
async def test_a_body_that_is_no_json_is_refused(caller: Caller, body: bytes) -> None:
    assert error_of(await caller.post_raw(body)) == (400, "invalid_json")


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'{"payload": {"number": 1e999}}'])
async def test_json_that_is_no_message_is_refused(caller: Caller, body: bytes) -> None:
    assert error_of(await caller.post_raw(body)) == (422, "invalid_request")


async def test_a_body_that_is_too_large_is_refused(desk: Desk, reference: str) -> None:
    caller = await desk.open(settings(max_body_bytes=1_000))
    assert error_of(await caller.post(reference, payload={"text": "x" * 1_000})) == (413, "body_too_large")


async def test_not_found_has_the_form_of_other_errors(caller: Caller) -> None:
    assert (await caller.get("/v2"))["error"]["code"] == "not_found"
    assert (await caller.get("/v1/messages", limit=0))["error"]["code"] == "invalid_request"
    assert (await caller.get("/v1/messages", after=2**64))["error"]["code"] == "invalid_request"


async def test_a_page_names_the_next(desk: Desk) -> None:
    caller = await desk.open(settings())
    references = [new_id() for _ in range(5)]
    for reference in references:
        await caller.post(reference, recipients_of("10")[0])
    seen: list[str] = []
    after = 0
    while after is not None:
        page = await caller.get("/v1/messages", limit=2, after=after)
        seen += [message["reference"] for message in page["messages"]]
        after = page["next"]
    assert seen == references
    ledger = await caller.get("/v1/ledger", limit=4)
    assert [entry["reference"] for entry in ledger["entries"]] == references[:4]
    assert ledger["totals"] == {
        "messages": 5,
        "requests": 5,
        "callbacks": {"pending": 0, "delivered": 0, "abandoned": 0},
    }
