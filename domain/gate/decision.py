"""Decisions of the gate: a message goes, waits until an instant, or is refused."""

from collections.abc import Mapping
from datetime import datetime
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
        "Espera al mensaje anterior de su proceso, como máximo hasta {until}",
        "It waits for the message before it in its process, at most until {until}",
    ),
    HoldReason.PAUSED: both("En pausa hasta {until}", "Paused until {until}"),
}
"""Texts by the reason of a wait."""


class Go(_Decision):
    """The message may go now."""


class Wait(_Decision):
    """The message is held; the gate decides again at `until`.

    Attributes:
        zones: how the time zones of the recipients were chosen, if they decide.
    """

    until: datetime
    reason: HoldReason
    zones: tuple[ZoneChoice, ...] = ()

    def sentence(self, language: Language = Language.SPANISH) -> str:
        """Describe the wait, and the guesses that it is based on."""
        wait = say(HOLDS[self.reason], language, {"until": to_wire(self.until)})
        return ". ".join([wait, *(choice.sentence(language) for choice in self.zones)])


class Refuse(_Decision):
    """The message never goes."""

    problem: Problem


Decision = Go | Wait | Refuse
"""Answer of a rule of the gate."""
