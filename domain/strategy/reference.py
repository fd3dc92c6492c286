"""What an interaction knows of the strategy that it is a step of."""

from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict

from domain.problems import Problem
from domain.strategy.plan import RunOutcome


class StrategyReference(BaseModel):
    """A step of a run.

    Attributes:
        run_id: the run.
        step: the number of the step, from 1.
        of: the number of steps.
        name: the name of the stored strategy; None for one that the send spelt out.
        deadline: how long the step's success is awaited, from when it may go.
        expires: until when it is awaited, once that is known; the message is of no use after that.
        is_later: whether an earlier step was sent, so that the message joins its process even if that was closed.
        outcome: how the run ended; None while it goes on.
    """

    model_config = ConfigDict(frozen=True)

    run_id: str
    step: int
    of: int
    name: str | None = None
    deadline: timedelta
    expires: datetime | None = None
    is_later: bool = False
    outcome: RunOutcome | None = None

    def located(self, problem: Problem) -> Problem:
        """Return a problem of the step's message with its place in the send that spelt out the strategy."""
        return located(problem, self.step - 1)


_OF_STEP: Final = (
    *("payLoad", "integrationId", "template", "attachmentsId", "destinations", "Destinations"),
    *("deadline", "successStatus", "onSuppressed"),
)
"""Fields of a send that each step has for itself."""


def located(problem: Problem, step: int) -> Problem:
    """Return a problem of a step, from 0, with its place: `payLoad.Text` becomes `strategy.steps[1].payLoad.Text`."""
    if not problem.field.startswith(_OF_STEP):
        return problem
    field = problem.field.replace("Destinations", "destinations", 1)
    return problem.model_copy(update={"field": f"strategy.steps[{step}].{field}"})
