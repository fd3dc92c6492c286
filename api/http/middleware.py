"""Request limits and response headers for every route."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.deprecation import RETIREMENTS, Retirement
from api.http.envelope import failure, language_of
from api.http.errors import FaultMiddleware
from api.http.request_log import RequestLog
from api.http.routing import RoutingMiddleware
from api.http.tracing import TRACEPARENT, TRACERESPONSE, Trace
from domain.identifiers import new_id
from domain.problems import Problem
from domain.texts import choose_language
from support.logs import note

MAX_HEADER_BYTES: Final = 16_384
"""Maximum bytes of all header fields, as in most servers; they are read before the caller is authenticated."""
MAX_FIELDS: Final = 100
MAX_URL_LENGTH: Final = 8_000
"""Maximum octets of a request target, the minimum that RFC 9110 §4.1 recommends to support."""

ANSWER_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Security and cache headers of every answer.

https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html#security-headers
"""

REQUEST_ID: Final = "X-Request-Id"
"""Header of the request id, given by the caller or generated; it is in the answer and in every log line."""

_SAFE_ID: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

_ONLY_HTTPS: Final = "max-age=31536000"


class BoundaryMiddleware:
    """ASGI middleware that limits the size of requests, logs them, and adds `ANSWER_HEADERS` to every answer.

    A page has a `Content-Security-Policy` of its own.
    """

    def __init__(self, app: ASGIApp, *, only_https: bool, retirements: Mapping[str, Retirement]) -> None:
        """Wrap an application.

        Args:
            app: the application.
            only_https: whether answers have `Strict-Transport-Security` (RFC 6797).
            retirements: by path prefix.
        """
        self._app = app
        self._headers = {**ANSWER_HEADERS, **({"Strict-Transport-Security": _ONLY_HTTPS} if only_https else {})}
        self._retirements = retirements

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, trace = _request_id(scope), Trace.of(Headers(scope=scope).get(TRACEPARENT, ""))
        choose_language(language_of(Request(scope)))
        note(request_id=request_id, **({"trace_id": trace.trace_id} if trace else {}))
        own = {REQUEST_ID: request_id, **({TRACERESPONSE: trace.answer} if trace else {})}
        for beginning, retirement in self._retirements.items():
            if scope["path"].startswith(beginning):
                own |= retirement.headers()
        line = RequestLog(scope, send)
        try:
            await self._answer(scope, receive, self._with_headers(scope, own, line.send))
        finally:
            line.log()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        excess = _excess(scope)
        if excess is None:
            await self._app(scope, receive, send)
        else:
            status, problem = excess
            refusal = failure(Request(scope), status, [problem], headers={"Connection": "close"})
            await refusal(scope, receive, send)

    def _with_headers(self, scope: Scope, own: Mapping[str, str], send: Send) -> Send:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.update(own)
                headers.update(scope.get("state", {}).get("rate_limit", {}))
            await send(message)

        return answer


def add_middleware(
    app: FastAPI,
    *,
    only_https: bool = False,
    cors_origins: Sequence[str] = (),
    retirements: Mapping[str, Retirement] = RETIREMENTS,
) -> None:
    """Add the middleware of the API to an application, the innermost first.

    Args:
        app: the application.
        only_https: whether answers have `Strict-Transport-Security` (RFC 6797).
        cors_origins: the origins whose pages may call the API, without cookies: they send their own API key.
        retirements: by path prefix.
    """
    app.add_middleware(FaultMiddleware)
    app.add_middleware(RoutingMiddleware, routes=app.routes)
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=cors_origins,
            allow_methods=["DELETE", "GET", "PATCH", "POST", "PUT"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "Last-Event-ID",
                REQUEST_ID,
                TRACEPARENT,
            ],
            expose_headers=[
                "Idempotent-Replayed",
                "RateLimit",
                "RateLimit-Policy",
                "Retry-After",
                REQUEST_ID,
                TRACERESPONSE,
            ],
        )
    app.add_middleware(BoundaryMiddleware, only_https=only_https, retirements=retirements)


def _request_id(scope: Scope) -> str:
    """The caller's request id, if it is safe to log and return, else a new one."""
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if _SAFE_ID.fullmatch(given) else new_id()


def _excess(scope: Scope) -> tuple[HTTPStatus, Problem] | None:
    """The status and problem of a request that exceeds a limit, checked before anything else."""
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_URL_LENGTH:
        return HTTPStatus.REQUEST_URI_TOO_LONG, Problem(
            field="", code="url_too_long", details={"limit": MAX_URL_LENGTH}
        )
    fields = scope["headers"]
    if {b"content-length", b"transfer-encoding"} <= {name for name, _ in fields}:
        return HTTPStatus.BAD_REQUEST, Problem(field="", code="bad_http")  # possible request smuggling (RFC 9112 §6.1)
    if len(fields) > MAX_FIELDS or sum(len(name) + len(value) for name, value in fields) > MAX_HEADER_BYTES:
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, Problem(
            field="", code="header_too_large", details={"limit": MAX_HEADER_BYTES}
        )
    return None
