"""Explains a run for people: why its steps started, and what comes next."""

from datetime import datetime

from domain.clock import to_wire
from domain.strategy.decision import End, Start, Wait
from domain.strategy.plan import RunOutcome
from domain.strategy.run import Run
from domain.texts import Language, say
from domain.texts.strategies import AWAITED, AWAITED_OF_LAST, DELIVERED_TWICE, OUTCOMES, STARTING


def next_of(run: Run, now: datetime, language: Language) -> str:
    """Say what a run waits for and what happens then, or how it ended."""
    match run.decide(now):
        case Start(step):
            return say(STARTING, language, {"step": step + 1})
        case End(outcome):
            return _ended(outcome, language, is_twice=run.is_delivered_twice)
        case Wait(until):
            return _awaited(run, until, language)


def _ended(outcome: RunOutcome, language: Language, *, is_twice: bool) -> str:
    sentences = [OUTCOMES[outcome][language], *([DELIVERED_TWICE[language]] if is_twice else [])]
    return ". ".join(sentences)


def _awaited(run: Run, until: datetime, language: Language) -> str:
    last = run.states[-1]
    following = [number for number in range(last.step + 1, len(run.steps)) if not run.steps[number].is_skipped]
    details: dict[str, str | int] = {"success": last.success, "step": last.step + 1, "until": to_wire(until)}
    if not following:
        return say(AWAITED_OF_LAST, language, details)
    return say(AWAITED, language, {**details, "next": following[0] + 1})
