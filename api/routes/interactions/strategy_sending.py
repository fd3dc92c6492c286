"""Sends by a strategy: starts its run, and answers with the first message of it."""

from fastapi import Request
from fastapi.responses import JSONResponse

from api.routes.interactions.answering import answer_admission, answered
from api.routes.interactions.dry_run import answer_dry_run
from api.routes.interactions.expected_users import expect_recipients
from api.routes.interactions.strategy_plan import Send, read_run
from api.state import IrisState
from domain.problems import Problem
from domain.strategy.decision import Start, decide
from domain.strategy.run import Run
from domain.submission import Admission, Submission
from support.logs import note
from temporal.strategies import start_run


async def answer_strategy(request: Request, state: IrisState, send: Send) -> JSONResponse:
    """The answer to a send by a strategy: its first message, or all problems of its steps.

    A send with problems is recorded like any other: as an interaction in `VALIDATION_ERROR`, of its first step.

    Raises:
        InvalidRequestError: if the integration of a step does not exist, or no step has a destination.
        ConflictError: if its idempotency key was used for another request.
    """
    note(interaction_id=send.interaction_id)
    run, problems = await read_run(state, send)
    first = _first_message(run, problems)
    if send.asked.dry_run:
        return await answer_dry_run(request, state, first)
    if problems:
        return await answered(request, state, first)
    submission, user_ids = await expect_recipients(first)
    run = _expecting(run, submission, user_ids)
    admission = await start_run(state.temporal, state.settings, run)
    registered = Admission(interaction=first.registered(), fingerprint=run.fingerprint)
    return answer_admission(request, state, first, admission or registered)


def _first_message(run: Run, problems: list[Problem]) -> Submission:
    """The message of the first step, as it is submitted, with the problems of all steps."""
    decision = decide(run.steps, [], run.created)
    if not isinstance(decision, Start):
        raise TypeError("no step starts")
    started = run.start(decision, run.created)
    return started.submission_of(started.states[0]).model_copy(update={"problems": problems})


def _expecting(run: Run, submission: Submission, user_ids: list[str]) -> Run:
    """The run with what is expected of the recipients of its first message."""
    expects = {"expects_new_user": submission.expects_new_user}

    def marked(message: Submission | None) -> Submission | None:
        is_first = message is not None and message.interaction_id == submission.interaction_id
        return message.model_copy(update=expects) if message is not None and is_first else message

    steps = [step.model_copy(update={"submission": marked(step.submission)}) for step in run.steps]
    return run.model_copy(update={"steps": steps, "user_ids": user_ids})
