"""The callers: what they ask, how they insist, and what they are told."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import httpx2

from bench.faults.stage import AT_MOST_ONCE, Stage
from embedded.demo import CHANNELS
from embedded.gateway.recipients import BEHAVIOURS, spellings

PATIENCE: Final = 15.0
"""Seconds that a caller waits for an answer."""

_LONGEST_RETRY: Final = 2.0
_TEXT: Final = "Su código es 123456"


@dataclass
class Order:
    """One thing that is asked of Iris, and what its callers were told.

    Attributes:
        key: the `Idempotency-Key`, or the id of a message that an end user writes.
        callers: how many ask for the same at once.
        insists: whether they ask again until they are answered.
        is_valid: whether Iris is to admit it.
        answers: each try's answer, in words.
        interaction_ids: of the answers that had one.
        is_answered: whether a caller was told that it is admitted or refused.
    """

    key: str
    channel: str
    integration_id: str
    destination: str
    at_most_once: bool
    callers: int = 1
    insists: bool = True
    is_valid: bool = True
    is_inbound: bool = False
    answers: list[str] = field(default_factory=list[str])
    interaction_ids: set[str] = field(default_factory=set[str])
    is_answered: bool = False


def new_order(random: Random, number: int, demo: Mapping[str, str], once: Mapping[str, str]) -> Order:
    """An order by chance: of any channel, to anybody, by patient and impatient callers."""
    at_most_once = random.random() < 0.7  # noqa: PLR2004 - most providers recognise no repetition
    channel = random.choice(AT_MOST_ONCE if at_most_once else tuple(demo))
    is_inbound = random.random() < 0.1  # noqa: PLR2004 - a tenth is written by end users
    return Order(
        key=f"order-{number}-{random.randbytes(6).hex()}",
        channel=channel,
        integration_id=demo[channel] if is_inbound or not at_most_once else once[channel],
        destination=_destination(random, channel, is_inbound=is_inbound),
        at_most_once=at_most_once,
        callers=random.choice((1, 1, 1, 2)),
        insists=random.random() < 0.8,  # noqa: PLR2004 - a fifth gives up at the first fault
        is_valid=is_inbound or random.random() < 0.95,  # noqa: PLR2004 - one in twenty is refused
        is_inbound=is_inbound,
    )


def _destination(random: Random, channel: str, *, is_inbound: bool) -> str:
    place = {"email": 1, "messenger": 2}.get(channel, 0)
    if not is_inbound and random.random() < 0.5:  # noqa: PLR2004 - half go to a magic recipient
        return spellings(random.choice(tuple(BEHAVIOURS)))[place]
    digits = f"{random.randrange(10**9):09d}"
    return (f"346{digits[:8]}", f"user{digits}@example.com", f"2{digits}")[place]


class Callers:
    """Places orders with a running product."""

    def __init__(self, stage: Stage, api: httpx2.AsyncClient, gateway: httpx2.AsyncClient) -> None:
        self._stage = stage
        self._api = api
        self._gateway = gateway
        self.orders: list[Order] = []
        self._placing: list[asyncio.Task[None]] = []

    def begin(self, order: Order) -> None:
        """Begin to ask for an order, until it is answered, or once if its callers do not insist."""
        self.orders.append(order)
        self._placing.append(asyncio.create_task(self._place(order)))

    async def all_answered(self) -> None:
        """Wait until nobody asks any more."""
        await asyncio.gather(*self._placing)

    async def _place(self, order: Order) -> None:
        if order.is_inbound:
            await self._write(order)
        else:
            await asyncio.gather(*(self._call(order) for _ in range(order.callers)))

    async def _call(self, order: Order) -> None:
        body = {
            "payLoad": _payload(order),
            "integrationId": order.integration_id,
            "Destinations": [order.destination],
        }
        while True:
            wait = 0.5
            try:
                response = await self._api.post(
                    "/v1/interactions", json=body, headers={"Idempotency-Key": order.key}, timeout=PATIENCE
                )
                wait = min(float(response.headers.get("Retry-After", wait)), _LONGEST_RETRY)
                self._note(order, response.status_code, response.json().get("payload"))
            except (httpx2.HTTPError, ValueError) as error:
                order.answers.append(type(error).__name__)
            if order.is_answered or not order.insists:
                return
            await asyncio.sleep(wait)

    def _note(self, order: Order, status: int, payload: dict[str, Any] | None) -> None:
        order.answers.append(f"{status} {payload['status']}" if payload else f"{status}")
        if payload:
            order.interaction_ids.add(payload["id"])
        if status == 200 or (payload and not order.is_valid):  # noqa: PLR2004 - admitted
            order.is_answered = True

    async def _write(self, order: Order) -> None:
        """An end user writes: the gateway is asked until it has taken the message."""
        callback = f"{self._stage.settings.public_url}/webhooks/sandbox/{order.integration_id}"
        message = {
            "id": order.key,
            "channel": CHANNELS[order.channel],
            "from": order.destination,
            "payload": {"Type": "simple-text", "Text": "Sí"},
            "callbackUrl": callback,
        }
        while not order.is_answered:
            try:
                response = await self._gateway.post("/v1/inbound", json=message, timeout=PATIENCE)
                order.answers.append(f"inbound {response.status_code}")
                order.is_answered = response.is_success
            except httpx2.HTTPError as error:
                order.answers.append(f"inbound {type(error).__name__}")
            if not order.is_answered:
                await asyncio.sleep(0.5)


def _payload(order: Order) -> dict[str, str]:
    text = _TEXT if order.is_valid else ""
    match order.channel:
        case "email":
            return {"Type": "email", "Subject": "Su cita", "Body": text}
        case "rcs":
            return {"Type": "text-message-rcs", "Text": text}
        case _:
            return {"Type": "simple-text", "Text": text}
