"""Security headers of answers; oversized and slow requests over raw sockets."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from ipaddress import ip_network
from typing import Any, Final, Self

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response

from api.http import request_body
from api.http.errors import add_error_handlers
from api.http.middleware import MAX_FIELDS, MAX_HEADER_BYTES, MAX_URL_LENGTH, add_middleware
from api.server import HeaderTimeoutProtocol, server_config
from embedded.gateway.server import Guest
from embedded.ports import free_port
from embedded.processes import until
from security.ssrf_guard import Network
from tests.api.support import ABSENT_ID, reasons, spoilt_interaction
from tests.iris import Iris, calling
from tests.served import serving

LOOP_TICK: Final = 0.002
"""Seconds by which a timer may fire early: the loop counts milliseconds from the beginning of its turn."""

MAX_BODY_BYTES: Final = 1_000
HOST: Final = b"Host: iris.example\r\n"
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health/live", 200),
        ("GET", "/openapi.json", 200),
        ("GET", f"/v1/interactions/{ABSENT_ID}", 404),
        ("GET", "/nowhere", 404),
        ("PUT", "/v1/interactions", 405),
        ("POST", "/v1/interactions", 400),
        ("POST", "/user/login", 400),
        ("POST", f"/webhooks/sandbox/{ABSENT_ID}", 404),
        ("GET", "/" + "x" * MAX_URL_LENGTH, 414),
    ],
)
async def test_no_answer_is_cached_framed_or_sniffed(iris: Iris, method: str, path: str, status: int) -> None:
    response = await iris.http.request(method, path)
    assert response.status_code == status
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "Strict-Transport-Security" not in response.headers


async def test_an_answer_about_our_own_fault_is_no_exception(iris: Iris) -> None:
    async with spoilt_interaction(iris) as interaction_id:
        response = await iris.http.get(f"/v1/interactions/{interaction_id}")
    assert response.status_code == 500
    assert response.headers["Cache-Control"] == "no-store"


async def test_the_page_of_the_description_may_run_its_own_scripts_only(iris: Iris) -> None:
    policy = (await iris.http.get("/docs")).headers["Content-Security-Policy"]
    directives = {name: sources for name, *sources in map(str.split, policy.split(";"))}
    assert directives["default-src"] == ["'none'"]
    assert directives["frame-ancestors"] == ["'none'"]
    assert directives["connect-src"] == ["'self'"]
    assert directives["script-src"] == ["'self'"]
    assert not [source for source in " ".join(map(" ".join, directives.values())).split() if ":" in source[:-1]]


class Served:
    """A server like that of `iris api`, with an application that reads bodies as ours does."""

    def __init__(self, *, only_https: bool = False) -> None:
        self.app = FastAPI(redirect_slashes=False)
        add_error_handlers(self.app)
        add_middleware(self.app, only_https=only_https)
        self.app.add_api_route("/read", self._read, methods=["POST"])
        self.app.add_api_route("/fail", self._fail, methods=["GET"])
        self.port = free_port()

    async def _read(self, request: Request) -> Response:
        return PlainTextResponse(str(len(await request_body.read_bytes(request, MAX_BODY_BYTES))))

    async def _fail(self) -> Response:
        raise RuntimeError

    async def __aenter__(self) -> Self:
        self._server = Guest(server_config(self.app, "127.0.0.1", self.port))
        self._serving = asyncio.create_task(self._server.serve())
        async with asyncio.timeout(60):
            await until(self._is_started)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        await self._serving

    async def _is_started(self) -> bool:
        return self._server.started

    async def exchange(self, *pieces: bytes, seconds: float = 5) -> bytes:
        """The response to raw bytes until the connection is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writing = asyncio.create_task(_write(writer, pieces))
        try:
            async with asyncio.timeout(seconds):
                return await _read(reader)
        finally:
            writing.cancel()
            writer.close()


