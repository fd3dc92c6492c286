"""Receiver of the gateway's callbacks in tests: a real HTTP server with configurable responses."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response

from embedded.gateway.server import running


@dataclass(frozen=True, slots=True)
class ReceivedCallback:
    """One callback as received; headers by lower-case name."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def payload(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def subject(self) -> str:
        """Its subject: the reference of a sent message, or the id of one that an end user wrote."""
        return self.payload["inbound"]["id"] if "inbound" in self.payload else self.payload["reference"]


class Receiver:
    """Receives callbacks and responds 200, unless `answers` has other responses for their subject."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, list[int]] = {}
        self._received: list[ReceivedCallback] = []
        self._arrived = asyncio.Condition()

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator["Receiver"]:
        app = FastAPI()
        app.add_api_route("/callbacks", self._apply, methods=["POST"])
        async with running(app) as url:
            self.url = f"{url}/callbacks"
            yield self

    def of(self, reference: str) -> list[ReceivedCallback]:
        return [received for received in self._received if received.subject == reference]

    async def wait_for(self, reference: str, number: int) -> list[ReceivedCallback]:
        return await self._wait(lambda: len(self.of(reference)) >= number, reference)

    async def wait_for_word(self, reference: str, word: str) -> list[ReceivedCallback]:
        return await self._wait(lambda: word in self.words(reference), reference)

    def words(self, reference: str) -> list[str]:
        return [received.payload["status"] for received in self.of(reference)]

    async def _wait(self, is_over: Callable[[], bool], reference: str) -> list[ReceivedCallback]:
        async with asyncio.timeout(60), self._arrived:
            await self._arrived.wait_for(is_over)
        return self.of(reference)

    async def _apply(self, request: Request) -> Response:
        received = ReceivedCallback(dict(request.headers), await request.body())
        answers = self.answers.get(received.subject)
        async with self._arrived:
            self._received.append(received)
            self._arrived.notify_all()
        return Response(status_code=answers.pop(0) if answers else 200)
