"""Fake providers over HTTP: a real server on loopback whose answers and failures are scripted."""

import asyncio
import json
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar, Final, cast

from tests.providers.fake_provider import FakeProvider

FOREIGN: Final = "http_"
"""Prefix of the codes of refusals that are not in the provider's own form, such as a proxy's `http_403`."""

Reply = bytes | None
"""Bytes to write before the connection is closed; None for no answer until the caller gives up."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Request as it arrived; headers by lower-case name."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def answer(status: int, body: bytes, content_type: str, **headers: str) -> bytes:
    """Complete HTTP answer. Header names are written with `_` for `-`."""
    fields = {"content_type": content_type, "content_length": str(len(body)), "connection": "close", **headers}
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def json_answer(status: int, content: object, **headers: str) -> bytes:
    """Answer in JSON."""
    return answer(status, json.dumps(content).encode(), "application/json", **headers)


def page(status: int) -> bytes:
    """Answer that is not the provider's: the HTML of a proxy."""
    return answer(status, f"<html><h1>{HTTPStatus(status).phrase}</h1></html>".encode(), "text/html")


HTTP_LOSSES: Final[Mapping[str, Reply]] = {
    "closed without an answer": b"",
    "half an answer": json_answer(HTTPStatus.CREATED, {"id": "x" * 100})[:-50],
    "no answer in time": None,
    "not HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a success without an id": json_answer(HTTPStatus.CREATED, {}),
    "a success with another form": json_answer(HTTPStatus.CREATED, ["x"]),
    "a success that is no JSON": page(HTTPStatus.OK),
    "a proxy that is too busy": page(HTTPStatus.TOO_MANY_REQUESTS),
    "a gateway's error": page(HTTPStatus.BAD_GATEWAY),
    "a gateway's timeout": page(HTTPStatus.GATEWAY_TIMEOUT),
}


class HttpFakeProvider(FakeProvider):
    """Fake provider over HTTP.

    Attributes:
        other_losses: answers of the provider's own that leave the outcome unknown.
        requests: the received requests, in order.
    """

    other_losses: ClassVar[Mapping[str, Reply]] = {}
    losses: ClassVar[Iterable[str]] = HTTP_LOSSES

    def __init__(self) -> None:
        super().__init__()
        self._reply: Callable[[HttpRequest], Awaitable[Reply]] = self.take
        self._server: asyncio.Server | None = None
        self.requests: list[HttpRequest] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @abstractmethod
    async def take(self, request: HttpRequest) -> bytes:
        """Accept the message as the provider would, into `deliveries`, or refuse it; return the answer."""

    @abstractmethod
    def error_body(self, code: str) -> bytes:
        """Return the provider's error answer with a code."""

    def refuse(self, code: str) -> None:
        self.answer_always(page(int(code.removeprefix(FOREIGN))) if code.startswith(FOREIGN) else self.error_body(code))

    def throttle(self, code: str) -> None:
        self.answer_always(self.error_body(code))

    def lose_answer(self, loss: str) -> None:
        self.answer_always({**HTTP_LOSSES, **self.other_losses}[loss])

    def quote(self, code: str) -> None:
        error_body = self.error_body(code)

        async def quoting(request: HttpRequest) -> Reply:
            return _quoting(error_body, f"{request.headers['authorization']} {request.body.decode(errors='replace')}")

        self._reply_by(quoting)

    def answer_always(self, reply: Reply) -> None:
        """Answer all further requests with this."""

        async def reply_always(_: HttpRequest) -> Reply:
            return reply

        self._reply_by(reply_always)

    def _reply_by(self, reply: Callable[[HttpRequest], Awaitable[Reply]]) -> None:
        self._reply = reply

    async def listen(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await _read_request(reader)
        self.requests.append(request)
        self.attempts += 1
        self.wire_log.append(f"{request.method} {request.target}")
        reply = await self._reply(request)
        if reply is None:
            await reader.read()
        else:
            writer.write(reply)
        writer.close()
        await writer.wait_closed()


def _quoting(error: bytes, request: str) -> bytes:
    """Return an error answer that appends the request to each of its sentences."""
    head, _, body = error.partition(b"\r\n\r\n")

    def quoted(content: object) -> object:
        if isinstance(content, dict):
            return {name: quoted(inner) for name, inner in cast("dict[str, object]", content).items()}
        return f"{content} {request}" if isinstance(content, str) and " " in content else content

    return json_answer(int(head.split()[1]), quoted(json.loads(body)))


async def _read_request(reader: asyncio.StreamReader) -> HttpRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request_line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = request_line.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return HttpRequest(method, target, headers, body)
