"""Callbacks: each is attempted until it is received, with a new signature at every attempt, also after a restart."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final, Protocol

import httpx2
from pydantic import JsonValue

from embedded.gateway.settings import GatewaySettings

_NOT_REFUSALS: Final = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


class CallbackState(StrEnum):
    """State of a callback."""

    PENDING = "pending"
    DELIVERED = "delivered"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Callback:
    """A pending callback; instants are Unix seconds.

    Attributes:
        seq: its number in its store.
        content: of the body.
        happens_at: time of its event; it stays, while `due_at` moves with every failed attempt.
    """

    seq: int
    account: str
    url: str
    content: Mapping[str, JsonValue]
    happens_at: float
    due_at: float
    attempts: int


class CallbackStore(Protocol):
    """Store of callbacks; those of one message are delivered in order."""

    def pending(self) -> Sequence[tuple[int, str]]:
        """Messages with pending callbacks, each with its account."""
        ...

    def next_callback(self, message: int) -> Callback | None:
        """The next pending callback of a message, if any."""
        ...

    def settle(self, callback: Callback, state: CallbackState) -> None:
        """Record the final attempt of a callback."""
        ...

    def postpone(self, callback: Callback, due_at: float) -> None:
        """Record a failed attempt, and when the next is due."""
        ...


class Courier:
    """Delivers the callbacks of each message in sequence; a failing one delays no other message."""

    def __init__(self, store: CallbackStore, http: httpx2.AsyncClient, settings: GatewaySettings) -> None:
        self._store = store
        self._http = http
        self._settings = settings
        self._tasks: set[asyncio.Task[None]] = set()

    def resume(self) -> None:
        """Resume the callbacks that were pending when the gateway last ended; those of removed accounts are skipped."""
        for message, account in self._store.pending():
            if account in self._settings.signing_secrets:
                self.start(message)

    def start(self, message: int) -> asyncio.Task[None]:
        """Start delivering a message's callbacks; the task ends when none is pending."""
        task = asyncio.create_task(self._deliver(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Stop; pending callbacks stay in the ledger."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, message: int) -> None:
        while callback := self._store.next_callback(message):
            await asyncio.sleep(callback.due_at - time.time())
            # The message may have been taken back meanwhile.
            if self._store.next_callback(message) == callback:
                self._note(callback, await self._post(callback))

    async def _post(self, callback: Callback) -> httpx2.Response | None:
        body = json.dumps(callback.content).encode()
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "X-Sandbox-Timestamp": timestamp,
            "X-Sandbox-Signature": signature(self._settings.signing_secrets[callback.account], timestamp, body),
        }
        try:
            return await self._http.post(callback.url, content=body, headers=headers)
        except (httpx2.HTTPError, httpx2.InvalidURL):
            return None

    def _note(self, callback: Callback, answer: httpx2.Response | None) -> None:
        if answer and answer.is_success:
            self._store.settle(callback, CallbackState.DELIVERED)
        elif self._is_hopeless(callback, answer):
            self._store.settle(callback, CallbackState.ABANDONED)
        else:
            self._store.postpone(callback, time.time() + self._wait(callback))

    def _is_hopeless(self, callback: Callback, answer: httpx2.Response | None) -> bool:
        if time.time() - callback.happens_at > self._settings.max_callback_age.total_seconds():
            return True
        return (
            answer is not None and _is_refusal(answer) and callback.attempts + 1 >= self._settings.max_callback_refusals
        )

    def _wait(self, callback: Callback) -> float:
        """Seconds until the next attempt, doubled by each; the exponent is bounded to prevent an overflow."""
        first = self._settings.first_retry_delay.total_seconds()
        return min(first * 2 ** min(callback.attempts, 30), self._settings.max_retry_delay.total_seconds())


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """The `X-Sandbox-Signature` of a body at an instant, in Unix seconds."""
    return "v1=" + hmac.new(secret, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def _is_refusal(answer: httpx2.Response) -> bool:
    return answer.status_code not in _NOT_REFUSALS and (answer.is_redirect or answer.is_client_error)
