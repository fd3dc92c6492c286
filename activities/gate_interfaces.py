"""Interface of the gate's activities: abstract, typed and pure, so that workflows never import a driver."""

from abc import ABC, abstractmethod
from datetime import datetime

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from domain.gate.decision import Decision, Go, Refuse, Wait
from domain.gate.schedule import Schedule
from domain.problems import Problem


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class GateInput(_Message):
    """A message that the gate holds, and that it decides on again.

    Attributes:
        schedule: the schedule to decide by; None for the recorded one.
        at: the time of the decision.
    """

    interaction_id: str
    schedule: Schedule | None = None
    at: datetime


class GateResult(_Message):
    """Decision of the gate: the message waits, it never goes, or else it goes now.

    Attributes:
        wait: why and until when it is held.
        refusal: why it never goes.
        expires: from this instant it may not be sent any more, if it goes.
    """

    wait: Wait | None = None
    refusal: Problem | None = None
    expires: datetime | None = None

    @classmethod
    def of(cls, decision: Decision) -> "GateResult":
        """Return a decision as a result."""
        match decision:
            case Wait():
                return cls(wait=decision)
            case Refuse():
                return cls(refusal=decision.problem)
            case Go():
                return cls(expires=decision.expires)


class GateActivities(ABC):
    """The gate, for messages that it holds."""

    @abstractmethod
    @activity.defn
    async def decide(self, gate_input: GateInput) -> GateResult:
        """Decide whether a held message goes now."""
