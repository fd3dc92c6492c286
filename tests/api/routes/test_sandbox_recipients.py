"""Sandbox recipients: each leads to its documented result (`docs/providers/sandbox.md`)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.api.support import received, states, verdicts
from tests.iris import Iris

InteractionState = tuple[str, str | None]

ADMITTED: list[InteractionState] = [("VALIDATION_PENDING", None), ("DISPATCH_PENDING", None)]
TAKEN: list[InteractionState] = [*ADMITTED, ("SENT", "queued")]
UNDER_WAY: list[InteractionState] = [*TAKEN, ("SENT", "sent")]
DELIVERED: list[InteractionState] = [*UNDER_WAY, ("COMPLETED", "delivered")]
READ: list[InteractionState] = [*DELIVERED, ("COMPLETED", "read")]
FAILED: list[InteractionState] = [*UNDER_WAY, ("PROCESS_ERROR", "failed")]
AT_ONCE: list[InteractionState] = [*TAKEN, ("COMPLETED", "delivered")]
READ_AT_ONCE: list[InteractionState] = [*TAKEN, ("COMPLETED", "read")]
UNKNOWN: list[InteractionState] = [*ADMITTED, ("PROVIDER_SENDING_ERROR", "unknown"), ("COMPLETED", "delivered")]
REFUSED: list[InteractionState] = [*ADMITTED, ("PROVIDER_SENDING_ERROR", "rejected")]


@dataclass(frozen=True)
class Scenario:
    """Expected course of a message.

    Attributes:
        history: its statuses.
        applied: the callbacks that changed its status.
        late: callbacks that were too late, or repeated.
        verdicts: the gateway's own record of the requests to send it.
    """

    channel: str
    recipient: str
    history: list[InteractionState]
    applied: Sequence[str] = ()
    late: Sequence[str] = ()
    verdicts: Sequence[str] = ("accepted",)


BOTH = ("sent", "delivered")
REPORTED_IN_DISORDER = ("read", "delivered", "delivered", "sent", "sent")

SCENARIOS = {
    "delivered": Scenario("sms", "34600000001", DELIVERED, BOTH),
    "an SMS is never read": Scenario("sms", "34600000002", DELIVERED, BOTH),
    "refused": Scenario("sms", "34600000003", REFUSED, verdicts=["refused"]),
    "failed": Scenario("sms", "34600000004", FAILED, ["sent", "failed"]),
    "throttled": Scenario("sms", "34600000005", DELIVERED, BOTH, verdicts=["throttled", "throttled", "accepted"]),
    "answer lost once": Scenario("sms", "34600000006", DELIVERED, BOTH, verdicts=["accepted", "repeated"]),
    "every answer lost": Scenario(
        "sms", "34600000007", UNKNOWN, ["delivered"], verdicts=["accepted", "repeated", "repeated"]
    ),
    "called back early": Scenario("sms", "34600000008", AT_ONCE, ["delivered"]),
    "called back in disorder": Scenario("sms", "34600000009", AT_ONCE, ["delivered"], ["delivered", "sent", "sent"]),
    "silent": Scenario("sms", "34600000010", TAKEN),
    "slow": Scenario("sms", "34600000011", DELIVERED, BOTH),
    "WhatsApp: read": Scenario("whatsapp", "34600000002", READ, [*BOTH, "read"]),
    "RCS: in disorder": Scenario("rcs", "34600000009", READ_AT_ONCE, ["read"], REPORTED_IN_DISORDER),
    "e-mail: failed": Scenario("email", "failed@sandbox.example.com", FAILED, ["sent", "failed"]),
    "e-mail: refused": Scenario("email", "Refused@sandbox.example.com", REFUSED, verdicts=["refused"]),
    "Messenger: delivered": Scenario("messenger", "1000000000000001", DELIVERED, BOTH),
    "nobody in particular": Scenario("sms", "34638766068", DELIVERED, BOTH),
}


@pytest.fixture(scope="module")
async def sent(iris: Iris) -> dict[str, str]:
    """The interaction of every scenario; all are sent at once, so that the slow ones run in parallel."""
    admitted = await asyncio.gather(
        *(iris.send(scenario.channel, scenario.recipient) for scenario in SCENARIOS.values())
    )
    return {name: interaction["id"] for name, interaction in zip(SCENARIOS, admitted, strict=True)}


def repeated_callbacks(messages: list[dict[str, Any]]) -> bool:
    """Whether the gateway repeated a callback that a busy machine did not accept in time.

    A repeated callback arrives after the next one, and may arrive twice.
    """
    return any(callback["attempts"] > 1 for message in messages for callback in message["callbacks"])


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_magic_recipient_comes_to_its_documented_end(iris: Iris, sent: dict[str, str], name: str) -> None:
    scenario, interaction_id = SCENARIOS[name], sent[name]
    await iris.until_status(interaction_id, *scenario.history[-1])
    seen = await received(iris, interaction_id, len(scenario.applied) + len(scenario.late))
    events = seen["auditTrail"]["providerEvents"]
    assert all((event["reason"] is None) == event["applied"] for event in events)
    assert await verdicts(iris, interaction_id) == list(scenario.verdicts)
    taken = await iris.taken_by_gateway(interaction_id)
    assert [message["to"] for message in taken] == ([] if scenario.verdicts == ["refused"] else [[scenario.recipient]])
    if repeated_callbacks(taken):
        assert states(seen)[-1] == scenario.history[-1]
        assert {event["event"] for event in events} <= {*scenario.applied, *scenario.late}
    else:
        assert states(seen) == scenario.history
        assert [event["event"] for event in events if event["applied"]] == list(scenario.applied)
        assert [event["event"] for event in events if not event["applied"]] == list(scenario.late)
