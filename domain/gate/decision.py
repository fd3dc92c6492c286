"""Decisions of the gate: a message goes, waits until an instant, or is refused."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from domain.clock import to_wire
from domain.gate.zone_choice import ZoneChoice
from domain.problems import Problem
from domain.texts import Forms, Language, both, say


class _Decision(BaseModel):
    model_config = ConfigDict(frozen=True)


class HoldReason(StrEnum):
    """Reason why the gate holds a message; the `customStatus` of the interaction meanwhile."""

    SCHEDULED = "scheduled"
    WINDOW = "window"
    THROTTLED = "throttled"
    IN_ORDER = "in_order"
    PAUSED = "paused"


HOLDS: Final[Mapping[HoldReason, Forms]] = {
    HoldReason.SCHEDULED: both("Programada para {until}", "Scheduled for {until}"),
    HoldReason.WINDOW: both(
        "Espera hasta {until}, cuando abre la ventana de envío", "It waits until {until}, when the sending window opens"
    ),
    HoldReason.THROTTLED: both(
        "Espera su turno en el ritmo del remitente hasta {until}",
        "It waits until {until} for its slot in the sender's rate",
    ),
    HoldReason.IN_ORDER: both(
        "Espera al mensaje anterior de su proceso, {after}, como máximo hasta {until}",
        "It waits for the message before it in its process, {after}, at most until {until}",
    ),
    HoldReason.PAUSED: both("En pausa hasta {until}", "Paused until {until}"),
}
"""Texts by the reason of a wait."""

_AHEAD: Final = both(
    "{ahead:mensaje|mensajes} de su remitente antes, aproximadamente",
    "About {ahead:message|messages} of its sender before it",
)


EXPIRED: Final = "expired"
"""`customStatus` of a message whose validity ended before it was sent."""

SUPPRESSED: Final = "suppressed"
"""`customStatus` of a message whose recipient opted out while it was held."""

NOT_ALLOWED: Final = "not_allowed"
"""`customStatus` of a message that a rule of the tenant never lets go."""

END_OF_PROBLEM: Final[Mapping[str, str]] = {
    "expired": EXPIRED,
    "expires_before_window": EXPIRED,
    "recipient_opted_out": SUPPRESSED,
    "recipient_paused": SUPPRESSED,
}
"""`customStatus` by the code of the problem with which the gate ends a message; others are `NOT_ALLOWED`."""


class Go(_Decision):
    """The message may go now.

    Attributes:
        expires: from this instant it may not go any more; None if it stays valid.
    """

    expires: datetime | None = None


class Wait(_Decision):
    """The message is held; the gate decides again at `until`.

    Attributes:
        zones: how the time zones of the recipients were chosen, if they decide.
        after: the id of the interaction that goes first, if one does.
        ahead: estimated number of messages of its sender that go before it, if that is what it waits for.
    """

    until: datetime
    reason: HoldReason
    zones: tuple[ZoneChoice, ...] = ()
    after: str | None = None
    ahead: int = 0

    @property
    def details(self) -> dict[str, str | int]:
        """Return the parameters of its text."""
        before = {"after": self.after or ""} if self.reason is HoldReason.IN_ORDER else {}
        return {"until": to_wire(self.until), **before}

    def sentence(self, language: Language = Language.SPANISH) -> str:
        """Describe the wait, and what it is based on."""
        wait = say(HOLDS[self.reason], language, self.details)
        ahead = [say(_AHEAD, language, {"ahead": self.ahead})] if self.ahead else []
        return ". ".join([wait, *ahead, *(choice.sentence(language) for choice in self.zones)])


MAX_WAIT_IN_RUN: Final = timedelta(hours=24)
"""Longest wait for which a workflow stays open: it keeps the version of its worker in use until it ends."""

_WAKES_BEFORE: Final = timedelta(hours=12)
"""Time before the end of a longer wait at which the next workflow of the message starts."""


def wakes_at(wait: Wait | None, now: datetime) -> datetime | None:
    """Return when the next workflow of a held message starts; None if the present one stays open."""
    if wait is None or wait.until - now <= MAX_WAIT_IN_RUN:
        return None
    return wait.until - _WAKES_BEFORE


class Refuse(_Decision):
    """The message never goes."""

    problem: Problem

    @property
    def custom_status(self) -> str:
        """Return the `customStatus` of an interaction that the gate ends."""
        return END_OF_PROBLEM.get(self.problem.code, NOT_ALLOWED)


def expired(at: datetime) -> Problem:
    """Return the problem of a message whose validity ended at an instant."""
    return Problem(field="expireAt", code="expired", details={"expiry": to_wire(at)})


Decision = Go | Wait | Refuse
"""Answer of a rule of the gate."""
