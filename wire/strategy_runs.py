"""Runs of strategies as JSON."""

from datetime import datetime

from pydantic import Field

from domain.strategy.explaining import next_of
from domain.strategy.overlap import NEVER
from domain.strategy.progress import StepState
from domain.strategy.run import Run, RunStep
from domain.texts import chosen_language
from domain.texts.strategies import OVERLAPS, REASONS, SKIPPED
from wire.answer import Answer, Instant
from wire.interactions import IntegrationAnswer


class StepAnswer(Answer):
    """A step of a run."""

    step: int = Field(description="Its number, from 1.")
    interaction_id: str | None = Field(description="Its interaction; null if it did not start.")
    integration: IntegrationAnswer
    success_status: str = Field(description="What it must reach.")
    deadline_seconds: int = Field(description="For how long that is awaited, from when its message may go.")
    progress: str | None = Field(
        description="`unsent`, `sent`, `delivered` (where reading is awaited), `succeeded`, `failed`, `expired`, "
        "`suppressed`, `refused` or `cancelled`; `skipped` without destination; null if it did not start."
    )
    status: str | None = Field(description="The status of its interaction.")
    custom_status: str | None
    reason: str | None = Field(description="Why it started: `first`, `failed`, `deadline` or `suppressed`.")
    explanation: str | None = Field(description="That in words; or why it is skipped.")
    recall: str | None = Field(
        description="What its provider answered when it was asked to take the message back: `recalled` (which is never "
        "certain), `already_delivered` or `not_recalled`; null if it was not asked."
    )
    overlap: str = Field(description="Whether its message may arrive besides the next: `none` or `possible`.")
    overlap_reason: str = Field(description="Why, in words.")
    started: Instant | None
    until: Instant | None = Field(description="Until when its success is awaited.")

    @classmethod
    def of(cls, number: int, step: RunStep, state: StepState | None) -> "StepAnswer":
        """A step as the answer shows it."""
        skipped = "skipped" if step.is_skipped else None
        report = state.report if state is not None else None
        return cls(
            step=number + 1,
            interaction_id=step.interaction_id if state is not None else None,
            integration=IntegrationAnswer.of(step.integration),
            success_status=step.success,
            deadline_seconds=int(step.deadline.total_seconds()),
            progress=state.progress if state is not None else skipped,
            status=report.state.status if report is not None else None,
            custom_status=report.state.custom_status if report is not None else None,
            reason=state.reason if state is not None else None,
            explanation=_explanation(step, state),
            recall=state.recall if state is not None else None,
            overlap="none" if step.overlap in NEVER else "possible",
            overlap_reason=OVERLAPS[step.overlap][chosen_language()],
            started=state.started if state is not None else None,
            until=state.deadline_at if state is not None else None,
        )


def _explanation(step: RunStep, state: StepState | None) -> str | None:
    """Why a step started, or why it is skipped."""
    if state is not None:
        return REASONS[state.reason][chosen_language()]
    return SKIPPED[chosen_language()] if step.is_skipped else None


class StrategyRunAnswer(Answer):
    """A run of a strategy."""

    id: str
    strategy_id: str | None = Field(description="The stored strategy; null for one that the send spelt out.")
    name: str | None
    version: int | None
    category: str
    process_id: str | None
    author_id: str
    created: Instant
    ended: Instant | None = Field(description="When it ended; null while it goes on.")
    outcome: str | None = Field(
        description="`succeeded`, `unconfirmed` (a message may still arrive), `failed`, `suppressed`, `refused` or "
        "`cancelled`; null while it goes on. A late receipt may correct it."
    )
    cancelled_by: str | None = Field(description="The account that cancelled it.")
    delivered_twice: bool = Field(description="Whether more than one of its messages reached the recipient.")
    next: str = Field(description="What it waits for and what happens then, or how it ended, in words.")
    steps: list[StepAnswer]

    @classmethod
    def of(cls, run: Run, now: datetime) -> "StrategyRunAnswer":
        """A run as the answer shows it."""
        states = {state.step: state for state in run.states}
        return cls(
            id=run.id,
            strategy_id=run.strategy_id,
            name=run.name,
            version=run.version,
            category=run.category,
            process_id=run.process_id,
            author_id=run.author_id,
            created=run.created,
            ended=run.ended,
            outcome=run.outcome,
            cancelled_by=run.cancelled_by,
            delivered_twice=run.is_delivered_twice,
            next=next_of(run, now, chosen_language()),
            steps=[StepAnswer.of(number, step, states.get(number)) for number, step in enumerate(run.steps)],
        )
