"""The callbacks: each is told until it is received, signed anew at every attempt, also after a restart."""

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
    """What became of a callback."""

    PENDING = "pending"
    TOLD = "told"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Callback:
    """One callback owed; instants are Unix seconds.

    Attributes:
        seq: its store's own number of it.
        news: what it tells.
        happens_at: when its news is made; it stays, while `due_at` moves with every attempt in vain.
    """

    seq: int
    account: str
    url: str
    news: Mapping[str, JsonValue]
    happens_at: float
    due_at: float
    attempts: int


class CallbackStore(Protocol):
    """Where callbacks are kept; those of one message are told in their order."""

    def pending(self) -> Sequence[tuple[int, str]]:
        """The messages that callbacks are owed of, each with its account."""
        ...

    def next_callback(self, message: int) -> Callback | None:
        """The callback of a message that is due first, if any is owed."""
        ...

    def settle(self, callback: Callback, state: CallbackState) -> None:
        """Note that a callback was attempted for the last time."""
        ...

    def postpone(self, callback: Callback, due_at: float) -> None:
        """Note that a callback was attempted in vain, and when it is due again."""
        ...


class Courier:
    """Tells the callbacks of each message one after another; one that is not received holds up no other."""

    def __init__(self, store: CallbackStore, http: httpx2.AsyncClient, settings: GatewaySettings) -> None:
        self._store = store
        self._http = http
        self._settings = settings
        self._tasks: set[asyncio.Task[None]] = set()

    def resume(self) -> None:
        """Go on with what was owed when the gateway last ended; to accounts that are gone, nothing is told."""
        for message, account in self._store.pending():
            if account in self._settings.signing_secrets:
                self.start(message)

    def start(self, message: int) -> asyncio.Task[None]:
        """Begin to tell what is owed of a message; the task ends when nothing more is."""
        task = asyncio.create_task(self._tell(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Stop telling; what was not told stays in the ledger."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tell(self, message: int) -> None:
        while callback := self._store.next_callback(message):
            await asyncio.sleep(callback.due_at - time.time())
            self._note(callback, await self._post(callback))

    async def _post(self, callback: Callback) -> httpx2.Response | None:
        body = json.dumps(callback.news).encode()
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
            self._store.settle(callback, CallbackState.TOLD)
        elif self._is_hopeless(callback, answer):
            self._store.settle(callback, CallbackState.ABANDONED)
        else:
            self._store.postpone(callback, time.time() + self._wait(callback))

    def _is_hopeless(self, callback: Callback, answer: httpx2.Response | None) -> bool:
        if time.time() - callback.happens_at > self._settings.longest_callback_age.total_seconds():
            return True
        return answer is not None and _is_refusal(answer) and callback.attempts + 1 >= self._settings.callback_refusals

    def _wait(self, callback: Callback) -> float:
        """Seconds until the next attempt, doubled by each; the exponent is bounded lest it overflow."""
        first = self._settings.first_retry.total_seconds()
        return min(first * 2 ** min(callback.attempts, 30), self._settings.longest_retry.total_seconds())


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """The `X-Sandbox-Signature` of a body at an instant, in Unix seconds."""
    return "v1=" + hmac.new(secret, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def _is_refusal(answer: httpx2.Response) -> bool:
    return answer.status_code not in _NOT_REFUSALS and (answer.is_redirect or answer.is_client_error)
