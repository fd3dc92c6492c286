"""Path normalization, and HEAD for every GET route."""

import asyncio
import re
from collections.abc import Iterable, Sequence

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.identifiers import canonical_id


class PathSpellings:
    """Maps paths in any letter case, or with a trailing slash, to their routes."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Take the routes' paths; the first match wins."""
        self._routes = [
            (re.compile(pattern.pattern, re.IGNORECASE), template)
            for pattern, template, _ in (compile_path(path) for path in dict.fromkeys(paths))
        ]

    def canonical(self, path: str) -> str:
        """The path as its route spells it, with ids in lower case; unknown paths are unchanged."""
        if path == path.lower() and not path.endswith("/"):
            return path
        trimmed = path.rstrip("/") or "/"
        for pattern, template in self._routes:
            if found := pattern.fullmatch(trimmed):
                return template.format(**{name: canonical_id(value) for name, value in found.groupdict().items()})
        return path


async def answer_head(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a HEAD request with the headers of the GET answer (RFC 9110 §9.3.2).

    The route is cancelled once it sent its headers, so that neither a file nor an endless stream is read.
    """
    until_header = asyncio.timeout(None)

    async def send_header(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b""})
            until_header.reschedule(asyncio.get_running_loop().time())

    try:
        async with until_header:
            await app({**scope, "method": "GET"}, receive, send_header)
    except TimeoutError:
        if not until_header.expired():
            raise


class RoutingMiddleware:
    """ASGI middleware that routes each request by the canonical spelling of its path, and HEAD like GET."""

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        """Take the application's routes, which are complete when it begins to serve."""
        contexts = iter_route_contexts(routes)
        self._app = app
        self._spellings = PathSpellings(context.path for context in contexts if context.path is not None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Route a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        routed = {**scope, "path": self._spellings.canonical(scope["path"])}
        try:
            if scope["method"] == "HEAD":
                await answer_head(self._app, routed, receive, send)
            else:
                await self._app(routed, receive, send)
        finally:  # for the request's line in the log
            scope.update({name: routed[name] for name in ("route", "path_params") if name in routed})
