"""Sandbox that refuses what exceeds a rate in segments, and remembers when each message came."""

import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from domain.segments import segments


class Arrival(NamedTuple):
    """Request to send a message.

    Attributes:
        at: seconds on this process's monotonic clock.
        segments: of its text.
        is_accepted: whether it kept to the rate.
    """

    at: float
    reference: str
    segments: int
    is_accepted: bool


@dataclass
class LimitedProvider:
    """Provider with a rate: a bucket that holds `capacity` segments and loses `rate` of them per second.

    Attributes:
        retry_after: seconds that a refusal asks to wait.
        is_closed: whether it refuses everything.
    """

    rate: float
    capacity: float
    retry_after: int = 1
    is_closed: bool = False
    arrivals: list[Arrival] = field(default_factory=list[Arrival])
    _level: float = 0
    _emptied: float = 0

    @property
    def accepted(self) -> list[Arrival]:
        """Return the accepted messages, in their order."""
        return [arrival for arrival in self.arrivals if arrival.is_accepted]

    def app(self) -> FastAPI:
        """Create the server, which speaks as much of the sandbox's protocol as sending needs."""
        app = FastAPI()

        @app.post("/v1/messages")
        async def send(request: Request) -> JSONResponse:
            message = await request.json()
            texts = {name.lower(): value for name, value in message["payload"].items()}
            parts = segments(str(texts.get("text", ""))).parts
            if not self._takes(message["reference"], parts):
                error = {"error": {"code": "rate_exceeded", "message": "too fast"}}
                headers = {"Retry-After": str(self.retry_after)}
                return JSONResponse(error, HTTPStatus.TOO_MANY_REQUESTS, headers)
            return JSONResponse({"id": f"sbx_{message['reference']}", "status": "queued"}, HTTPStatus.CREATED)

        return app

    def _takes(self, reference: str, parts: int) -> bool:
        now = time.monotonic()
        self._level = max(0.0, self._level - (now - self._emptied) * self.rate)
        self._emptied = now
        takes = not self.is_closed and self._level + parts <= self.capacity
        self._level += parts if takes else 0
        self.arrivals.append(Arrival(now, reference, parts, takes))
        return takes
