"""What goes into an interaction's workflow, and what it answers."""

from datetime import timedelta
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from domain.interaction import Interaction
from domain.problems import Problem
from domain.submission import Submission


class InteractionInput(BaseModel):
    """What a run begins with.

    Attributes:
        interaction_id: whose run it is.
        submission: what to admit; None for a run that a late receipt begins, which can only go on from the record.
        receipt_window: how long receipts are awaited, from the creation of the interaction.
        dispatch_timeout: how long one attempt to send may last before it counts as never come back.
        dispatch_deadline: how long a send that the provider surely did not take is tried again.
    """

    model_config = ConfigDict(frozen=True)

    interaction_id: str
    submission: Submission | None = None
    receipt_window: timedelta
    dispatch_timeout: timedelta
    dispatch_deadline: timedelta


class Admission(BaseModel):
    """The answer to a submission.

    Attributes:
        interaction: as it was when the answer was decided.
        fingerprint: of the request that made it.
        problems: why it was refused, if it was.
    """

    model_config = ConfigDict(frozen=True)

    interaction: Interaction
    fingerprint: str
    problems: list[Problem] = []


class Refusal(NamedTuple):
    """Why a submission is refused, and the process that it named."""

    problems: list[Problem]
    process_id: str | None


NO_REFUSAL: Final = Refusal([], None)
"""Of a step that refuses nothing."""
