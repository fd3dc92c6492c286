"""The codec endpoint decrypts payloads for Temporal's Web UI and nobody else."""

import base64
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from google.protobuf.json_format import MessageToJson
from pydantic import ValidationError
from temporalio.api.common.v1 import Payload, Payloads

from security.payload_codec import EncryptingCodec
from temporal.codec_endpoint import MAX_BODY_BYTES, CodecSettings, create_codec_endpoint

KEY, OTHER = (base64.urlsafe_b64encode(bytes([byte]) * 32).decode() for byte in (1, 2))
TOKEN = "marked-token-marked-token-marked-token"
UI = "http://127.0.0.1:8233"
MESSAGE = Payload(metadata={"encoding": b"json/plain"}, data=b'"Su cita"')


def wire(*payloads: Payload) -> dict[str, Any]:
    return json.loads(MessageToJson(Payloads(payloads=payloads)))


async def encrypted(key: str = KEY) -> Payload:
    (sealed,) = await EncryptingCodec.of(key).encode([MESSAGE])
    return sealed


def settings(**changes: object) -> CodecSettings:
    values = {"payload_keys": KEY, "codec_token": TOKEN}
    return CodecSettings.model_validate(values | changes)


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(create_codec_endpoint(settings()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8002") as client:
        yield client


async def test_payloads_are_decrypted_and_those_never_encrypted_left_as_they_are(http: httpx2.AsyncClient) -> None:
    answer = await http.post(
        f"/{TOKEN}/decode", json=wire(await encrypted(), MESSAGE), headers={"X-Namespace": "default"}
    )
    assert answer.json() == wire(MESSAGE, MESSAGE)


async def test_payloads_entered_in_the_web_ui_are_encrypted(http: httpx2.AsyncClient) -> None:
    sealed = (await http.post(f"/{TOKEN}/encode", json=wire(MESSAGE))).json()
    assert sealed != wire(MESSAGE)
    assert (await http.post(f"/{TOKEN}/decode", json=sealed)).json() == wire(MESSAGE)


@pytest.mark.parametrize("token", ["", "another", TOKEN[:-1], f"{TOKEN}x", "%C3%B1", "%ED%A0%80"])
@pytest.mark.parametrize("what", ["encode", "decode"])
async def test_callers_without_the_token_get_nothing(http: httpx2.AsyncClient, token: str, what: str) -> None:
    answer = await http.post(f"/{token}/{what}", json=wire(await encrypted()))
    assert (answer.status_code, answer.text) == (404, '{"detail":"Not Found"}')


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8002", "127.0.0.1.evil.example", "", "[::", "10.0.0.1"])
async def test_requests_for_another_host_name_are_refused(http: httpx2.AsyncClient, host: str) -> None:
    answer = await http.post(f"/{TOKEN}/decode", json=wire(await encrypted()), headers={"Host": host})
    assert answer.status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8002", "localhost:8002", "LOCALHOST", "[::1]:8002", "codec.example:443"])
async def test_by_the_names_of_this_machine_and_those_that_are_set_it_is_answered(host: str) -> None:
    endpoint = create_codec_endpoint(settings(codec_hosts="codec.example, other.example"))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(endpoint), base_url="http://codec") as http:
        answer = await http.post(f"/{TOKEN}/decode", json=wire(await encrypted()), headers={"Host": host})
    assert answer.json() == wire(MESSAGE)


async def test_a_browser_asks_for_the_web_uis_pages_only(http: httpx2.AsyncClient) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-namespace"}
    answer = await http.options(f"/{TOKEN}/decode", headers={"Origin": UI, **asked})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, UI)
    answer = await http.options(f"/{TOKEN}/decode", headers={"Origin": "https://elsewhere.example", **asked})
    assert answer.status_code == 400
    assert "access-control-allow-origin" not in answer.headers


async def test_a_missing_key_is_said_by_its_id(http: httpx2.AsyncClient) -> None:
    sealed = await encrypted(OTHER)
    answer = await http.post(f"/{TOKEN}/decode", json=wire(sealed))
    assert answer.status_code == 400
    assert sealed.metadata["encryption-key-id"].decode() in answer.text


GARBAGE = (
    b"",
    b"null",
    b"{",
    b'{"payloads": 1}',
    b'{"payloads": [{"data": 1}]}',
    b"\xff",
    b"[" * 99_999,
    b'{"a":' * 99_999,
)


@pytest.mark.parametrize("body", GARBAGE, ids=lambda body: body[:20])
async def test_requests_outside_the_protocol_are_refused(http: httpx2.AsyncClient, body: bytes) -> None:
    assert (await http.post(f"/{TOKEN}/decode", content=body)).status_code == 400


async def test_a_body_without_end_is_not_read_to_its_end(http: httpx2.AsyncClient) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1_000_000
            yield bytes(1_000_000)

    assert (await http.post(f"/{TOKEN}/decode", content=endless())).status_code == 413
    assert read < 2 * MAX_BODY_BYTES


async def test_it_has_no_other_pages(http: httpx2.AsyncClient) -> None:
    for path in ("/", "/docs", "/openapi.json", "/redoc", f"/{TOKEN}"):
        assert (await http.get(path)).status_code == 404, path
    assert (await http.get("/health")).status_code == 200


async def test_it_logs_neither_token_nor_payload(http: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    for body in (json.dumps(wire(await encrypted())), json.dumps(wire(await encrypted(OTHER))), "{"):
        await http.post(f"/{TOKEN}/decode", content=body.encode())
    assert TOKEN not in caplog.text
    assert "cita" not in caplog.text


@pytest.mark.parametrize("wrong", [{"codec_token": "short"}, {"payload_keys": "marked"}, {"payload_keys": ""}])
def test_insecure_settings_are_refused_and_not_printed(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(**wrong)
    assert "marked" not in str(refused.value)


def test_it_needs_no_other_secret() -> None:
    needed = {name for name, field in CodecSettings.model_fields.items() if field.is_required()}
    assert needed == {"payload_keys", "codec_token"}
