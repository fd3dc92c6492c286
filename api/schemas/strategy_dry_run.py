"""Dry runs of strategies on the wire."""

from collections.abc import Mapping
from typing import Annotated, Final, cast

from pydantic import Field, JsonValue

from api.schemas.common import Asked
from api.schemas.interactions import MAX_DESTINATIONS, SendRequest
from api.schemas.strategies import STRATEGY_EXAMPLE, StrategyChoice
from domain.gate.category import Category
from domain.gate.schedule import MAX_TIME_LENGTH, ScheduleRequest
from domain.identifiers import Id
from domain.strategy.overlap import NEVER
from domain.strategy.plan import MAX_STEPS
from domain.strategy.run import Run, RunStep
from domain.strategy.simulation import AssumedOutcome, Moment, Timeline
from domain.submission import SEGMENTS
from domain.texts import chosen_language
from domain.texts.strategies import OVERLAPS
from wire.answer import Answer, Instant
from wire.interactions import IntegrationAnswer

_MAX_ASSUMPTIONS: Final = 4 * MAX_STEPS


class AssumptionRequest(Asked):
    """What is assumed to become of the message of a step."""

    step: int = Field(ge=1, le=MAX_STEPS, description="The number of the step, from 1.")
    outcome: Annotated[AssumedOutcome, Field(strict=False)]
    after: str | None = Field(
        default=None,
        max_length=MAX_TIME_LENGTH,
        description="When, as an ISO 8601 duration since the message may go; at once by default.",
        examples=["PT40S"],
    )


class DryRunRequest(Asked, ScheduleRequest):
    """A strategy to rehearse, with the fields of a send that it depends on."""

    strategy: StrategyChoice
    assume: list[AssumptionRequest] = Field(default=[], max_length=_MAX_ASSUMPTIONS)
    destinations: list[str] = Field(default=[], max_length=MAX_DESTINATIONS, alias="Destinations")
    category: Annotated[Category, Field(strict=False)] | None = None
    process_id: Id | None = Field(default=None, alias="processId")

    def as_send(self) -> SendRequest:
        """The send that it rehearses."""
        names = {"strategy", "destinations", "category", "process_id", *ScheduleRequest.model_fields}
        return SendRequest.model_construct(**{name: getattr(self, name) for name in names})


class MomentAnswer(Answer):
    """Something that happens: a step starts or gets further, or the run ends."""

    at: Instant
    after_seconds: float = Field(description="The time since the start of the run.")
    step: int | None = Field(description="The step that starts or gets further; null at the end.")
    reason: str | None = Field(description="Why the step starts.")
    progress: str | None = Field(description="How far the step gets.")
    outcome: str | None = Field(description="How the run ends.")

    @classmethod
    def of(cls, moment: Moment, run: Run) -> "MomentAnswer":
        """A moment as the answer shows it."""
        return cls(
            at=moment.at,
            after_seconds=(moment.at - run.created).total_seconds(),
            step=moment.step + 1 if moment.step is not None else None,
            reason=moment.reason,
            progress=moment.progress,
            outcome=moment.outcome,
        )


class TimelineAnswer(Answer):
    """A dry run: what happens, in order."""

    outcome: str
    messages: int = Field(description="The number of messages that are sent.")
    delivered_twice: bool
    moments: list[MomentAnswer]

    @classmethod
    def of(cls, timeline: Timeline, run: Run) -> "TimelineAnswer":
        """A dry run as the answer shows it."""
        return cls(
            outcome=timeline.outcome,
            messages=len(timeline.states),
            delivered_twice=timeline.is_delivered_twice,
            moments=[MomentAnswer.of(moment, run) for moment in timeline.moments],
        )


