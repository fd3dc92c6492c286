"""The callbacks: each is told until it is heard, signed anew at every attempt, also after a restart."""

import asyncio
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

import httpx2
from pydantic import JsonValue

from domain.clock import to_wire
from embedded.gateway.ledger import Callback, CallbackState, Ledger
from embedded.gateway.settings import GatewaySettings

UNREACHABLE: Final = {"code": "recipient_unreachable", "message": "The recipient cannot be reached"}
"""The error of every callback that tells of a failure."""

_NOT_REFUSALS: Final = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


class Courier:
    """Tells the callbacks of each message one after another; one that is not heard holds up no other."""

    def __init__(self, ledger: Ledger, http: httpx2.AsyncClient, settings: GatewaySettings) -> None:
        self._ledger = ledger
        self._http = http
        self._settings = settings
        self._tasks: set[asyncio.Task[None]] = set()

    def resume(self) -> None:
        """Go on with what was owed when the gateway last ended; to accounts that are gone, nothing is told."""
        for message, account in self._ledger.messages_with_pending_callbacks():
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
        while callback := self._ledger.next_callback(message):
            await asyncio.sleep(callback.due_at - time.time())
            self._note(callback, await self._post(callback))

    async def _post(self, callback: Callback) -> httpx2.Response | None:
        body = _body(callback)
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
            self._ledger.settle(callback, CallbackState.TOLD)
        elif self._is_hopeless(callback, answer):
            self._ledger.settle(callback, CallbackState.ABANDONED)
        else:
            self._ledger.postpone(callback, time.time() + self._wait(callback))

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


def _body(callback: Callback) -> bytes:
    news: dict[str, JsonValue] = {
        "id": callback.id,
        "reference": callback.reference,
        "channel": callback.content["channel"],
        "to": callback.content["to"],
        "status": callback.status,
        "timestamp": to_wire(datetime.fromtimestamp(callback.happens_at, UTC)),
        "sequence": callback.sequence,
    }
    if callback.status == "failed":
        news["error"] = {**UNREACHABLE}
    return json.dumps(news).encode()
