"""HTTP/1.1 server configuration, hardened against slow or malicious clients."""

import asyncio
import json
import sys
from collections.abc import Sequence
from http import HTTPStatus
from typing import ClassVar, Final

import h11
import uvicorn
from fastapi import FastAPI
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.http.envelope import Envelope, ErrorItem, title_of
from api.http.middleware import ANSWER_HEADERS, MAX_HEADER_BYTES
from domain.problems import Problem
from domain.texts import Language
from security.ssrf_guard import Network

KEEP_ALIVE: Final = 75
"""Keep-alive timeout of an idle connection, in seconds.

Longer than any `Retry-After` and than load balancers' timeouts (60 s): a client that reuses a connection just as it is
closed loses its request without knowing the outcome.
"""

GRACE: Final = 15
"""Graceful shutdown timeout, in seconds."""


def server_config(app: FastAPI, host: str, port: int, trusted_proxies: Sequence[Network] = ()) -> uvicorn.Config:
    """Create the uvicorn configuration of an application.

    Args:
        app: the application.
        host: the address to listen on.
        port: the port.
        trusted_proxies: the proxies whose `X-Forwarded-For` is trusted.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=HeaderTimeoutProtocol,
        ws="none",
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        log_config=None,
        reset_contextvars=True,  # else context variables leak into later requests of a connection
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=[str(network) for network in trusted_proxies],
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )


class HeaderTimeoutProtocol(H11Protocol):
    """HTTP connection with a timeout for request headers; it answers invalid HTTP in the envelope.

    Attributes:
        header_wait: seconds from the connection, or from the first byte of a later request, to the end of its header.
    """

    header_wait: ClassVar[float] = 10
    _stopping: asyncio.Event
    _header_timeout: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._stopping = asyncio.Event()
        self.app_state = {**self.app_state, "stopping": self._stopping}
        self._wait_for_header()

    @override
    def shutdown(self) -> None:
        """Notify streaming answers (`request.state.stopping`) that the server stops."""
        self._stopping.set()
        super().shutdown()

    @override
    def data_received(self, data: bytes) -> None:
        self._wait_for_header()
        super().data_received(data)
        if not self._is_between_requests():
            self._stop_waiting()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    @override
    def send_400_response(self, msg: str) -> None:
        """Refuse invalid HTTP, endless headers and incomplete bodies."""
        error = sys.exception()
        hint = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else HTTPStatus.BAD_REQUEST
        is_between_requests = self._is_between_requests()
        if is_between_requests or not self.cycle.response_started:
            self.transport.write(_refusal(HTTPStatus(hint)))
        if not is_between_requests:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def _is_between_requests(self) -> bool:
        # uvicorn leaves `cycle` None until the first request, which its annotation does not say.
        return self.cycle is None or self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]

    def _wait_for_header(self) -> None:
        if self._header_timeout is None and self._is_between_requests():
            self._header_timeout = self.loop.call_later(self.header_wait, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._header_timeout is not None:
            self._header_timeout.cancel()
            self._header_timeout = None


def _refusal(status: HTTPStatus) -> bytes:
    """An error answer to an unreadable request, in the default language, Spanish."""
    is_large = status is HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    problem = Problem(
        field="", code="header_too_large" if is_large else "bad_http", details={"limit": MAX_HEADER_BYTES}
    )
    message = problem.message(Language.SPANISH)
    envelope = Envelope(
        title=title_of(status, Language.SPANISH),
        status=status,
        detail=message,
        error=[ErrorItem(field="", code=problem.code, message=message)],
    )
    body = json.dumps(envelope.model_dump()).encode()
    headers = {
        **ANSWER_HEADERS,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
