"""Webhook endpoint of a tenant: a real HTTP server on loopback with configurable answers."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from standardwebhooks import Webhook

from embedded.gateway.server import running


@dataclass(frozen=True, slots=True)
class Call:
    """One delivery attempt as received."""

    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def json(self) -> dict[str, Any]:
        """The body, whatever its signature."""
        return json.loads(self.body)

    def verified(self, secret: str) -> dict[str, Any]:
        """Verify the signature with the reference implementation, and return the body.

        Raises:
            standardwebhooks.WebhookVerificationError: if it is not signed with the secret.
        """
        return Webhook(secret).verify(self.body, dict(self.headers))


class Receiver:
    """Records the notifications that a tenant receives.

    Attributes:
        status: HTTP status of its answers; None for no answer at all.
        first: statuses of the first answers, before `status`.
    """

    def __init__(self) -> None:
        self.url = ""
        self.status: int | None = 204
        self.first: list[int] = []
        self.headers: dict[str, str] = {}
        self.calls: list[Call] = []
        self._received = asyncio.Condition()

    async def until(self, condition: Callable[[list[Call]], bool], seconds: float = 60) -> list[Call]:
        """Wait until the received calls fulfil a condition, and return them."""
        async with asyncio.timeout(seconds), self._received:
            await self._received.wait_for(lambda: condition(self.calls))
            return list(self.calls)

    async def calls_of(self, number: int) -> list[Call]:
        return await self.until(lambda calls: len(calls) >= number)

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        async with self._received:
            self.calls.append(Call(dict(request.headers), body, time.monotonic()))
            self._received.notify_all()
        status = self.first.pop(0) if self.first else self.status
        if status is None:
            await asyncio.sleep(60)
        return Response(status_code=status or 500, headers=self.headers)


@asynccontextmanager
async def receiving(port: int = 0) -> AsyncGenerator[Receiver]:
    """Run a receiver until the end of the block."""
    receiver, app = Receiver(), FastAPI()
    app.add_api_route("/{path:path}", receiver.answer, methods=["POST", "GET"], response_model=None)
    async with running(app, port=port) as url:
        receiver.url = url
        yield receiver
