"""Answers to submissions."""

from http import HTTPStatus
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse

from api.http.envelope import failure, success
from api.http.errors import status_of_problems
from api.http.idempotency import check_same
from api.routes.interactions.expected_users import expect_recipients
from api.state import IrisState
from domain.problems import Problem
from domain.submission import Admission, Submission
from models.interaction import Interaction
from queries.correlation import InteractionRef
from support.logs import note
from support.metrics import count_submission
from temporal.interactions import submit
from wire.interactions import InteractionAnswer

SENT_DETAIL: Final = "Integración enviada a microservicio"
"""The detail of an admitted submission (specification, the answer's example)."""


async def answered(request: Request, state: IrisState, submission: Submission) -> JSONResponse:
    """The answer to a submission: the admitted interaction, or the problems of a rejected one.

    Raises:
        ConflictError: if its idempotency key was used for another request.
    """
    note(interaction_id=submission.interaction_id)
    submission, user_ids = await expect_recipients(submission)
    admission = await submit(state.temporal, state.settings, submission, user_ids)
    return answer_admission(request, state, submission, admission)


def answer_admission(request: Request, state: IrisState, submission: Submission, admission: Admission) -> JSONResponse:
    """The answer to a submission that was admitted or refused, perhaps for an earlier request with the same key.

    Raises:
        ConflictError: if that was another request.
    """
    created = admission.interaction.audit_trail.created
    if (created, admission.fingerprint) != (submission.submitted_at, submission.fingerprint):
        check_same(admission.fingerprint, submission.fingerprint)
    integration = submission.integration
    count_submission(integration.channel, integration.provider, admission.interaction.status)
    answer = InteractionAnswer.of(admission.interaction).on_the_wire()
    if admission.problems:
        return failure(request, status_of_problems(admission.problems), admission.problems, payload=answer)
    if admission.interaction.process_id is not None:
        state.addressees.set(admission.interaction.id, InteractionRef.of(admission.interaction))
    return success(answer, SENT_DETAIL)


async def answer_too_late(request: Request, document: Interaction, code: str) -> JSONResponse:
    """The answer to a change for which it is too late: 409 with the problem `code` and the interaction."""
    answer = InteractionAnswer.of(await document.view()).on_the_wire()
    return failure(request, HTTPStatus.CONFLICT, [Problem(field="id", code=code)], payload=answer)
