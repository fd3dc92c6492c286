"""Load generator: simulated callers, their requests, retries and responses."""

import asyncio
from http import HTTPStatus
from random import Random
from typing import Any, Final, NamedTuple

import httpx2

from bench.faults.environment import Stage
from bench.faults.requests import DEADLINE_SECONDS, DONE, LAST_DEADLINE_SECONDS, Demand, FollowUp, Order, put_off
from domain.clock import to_wire, utc_now
from embedded.demo import CHANNELS

TIMEOUT: Final = 15.0
"""Timeout of a caller's request, in seconds."""

IN_THE_PAST: Final = "in_the_past"
"""Code of the problem of an order to send later whose callers reach Iris only after its time."""

_WAIT: Final = 0.5
_MAX_RETRY_SECONDS: Final = 2.0


class Answer(NamedTuple):
    """Response to one attempt.

    Attributes:
        codes: of the problems.
        wait: seconds after which to retry, if a retry is needed.
    """

    status: int
    payload: dict[str, Any]
    codes: list[str]
    wait: float


class Callers:
    """Sends orders and their follow-up requests to a running product."""

    def __init__(self, stage: Stage, api: httpx2.AsyncClient, gateway: httpx2.AsyncClient, random: Random) -> None:
        self._stage = stage
        self._api = api
        self._gateway = gateway
        self._random = random
        self.orders: list[Order] = []
        self.demands: list[Demand] = []
        self._placing: list[asyncio.Task[None]] = []
        self._merged_next: Order | None = None
        self._merges = 0

    def begin(self, order: Order) -> None:
        """Start an order: retry until it is answered, or try once if its callers do not insist."""
        self.orders += [order, order.then] if order.then is not None else [order]
        self._placing.append(asyncio.create_task(self._send(order)))

    @property
    def unanswered(self) -> int:
        """Number of callers that still retry."""
        return sum(not placing.done() for placing in self._placing)

    async def give_up(self) -> None:
        """Stop all retries."""
        for placing in self._placing:
            placing.cancel()
        await asyncio.gather(*self._placing, return_exceptions=True)

    async def _send(self, order: Order) -> None:
        if order.is_inbound:
            await self._write(order)
        else:
            await asyncio.gather(*(self._call(order) for _ in range(order.callers)))
        if order.follow_up is not None and order.is_answered:
            await asyncio.sleep(order.follow_up_after)
            await self._follow_up(order, order.follow_up)

    async def _call(self, order: Order) -> None:
        path, body = _request(order)
        while True:
            answer = await self._ask(order.answers, "POST", path, json=body, headers={"Idempotency-Key": order.key})
            if answer is not None:
                _note(order, answer)
            if order.is_answered or not order.insists:
                return
            await asyncio.sleep(answer.wait if answer else _WAIT)

    async def _follow_up(self, order: Order, follow_up: FollowUp) -> None:
        """Send the follow-up of an order once it is answered."""
        match follow_up:
            case FollowUp.CANCEL:
                path = f"/v1/interactions/{order.interaction_id}/cancel"
                await self._retry(Demand(follow_up, order), "POST", path)
            case FollowUp.RESCHEDULE:
                later = put_off(self._random, order)
                path = f"/v1/interactions/{order.interaction_id}/schedule"
                await self._retry(
                    Demand(follow_up, order, send_at=later), "PATCH", path, json={"sendAt": to_wire(later)}
                )
            case FollowUp.OPT_OUT:
                await self._opt_out(order)
            case FollowUp.RESEND:
                again = order.again(self._stage.demo.tenant)
                self.orders.append(again)
                await self._send(again)
            case FollowUp.ERASE:
                await self._find_user(order)
                await self._retry(Demand(follow_up, order), "DELETE", f"/v1/users/{order.user_id}")
            case FollowUp.MERGE:
                await self._find_user(order)
                await self._merge(order)

    async def _opt_out(self, order: Order) -> None:
        """Opt its recipient out, and then send to the recipient again."""
        consent = {
            "destination": order.destination,
            "channel": CHANNELS[order.channel],
            "category": self._random.choice(("marketing", "all")),
            "state": "out",
        }
        await self._retry(Demand(FollowUp.OPT_OUT, order), "PUT", "/v1/consents", json=consent)
        refused = order.after_opt_out(self._stage.demo.tenant)
        self.orders.append(refused)
        await self._send(refused)

    async def _merge(self, order: Order) -> None:
        """Merge its user into the next one's; every second time, the merged user is erased then."""
        if self._merged_next is None:
            self._merged_next = order
            return
        merged, self._merged_next = self._merged_next, None
        self._merges += 1
        is_erased = self._merges % 2 == 0
        demand, body = Demand(FollowUp.MERGE, merged, into=order), {"from": merged.user_id}
        await self._retry(demand, "POST", f"/v1/users/{order.user_id}/merge", json=body)
        if is_erased:
            await self._follow_up(order, FollowUp.ERASE)

    async def _find_user(self, order: Order) -> None:
        """Poll until the interaction names its end user."""
        while not order.user_id:
            answer = await self._ask([], "GET", f"/v1/interactions/{order.interaction_id}")
            if answer is not None and answer.payload.get("users"):
                order.user_id = answer.payload["users"][0]["id"]
                return
            await asyncio.sleep(_WAIT)

    async def _retry(self, demand: Demand, method: str, path: str, **request: Any) -> None:  # noqa: ANN401 - httpx2's own
        """Retry until it succeeds, or is finally rejected."""
        self.demands.append(demand)
        while not demand.result:
            answer = await self._ask(demand.answers, method, path, **request)
            if answer is not None and answer.status in {HTTPStatus.OK, HTTPStatus.CREATED}:
                demand.result, demand.done_at = DONE, utc_now()
            elif answer is not None and _is_final(demand, answer):
                demand.result = " ".join(answer.codes)
            else:
                await asyncio.sleep(answer.wait if answer else _WAIT)

    async def _ask(self, answers: list[str], method: str, path: str, **request: Any) -> Answer | None:  # noqa: ANN401 - httpx2's own
        """Response of one attempt; None without a response."""
        try:
            response = await self._api.request(method, path, timeout=TIMEOUT, **request)
            body: dict[str, Any] = response.json()
        except (httpx2.HTTPError, ValueError) as error:
            answers.append(type(error).__name__)
            return None
        payload: dict[str, Any] = body.get("payload") or {}
        answers.append(f"{response.status_code} {payload.get('status', '')}".rstrip())
        wait = min(float(response.headers.get("Retry-After", _WAIT)), _MAX_RETRY_SECONDS)
        return Answer(response.status_code, payload, [one["code"] for one in body.get("error") or ()], wait)

    async def _write(self, order: Order) -> None:
        """Write as an end user: retry until the gateway has accepted the message."""
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
                response = await self._gateway.post("/v1/inbound", json=message, timeout=TIMEOUT)
                order.answers.append(f"inbound {response.status_code}")
                order.is_answered = response.is_success
            except httpx2.HTTPError as error:
                order.answers.append(f"inbound {type(error).__name__}")
            if not order.is_answered:
                await asyncio.sleep(_WAIT)