async def _write(writer: asyncio.StreamWriter, pieces: Sequence[bytes]) -> None:
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.01)


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Read until the end, which may be a reset if the server closed while we were writing."""
    received = b""
    with suppress(ConnectionResetError):
        while piece := await reader.read(65_536):
            received += piece
    return received


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Served]:
    async with Served() as served:
        yield served


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr(HeaderTimeoutProtocol, "header_wait", 0.2)
    monkeypatch.setattr(request_body, "BODY_TIMEOUT", request_body.BodyTimeout(0.2))
    return 0.2


def refusal_of(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nserver:" not in head.lower()
    assert b"cache-control: no-store" in head.lower()
    envelope: dict[str, Any] = json.loads(body)
    status = int(head.split()[1])
    assert envelope["status"] == status
    assert envelope["title"]
    return status, envelope["error"][0]["code"]


ENDLESS: Final = [b"GET / HTTP/1.1\r\n" + HOST, b"X-Padding: " + b"x" * MAX_HEADER_BYTES, b"x" * 1_000]


@pytest.mark.parametrize(
    ("pieces", "refusal"),
    [
        ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"], (400, "bad_http")),
        ([b"GET / HTTP/1.1\r\n\r\n"], (400, "bad_http")),
        ([b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"], (400, "bad_http")),
        ([b"GET / HTTP/1.1\r\n" + HOST + b"X:\x00\r\n\r\n"], (400, "bad_http")),
        (ENDLESS, (431, "header_too_large")),
        ([b"GET /" + b"x" * (MAX_HEADER_BYTES + 1), b"x" * 1_000], (431, "header_too_large")),
        (
            [b"POST /read HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n", b"nonsense\r\n"],
            (400, "bad_http"),
        ),
    ],
)
async def test_bytes_that_are_not_http_are_refused_in_the_envelope_and_the_connection_closed(
    served: Served, pieces: list[bytes], refusal: tuple[int, str]
) -> None:
    assert refusal_of(await served.exchange(*pieces)) == refusal


@pytest.mark.parametrize(
    ("head", "refusal"),
    [
        (b"GET / HTTP/1.1\r\n" + HOST + b"X-Padding: " + b"x" * MAX_HEADER_BYTES, (431, "header_too_large")),
        (b"GET / HTTP/1.1\r\n" + HOST + b"\r\n".join([b"X: y"] * MAX_FIELDS), (431, "header_too_large")),
        (b"GET /" + b"x" * MAX_URL_LENGTH + b" HTTP/1.1\r\n" + HOST.strip(), (414, "url_too_long")),
        (b"GET /?" + b"x" * MAX_URL_LENGTH + b" HTTP/1.1\r\n" + HOST.strip(), (414, "url_too_long")),
        (b"GET /fail HTTP/1.1\r\n" + HOST.strip(), (500, "internal")),
    ],
)
async def test_a_request_with_too_much_before_its_body_is_refused_also_where_it_comes_at_once(
    served: Served, head: bytes, refusal: tuple[int, str]
) -> None:
    assert refusal_of(await served.exchange(head + b"\r\nConnection: close\r\n\r\n")) == refusal


async def test_a_request_with_two_lengths_of_its_body_is_refused_and_the_connection_closed(served: Served) -> None:
    smuggled = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
    head = b"POST /read HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n"
    answer = await served.exchange(head + smuggled)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"\r\nconnection: close\r\n" in answer.lower()
    assert refusal_of(answer) == (400, "bad_http")


@pytest.mark.parametrize(
    "pieces",
    [[], [b"GET / HT"], [b"GET / HTTP/1.1\r\n" + HOST, *[b"X: y\r\n"] * 40]],
    ids=["nothing", "half a line", "one field after the other"],
)
async def test_a_header_that_never_ends_is_cut_off(served: Served, impatient: float, pieces: list[bytes]) -> None:
    began = time.monotonic()
    assert await served.exchange(*pieces) == b""
    assert time.monotonic() - began >= impatient - LOOP_TICK


async def test_a_second_request_whose_header_never_ends_is_cut_off(served: Served, impatient: float) -> None:
    first = b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n"
    began = time.monotonic()
    assert (await served.exchange(first, b"GET")).count(b"HTTP/1.1 404") == 1
    assert time.monotonic() - began >= impatient - LOOP_TICK


@pytest.mark.usefixtures("impatient")
async def test_a_body_that_drips_is_refused_in_time(served: Served) -> None:
    head = b"POST /read HTTP/1.1\r\n" + HOST + b"Content-Length: 500\r\nConnection: close\r\n\r\n"
    assert refusal_of(await served.exchange(head, *[b"x"] * 40)) == (408, "body_too_slow")


async def test_a_body_that_keeps_arriving_may_take_longer(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "BODY_TIMEOUT", request_body.BodyTimeout(0.2, bytes_per_second=100))
    head = b"POST /read HTTP/1.1\r\n" + HOST + b"Content-Length: 800\r\nConnection: close\r\n\r\n"
    assert (await served.exchange(head, *[b"x" * 20] * 40, seconds=20)).endswith(b"\r\n\r\n800")


@pytest.mark.usefixtures("impatient")
async def test_a_header_that_comes_in_time_leaves_an_answer_all_the_time_it_needs(served: Served) -> None:
    head = b"POST /read HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nConnection: close\r\n\r\n"
    assert (await served.exchange(head, b"x", b"x", b"x")).endswith(b"\r\n\r\n3")


async def test_a_body_without_end_is_refused_once_it_is_too_large(served: Served) -> None:
    head = b"POST /read HTTP/1.1\r\n" + HOST + CHUNKED + b"Connection: close\r\n\r\n"
    chunks = [b"ff\r\n" + b"x" * 255 + b"\r\n"] * 5
    assert refusal_of(await served.exchange(head, *chunks)) == (413, "body_too_large")


async def test_a_disconnect_during_a_body_is_no_internal_fault(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"POST /read HTTP/1.1\r\n" + HOST + b"Content-Length: 500\r\n\r\nx")
    await asyncio.sleep(0.05)
    writer.close()
    await asyncio.sleep(0.05)
    assert "internal fault" not in caplog.text


@pytest.mark.parametrize(
    ("trusted", "seen"),
    [
        ((), "127.0.0.1"),
        ((ip_network("10.0.0.0/8"),), "127.0.0.1"),
        ((ip_network("127.0.0.0/8"),), "203.0.113.7"),
        ((ip_network("127.0.0.0/8"), ip_network("203.0.113.0/24")), "192.0.2.1"),
    ],
)
async def test_a_proxy_says_where_a_request_comes_from_only_where_it_is_named(
    trusted: tuple[Network, ...], seen: str
) -> None:
    app = FastAPI()

    async def address(request: Request) -> Response:
        return PlainTextResponse(request.client.host if request.client else "")

    app.add_api_route("/address", address)
    async with serving(app, *trusted) as url, calling(url) as http:
        answer = await http.get("/address", headers={"X-Forwarded-For": "192.0.2.1, 203.0.113.7"})
    assert answer.text == seen


async def test_a_public_https_api_sends_strict_transport_security() -> None:
    async with Served(only_https=True) as served:
        answer = await served.exchange(b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    assert b"strict-transport-security: max-age=31536000" in answer.lower()


async def test_a_wrong_header_of_a_caller_is_refused_by_the_product_too(iris: Iris) -> None:
    response = await iris.http.get("/health/live", headers={"X-Padding": "x" * MAX_HEADER_BYTES})
    assert reasons(response, 431) == [("", "header_too_large")]
