"""What holds for every request and every answer, whatever the route: sizes going in, headers going out."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.routing import iter_route_contexts
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Message, Receive, Scope, Send
from typing_extensions import override

from api.deprecation import RETIRING, Retirement
from api.envelope import failure, language_of
from api.request_log import RequestLog
from api.routing import PathSpellings, answer_head
from api.tracing import TRACEPARENT, TRACERESPONSE, Trace
from domain.identifiers import new_id
from domain.problems import Problem
from domain.texts import choose_language
from logs import note

MAX_HEADER_BYTES: Final = 16_384
"""Bytes of a request's header fields together, as most servers have it; they are read before the caller is known."""
MAX_FIELDS: Final = 100
MAX_URL_LENGTH: Final = 8_000
"""Octets of a request's target, which RFC 9110 §4.1 wants taken at least."""

ANSWER_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""What every answer says to browsers and caches.

https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html#security-headers
"""

REQUEST_ID: Final = "X-Request-Id"
"""By what a request is found in the logs: the caller's, or ours; answered, and in every line about it."""

_TELLABLE: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

DOCUMENTATION: Final = "/docs"

_DOCUMENTATION_POLICY: Final = (
    "default-src 'none'; connect-src 'self'; frame-ancestors 'none'; img-src 'self' data:; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'"
)
"""The page loads only what we serve. Swagger UI sets the style of elements, which a policy sees as inline styles."""

_ONLY_HTTPS: Final = "max-age=31536000"


class ApiApplication(FastAPI):
    """An application that refuses requests of no sensible size, and whose every answer goes out with `ANSWER_HEADERS`.

    No middleware, since those do not see the answers about our own faults.

    Attributes:
        only_https: whether browsers shall never come here by plain HTTP again (RFC 6797).
        retiring: paths that will go away, by how they begin.
        cors: what answers to pages of other origins, where some may read us.
    """

    only_https: bool = False
    cors: CORSMiddleware | None = None
    retiring: Mapping[str, Retirement] = RETIRING

    def open_to(self, origins: Sequence[str]) -> None:
        """Let pages of these origins read our answers. They bring their own key: cookies are not asked for."""
        self.cors = CORSMiddleware(
            self._route,
            allow_origins=origins,
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

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        request_id, trace = _request_id(scope), Trace.of(Headers(scope=scope).get(TRACEPARENT, ""))
        choose_language(language_of(Request(scope)))
        note(request_id=request_id, **({"trace_id": trace.trace_id} if trace else {}))
        own = {REQUEST_ID: request_id, **({TRACERESPONSE: trace.answer} if trace else {})}
        for beginning, retirement in self.retiring.items():
            if scope["path"].startswith(beginning):
                own |= retirement.headers()
        line = RequestLog(scope, send)
        answer = self._with_headers(scope, own, line.send)
        try:
            await self._answer(scope, receive, answer)
        finally:
            line.log()

    async def _answer(self, scope: Scope, receive: Receive, answer: Send) -> None:
        excess = _excess(scope)
        if excess is None and self.cors is not None:
            await self.cors(scope, receive, answer)
        elif excess is None:
            await self._route(scope, receive, answer)
        else:
            status, problem = excess
            refusal = failure(Request(scope), status, [problem], headers={"Connection": "close"})
            await refusal(scope, receive, answer)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the route answer that the request means, however it spells the path."""
        routed = {**scope, "path": self._spellings.canonical(scope["path"])}
        try:
            if scope["method"] == "HEAD":
                await answer_head(super().__call__, routed, receive, send)
            else:
                await super().__call__(routed, receive, send)
        finally:  # for the request's line in the log
            scope.update({name: routed[name] for name in ("route", "path_params") if name in routed})

    @cached_property
    def _spellings(self) -> PathSpellings:
        contexts = iter_route_contexts(self.routes)
        return PathSpellings(context.path for context in contexts if context.path is not None)

    def _with_headers(self, scope: Scope, own: Mapping[str, str], send: Send) -> Callable[[Message], Awaitable[None]]:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(ANSWER_HEADERS)
                headers.update(own)
                headers.update(scope.get("state", {}).get("rate_limit", {}))
                if scope["path"] == DOCUMENTATION:
                    headers["Content-Security-Policy"] = _DOCUMENTATION_POLICY
                if self.only_https:
                    headers["Strict-Transport-Security"] = _ONLY_HTTPS
            await send(message)

        return answer


def _request_id(scope: Scope) -> str:
    """The caller's own id of a request, if it is one that can be logged and answered, else a fresh one."""
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if _TELLABLE.fullmatch(given) else new_id()


def _excess(scope: Scope) -> tuple[HTTPStatus, Problem] | None:
    """What a request has too much of, before anything of it is looked at."""
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_URL_LENGTH:
        return HTTPStatus.REQUEST_URI_TOO_LONG, Problem(
            field="", code="url_too_long", details={"limit": MAX_URL_LENGTH}
        )
    fields = scope["headers"]
    if {b"content-length", b"transfer-encoding"} <= {name for name, _ in fields}:
        return HTTPStatus.BAD_REQUEST, Problem(field="", code="bad_http")  # maybe smuggled (RFC 9112 §6.1)
    if len(fields) > MAX_FIELDS or sum(len(name) + len(value) for name, value in fields) > MAX_HEADER_BYTES:
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, Problem(
            field="", code="header_too_large", details={"limit": MAX_HEADER_BYTES}
        )
    return None