def _note(order: Order, answer: Answer) -> None:
    if "id" in answer.payload:
        order.interaction_ids.add(answer.payload["id"])
    if IN_THE_PAST in answer.codes:
        order.is_valid = False
    if answer.status == HTTPStatus.OK or (answer.payload and not order.is_valid):
        order.is_answered = True
    elif order.repeats is not None and answer.status == HTTPStatus.CONFLICT and not order.is_answered:
        order.is_answered = order.is_refused = True


def _is_final(demand: Demand, answer: Answer) -> bool:
    """Whether a refusal is the last word; a message that is admitted may not be stored yet."""
    is_of_one = demand.follow_up in {FollowUp.CANCEL, FollowUp.RESCHEDULE}
    is_too_early = is_of_one and answer.status == HTTPStatus.NOT_FOUND
    return answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and not is_too_early


def _request(order: Order) -> tuple[str, dict[str, Any]]:
    if order.repeats is not None:
        return f"/v1/interactions/{order.repeats.interaction_id}/resend", {"force": order.is_forced}
    if order.then is not None:
        first = {**_message(order), "deadline": f"PT{DEADLINE_SECONDS}S"}
        second = {**_message(order.then), "deadline": f"PT{LAST_DEADLINE_SECONDS}S"}
        return "/v1/interactions", {"strategy": {"steps": [first, second]}, "category": order.category}
    body = {
        **_message(order),
        "category": order.category,
        **({"sendAt": to_wire(order.send_at)} if order.send_at else {}),
    }
    return "/v1/interactions", body


def _message(order: Order) -> dict[str, Any]:
    return {
        "payLoad": _payload(order),
        "integrationId": order.integration_id,
        "destinations": [order.destination],
    }


def _payload(order: Order) -> dict[str, str]:
    text = f"Su cita: {order.key}" if order.is_valid or order.has_opted_out else ""
    match order.channel:
        case "email":
            return {"Type": "email", "Subject": "Su cita", "Body": text}
        case "rcs":
            return {"Type": "text-message-rcs", "Text": text}
        case _:
            return {"Type": "simple-text", "Text": text}
