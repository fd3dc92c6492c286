"""Demonstration: one message of every payload type of every channel sent, and one received (`iris demo`)."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx2
from pydantic import JsonValue, TypeAdapter
from pydantic.alias_generators import to_camel

from domain.channels import Channel
from domain.identifiers import derived_id, new_id
from domain.payloads.samples import SAMPLES
from embedded.demo import CHANNELS
from embedded.gateway.recipients import BEHAVIOURS, recipients_of
from embedded.gateway.settings import Account

Wire = Mapping[str, JsonValue]

ANSWER: Final[Wire] = {"Type": "simple-text", "Text": "Sí, allí estaré"}
"""Text that the end user writes."""

FAILED: Final = frozenset({"VALIDATION_ERROR", "PROCESS_ERROR"})
"""Final statuses of failure; a sending error is one too, unless its outcome is unknown."""

_READ: Final = "02"
"""Code of the sandbox recipient that reads messages where possible (`docs/providers/sandbox.md`)."""

_POLL_INTERVAL_SECONDS: Final = 0.25


def recipient_of(channel: Channel) -> str:
    """Recipient that reads the messages of a channel."""
    phone, email, page_scoped_id = recipients_of(_READ)
    return {Channel.EMAIL: email, Channel.MESSENGER: page_scoped_id}.get(channel, phone)


def final_status(channel: Channel) -> str:
    """Last provider status of a message to that recipient."""
    return BEHAVIOURS[_READ].statuses_on(channel)[-1]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Result of one message.

    Attributes:
        channel: its short name.
        type: the payload's `Type`.
        id: of its interaction; none if it was not stored.
        seconds: from sending until it was seen to have finished.
        succeeded: whether it reached its recipient's last status in time.
        problem: the reason of a failure.
    """

    channel: str
    type: str
    id: str | None
    status: str | None
    custom_status: str | None
    seconds: float
    succeeded: bool
    problem: str | None = None

    def as_json(self) -> dict[str, JsonValue]:
        """JSON form, for programs, with the field names of the API."""
        return {to_camel(name): value for name, value in asdict(self).items()}


