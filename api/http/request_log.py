"""Access log: one line per request with its caller, route, status and duration."""

import logging
import re
import time
from typing import Any, Final

from starlette.types import Message, Scope, Send

from support.logs import REQUESTS

_QUIET: Final = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Routes that monitoring polls every few seconds; logged as DEBUG."""

_ID: Final = re.compile(r"[0-9a-f]{24}")


class RequestLog:
    """ASGI send wrapper that logs one line per request.

    The line has the route rather than the path, which may be a secret link or arbitrary input.
    """

    def __init__(self, scope: Scope, send: Send) -> None:
        """Start the timer."""
        self._scope, self._send = scope, send
        self._began, self._status = time.perf_counter(), 0

    async def send(self, message: Message) -> None:
        """Forward a message of the answer."""
        if message["type"] == "http.response.start":
            self._status = int(message["status"])
        await self._send(message)

    def log(self) -> None:
        """Log the line; it has no status if the caller disconnected before the answer."""
        route = getattr(self._scope.get("route"), "path", "-")
        level = logging.DEBUG if route in _QUIET else logging.INFO
        if not REQUESTS.isEnabledFor(level):
            return
        milliseconds = round((time.perf_counter() - self._began) * 1000, 1)
        method, status = self._scope["method"], self._status or None
        parameters: dict[str, str] = self._scope.get("path_params", {})
        ids = {name: value for name, value in parameters.items() if _ID.fullmatch(str(value))}
        fields: dict[str, Any] = {
            "method": method,
            "route": route,
            "status": status,
            "milliseconds": milliseconds,
            **ids,
        }
        REQUESTS.log(level, "%s %s %s", method, route, status or "not answered", extra={"fields": fields})