class PlannedStepAnswer(Answer):
    """A step as it would be sent."""

    step: int
    integration: IntegrationAnswer
    destinations: list[str]
    is_skipped: bool = Field(description="Whether it never starts, for want of a destination.")
    success_status: str
    deadline_seconds: int
    segments: int | None = Field(description="The segments of an SMS; null for any other message.")
    overlap: str = Field(description="Whether its message may arrive besides the next: `none` or `possible`.")
    overlap_reason: str = Field(description="Why, in words.")

    @classmethod
    def of(cls, number: int, step: RunStep) -> "PlannedStepAnswer":
        """A step as the answer shows it."""
        submission = step.submission
        counted = submission.registered().metadata.get(SEGMENTS) if submission is not None else None
        segments = cast("Mapping[str, int]", counted)["segments"] if counted is not None else None
        return cls(
            step=number + 1,
            integration=IntegrationAnswer.of(step.integration),
            destinations=submission.destinations if submission is not None else [],
            is_skipped=step.is_skipped,
            success_status=step.success,
            deadline_seconds=int(step.deadline.total_seconds()),
            segments=segments,
            overlap="none" if step.overlap in NEVER else "possible",
            overlap_reason=OVERLAPS[step.overlap][chosen_language()],
        )


class DryRunAnswer(Answer):
    """A rehearsed strategy."""

    steps: list[PlannedStepAnswer]
    timeline: TimelineAnswer = Field(description="What happens if everything comes as assumed.")
    cases: dict[str, TimelineAnswer] = Field(
        description="`best`: the first message is read at once; `silent`: no receipt ever comes; `failing`: every "
        "message fails at once."
    )

    @classmethod
    def of(cls, run: Run, timeline: Timeline, cases: Mapping[str, Timeline]) -> "DryRunAnswer":
        """A rehearsal as the answer shows it."""
        return cls(
            steps=[PlannedStepAnswer.of(number, step) for number, step in enumerate(run.steps)],
            timeline=TimelineAnswer.of(timeline, run),
            cases={name: TimelineAnswer.of(one, run) for name, one in cases.items()},
        )


_STEPS: Final = [
    {**step, "payLoad": {"Type": "simple-text", "Text": "Su código es 123456"}}
    for step in cast("list[dict[str, JsonValue]]", STRATEGY_EXAMPLE["steps"])
]

DRY_RUN_EXAMPLE: Final[dict[str, JsonValue]] = {
    "strategy": {"steps": cast("JsonValue", _STEPS)},
    "Destinations": ["34638766068"],
    "category": "authentication",
    "assume": [{"step": 2, "outcome": "delivered", "after": "PT10S"}],
}

_SENT: Final[dict[str, JsonValue]] = {
    "outcome": "succeeded",
    "messages": 1,
    "deliveredTwice": False,
    "moments": [
        {
            "at": "2026-12-01T09:48:21.246Z",
            "afterSeconds": 0,
            "step": 1,
            "reason": "first",
            "progress": None,
            "outcome": None,
        },
        {
            "at": "2026-12-01T09:48:21.246Z",
            "afterSeconds": 0,
            "step": 1,
            "reason": None,
            "progress": "succeeded",
            "outcome": None,
        },
        {
            "at": "2026-12-01T09:48:21.246Z",
            "afterSeconds": 0,
            "step": None,
            "reason": None,
            "progress": None,
            "outcome": "succeeded",
        },
    ],
}

DRY_RUN_ANSWER: Final[dict[str, JsonValue]] = {
    "steps": [
        {
            "step": 1,
            "integration": {
                "integrationId": "67c98902c362797495a602c7",
                "integrationName": "SMS-1",
                "integrationTypeId": "684bca2b65457325f7995be6",
                "integrationTypeName": "SMS",
                "integrationTypeProviderId": "684bca2b65457325f7995be7",
                "integrationTypeProviderName": "Acme",
            },
            "destinations": ["34638766068"],
            "isSkipped": False,
            "successStatus": "delivered",
            "deadlineSeconds": 30,
            "segments": 1,
            "overlap": "possible",
            "overlapReason": "El proveedor recibe el plazo como validez, pero la red puede entregarla después",
        }
    ],
    "timeline": _SENT,
    "cases": {"best": _SENT, "silent": _SENT, "failing": _SENT},
}