class _BadAnswerError(Exception):
    """A response with which the demonstration cannot continue.

    Attributes:
        interaction: the interaction that was stored nevertheless.
    """

    def __init__(self, message: str, interaction: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.interaction = interaction


@dataclass(frozen=True, slots=True)
class DemoRun:
    """Demonstrates a running Iris.

    Attributes:
        api: a client of the API with a key.
        integrations: sandbox integrations by the channel's short name; channels without one are skipped.
        limit: timeout of one message.
    """

    api: httpx2.AsyncClient
    integrations: Mapping[str, str]
    limit: timedelta = timedelta(seconds=60)

    def samples(self) -> list[tuple[str, Wire]]:
        """Payloads to send, with short names of channels."""
        shown = {short: channel for short, channel in CHANNELS.items() if short in self.integrations}
        return [(short, sample) for short, channel in shown.items() for sample in SAMPLES[channel]]

    async def send_all(self, on_finish: Callable[[DemoResult], None] = lambda _: None) -> list[DemoResult]:
        """Send every sample concurrently, and wait until all have finished; `on_finish` is called for each."""

        async def send(short: str, sample: Wire) -> DemoResult:
            result = await self._send(short, sample)
            on_finish(result)
            return result

        return await asyncio.gather(*(send(short, sample) for short, sample in self.samples()))

    async def receive(self, gateway: httpx2.AsyncClient) -> DemoResult:
        """Let the recipient reply through the gateway, whose client uses the demo account's token."""
        short = "whatsapp" if "whatsapp" in self.integrations else next(iter(self.integrations))
        channel, integration_id = CHANNELS[short], self.integrations[short]

        async def write() -> str:
            message = {
                "channel": channel,
                "from": recipient_of(channel),
                "name": "Ana",
                "payload": ANSWER,
                "callbackUrl": str(self.api.base_url.join(f"/webhooks/sandbox/{integration_id}")),
            }
            response = await gateway.post("/v1/inbound", json=message)
            if response.is_error:
                raise _BadAnswerError(f"the gateway answers {response.status_code}: {response.text[:200]}", {})
            # As the API names inbound messages (`api/routes/provider_webhooks.py`), since no call lists them yet.
            return derived_id("inbound", integration_id, response.json()["id"])

        return await self._follow(short, ANSWER, write, lambda seen: seen.get("status") == "RECEIVED")

    async def _send(self, short: str, sample: Wire) -> DemoResult:
        channel = CHANNELS[short]

        async def submit() -> str:
            body = {
                "payLoad": sample,
                "integrationId": self.integrations[short],
                "Destinations": [recipient_of(channel)],
                "AutoCreateUser": True,
                "AutoCreateProcess": True,
            }
            response = await self._post(body)
            match response.json():
                case {"status": 200, "payload": {"id": interaction_id}}:
                    return interaction_id
                case {"title": title, "error": [*problems], "payload": interaction}:
                    reasons = "; ".join(f"{problem['field']}: {problem['message']}" for problem in problems)
                    raise _BadAnswerError(f"{title} ({reasons})", interaction or {})
                case _:
                    raise _BadAnswerError(f"{response.url} is not Iris's API", {})

        return await self._follow(short, sample, submit, lambda seen: seen.get("customStatus") == final_status(channel))

    async def _post(self, body: Mapping[str, object]) -> httpx2.Response:
        """Response to a send; a temporary refusal is retried when the API says, with the same key."""
        headers = {"Idempotency-Key": new_id()}
        while True:
            response = await self.api.post("/v1/interactions", json=body, headers=headers)
            wait = response.headers.get("Retry-After", "")
            if response.status_code not in {429, 503} or not wait.isdecimal():
                return response
            await asyncio.sleep(int(wait))

    async def _follow(
        self,
        short: str,
        payload: Wire,
        begin: Callable[[], Awaitable[str]],
        is_reached: Callable[[Mapping[str, Any]], bool],
    ) -> DemoResult:
        """Start a message and poll its interaction until it has finished, successfully or not."""
        began = time.monotonic()
        seen: Mapping[str, Any] = {}
        problem = None
        try:
            async with asyncio.timeout(self.limit.total_seconds()):
                seen = {"id": await begin()}
                while not (is_reached(seen) or _has_failed(seen)):
                    await asyncio.sleep(_POLL_INTERVAL_SECONDS)
                    seen = await self._look(seen)
        except TimeoutError:
            problem = f"it has not finished after {self.limit.total_seconds():g} s"
        except _BadAnswerError as error:
            seen, problem = error.interaction, str(error)
        except (httpx2.HTTPError, ValueError) as error:
            problem = f"no answer: {error}"
        return DemoResult(
            channel=short,
            type=str(payload["Type"]),
            id=seen.get("id"),
            status=seen.get("status"),
            custom_status=seen.get("customStatus"),
            seconds=round(time.monotonic() - began, 2),
            succeeded=problem is None and is_reached(seen),
            problem=problem or _reason(seen),
        )

    async def _look(self, seen: Mapping[str, Any]) -> Mapping[str, Any]:
        """The current interaction; the last known one while it is not stored yet."""
        response = await self.api.get(f"/v1/interactions/{seen['id']}")
        return response.json()["payload"] if response.is_success else seen


def sandbox_token(secrets_file: Path) -> str | None:
    """Token of the demo's account at the gateway, as `iris up` stores it; None if it cannot be read."""
    try:
        accounts = json.loads(secrets_file.read_text())["IRIS_SANDBOX_ACCOUNTS"]
        return TypeAdapter(list[Account]).validate_json(accounts)[0].token.get_secret_value()
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _has_failed(seen: Mapping[str, Any]) -> bool:
    is_refused = seen.get("status") == "PROVIDER_SENDING_ERROR" and seen["customStatus"] != "unknown"
    return is_refused or seen.get("status") in FAILED


def _reason(seen: Mapping[str, Any]) -> str | None:
    """Reason of a message's failure, from its history."""
    return seen["auditTrail"]["history"][-1]["notes"] if _has_failed(seen) else None
