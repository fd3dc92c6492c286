"""Reads the strategy of a send: the messages of its steps, and what is awaited of each."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from api.auth.access import phone_number_rules
from api.routes.interactions.strategy_choice import ChosenSteps
from api.routes.interactions.strategy_destinations import destinations_of_steps
from api.routes.templates import Content, rendered
from api.schemas.interactions import SendRequest
from api.schemas.strategies import StepRequest
from api.state import IrisState
from domain.access import Caller, Operation
from domain.clock import utc_now
from domain.durations import parse_duration
from domain.errors import InvalidRequestError
from domain.gate.category import Category
from domain.identifiers import derived_id, run_id_of
from domain.problems import MAX_PROBLEMS, Problem
from domain.strategy.overlap import Means, overlap_of
from domain.strategy.plan import MAX_DEADLINE, MIN_DEADLINE, OnSuppressed, Success
from domain.strategy.reference import located
from domain.strategy.run import Run, RunStep
from domain.submission import Submission
from domain.templates import RenderingError, check_template, render
from integrations.references import capabilities, to_reference
from models.integration import Integration
from models.user import User
from providers.base import Capabilities
from queries.validation import owners_of, validate


@dataclass(frozen=True, slots=True)
class Send:
    """A send by a strategy.

    Attributes:
        asked: what could be read of it.
        chosen: its steps.
        problems: of the request itself.
        interaction_id: the interaction of the first step.
    """

    asked: SendRequest
    chosen: ChosenSteps
    caller: Caller
    fingerprint: str
    problems: Sequence[Problem]
    interaction_id: str
    created: datetime = field(default_factory=utc_now)

    @property
    def category(self) -> Category | None:
        """The category that it names, or else that of its stored strategy."""
        return self.asked.category or self.chosen.category

    @property
    def run_id(self) -> str:
        """The id of its run."""
        return run_id_of(self.interaction_id)


class _Read(NamedTuple):
    """What could be read of a step, whose integration exists."""

    integration: Integration
    content: Content
    deadline: timedelta
    success: Success
    means: Means


async def read_run(state: IrisState, send: Send) -> tuple[Run, list[Problem]]:
    """The run of a send, and what is wrong with it; its admission says what is wrong with the first step's message.

    Raises:
        InvalidRequestError: if the integration of a step does not exist, or no step has a destination.
    """
    asked = send.chosen.steps
    read = await asyncio.gather(
        *(_read(state, send.caller.tenant, send.chosen, number) for number in range(len(asked)))
    )
    problems = [*send.problems, *(located(one, number) for number, (_, found) in enumerate(read) for one in found)]
    steps = [step for step, _ in read if step is not None]
    if len(steps) < len(read):
        raise InvalidRequestError(problems)
    messages = [(step.integration.channel, one.destinations) for step, one in zip(steps, asked, strict=True)]
    rules = phone_number_rules(send.caller, state.settings)
    destinations, unread = await destinations_of_steps(send.caller.tenant, rules, send.asked.destinations, messages)
    problems += unread
    if not any(destinations):
        none = Problem(field="destinations", code="no_destination")
        raise InvalidRequestError(problems if unread else [*problems, *(located(none, i) for i in range(len(asked)))])
    run = Run(
        id=send.run_id,
        tenant=send.caller.tenant,
        author_id=send.caller.account_id,
        fingerprint=send.fingerprint,
        created=send.created,
        category=send.category or steps[0].content.category,
        name=send.chosen.name,
        strategy_id=send.chosen.strategy_id,
        version=send.chosen.version,
        steps=[_step(state, send, number, step, destinations[number]) for number, step in enumerate(steps)],
    )
    if run.category is Category.MARKETING:
        problems += _problems_of_marketing(asked)
    return run, _distinct([*problems, *await _problems_of_later(state, run)])


async def check_strategy(state: IrisState, tenant: str, chosen: ChosenSteps) -> None:
    """Check a strategy before it is stored; the values are the examples of its variables.

    Raises:
        InvalidRequestError: with every problem at its place, such as `steps[1].deadline`.
    """
    numbers = range(len(chosen.steps))
    problems = [one for number in numbers for one in await _problems_of_texts(state, tenant, chosen, number)]
    if not problems:
        read = await asyncio.gather(*(_read(state, tenant, chosen, number) for number in numbers))
        problems = [located(one, number) for number, (_, found) in enumerate(read) for one in found]
    if chosen.category is Category.MARKETING:
        problems += _problems_of_marketing(chosen.steps)
    if problems:
        raise InvalidRequestError([_outside_send(problem) for problem in _distinct(problems)])


async def _problems_of_texts(state: IrisState, tenant: str, chosen: ChosenSteps, number: int) -> list[Problem]:
    """Problems of the placeholders of a step, and of the payload that they make with the examples."""
    step = chosen.steps[number]
    integration = await state.integrations.of_tenant(step.integration_id, tenant)
    if integration is None or not step.payload:
        return []
    try:
        check_template(integration.channel, step.payload, chosen.variables)
    except RenderingError as error:
        spelt = [one.model_copy(update={"field": one.field.replace("payload", "payLoad", 1)}) for one in error.problems]
        return [located(problem, number) for problem in spelt]
    return []


def _outside_send(problem: Problem) -> Problem:
    return problem.model_copy(update={"field": problem.field.removeprefix("strategy.")})


async def _read(state: IrisState, tenant: str, chosen: ChosenSteps, number: int) -> tuple[_Read | None, list[Problem]]:
    """What can be read of a step, and what is wrong with it; None if its integration does not exist."""
    asked = chosen.steps[number]
    integration = await state.integrations.of_tenant(asked.integration_id, tenant)
    able = capabilities(integration) if integration is not None else None
    if integration is None or able is None:
        return None, [Problem(field="integrationId", code="integration_not_found")]
    content, problems = await _content(chosen, asked, integration)
    deadline = _read_deadline(asked, is_last=number == len(chosen.steps) - 1)
    if isinstance(deadline, Problem):
        problems, deadline = [*problems, deadline], MAX_DEADLINE
    success = asked.success_status or (Success.DELIVERED if able.reports_delivery else Success.SENT)
    if not _is_reported(success, able):
        problems = [*problems, Problem(field="successStatus", code="success_never_reported")]
    return _Read(integration, content, deadline, success, Means(able.recalls, able.min_validity)), problems


async def _content(chosen: ChosenSteps, asked: StepRequest, integration: Integration) -> tuple[Content, list[Problem]]:
    """What a step sends, with the values of the stored strategy's variables; or what is wrong with it."""
    if asked.template is None and not asked.payload:
        return Content(), [Problem(field="payLoad", code="missing")]
    if asked.template is not None and asked.payload:
        return Content(), [Problem(field="template", code="one_of_both")]
    try:
        return await _filled(chosen, asked, integration), []
    except (InvalidRequestError, RenderingError) as error:
        return Content(), list(error.problems)


async def _filled(chosen: ChosenSteps, asked: StepRequest, integration: Integration) -> Content:
    channel = integration.channel
    if asked.template is not None:
        return await rendered(integration.tenant, channel, asked.template, chosen.values)
    if chosen.strategy_id is None:
        return Content(asked.payload)
    return Content(render(channel, asked.payload, chosen.variables, chosen.values, "strategy.variables"))


def _read_deadline(asked: StepRequest, *, is_last: bool) -> timedelta | Problem:
    if asked.deadline is None:
        return MAX_DEADLINE if is_last else Problem(field="deadline", code="missing")
    deadline = parse_duration(asked.deadline)
    if deadline is None or not MIN_DEADLINE <= deadline <= MAX_DEADLINE:
        return Problem(field="deadline", code="deadline_out_of_range", details={"least": "PT5S", "most": "PT72H"})
    return deadline


def _is_reported(success: Success, able: Capabilities) -> bool:
    match success:
        case Success.SENT:
            return True
        case Success.DELIVERED:
            return able.reports_delivery
        case Success.READ:
            return able.reports_reads


def _problems_of_marketing(steps: Sequence[StepRequest]) -> list[Problem]:
    return [
        located(Problem(field="onSuppressed", code="suppressed_marketing_stops"), number)
        for number, step in enumerate(steps)
        if step.on_suppressed is OnSuppressed.NEXT
    ]


def _step(state: IrisState, send: Send, number: int, step: _Read, destinations: Sequence[str]) -> RunStep:
    """A step of the run, with its message unless it is skipped."""
    asked, caller = send.asked, send.caller
    on_suppressed = send.chosen.steps[number].on_suppressed
    category = send.category or step.content.category
    stops = category is Category.MARKETING or on_suppressed is OnSuppressed.STOP
    interaction_id = derived_id("strategy-step", send.run_id, str(number)) if number else send.interaction_id
    submission = Submission(
        interaction_id=interaction_id,
        fingerprint=send.fingerprint,
        tenant=caller.tenant,
        author_id=caller.account_id,
        submitted_at=send.created,
        integration=to_reference(step.integration),
        payload=step.content.payload,
        destinations=list(destinations),
        phone_numbers=phone_number_rules(caller, state.settings),
        process_id=asked.process_id or None,
        new_process_id=derived_id("process", send.interaction_id),
        auto_create_user=asked.auto_create_user,
        auto_create_process=asked.auto_create_process,
        metadata=asked.metadata,
        primary_key=asked.primary_key,
        attachments=send.chosen.steps[number].attachments_id,
        template=step.content.template,
        category=category,
        is_forced=asked.force and Operation.CONSENTS_OVERRIDE in caller.operations,
        schedule=asked.schedule,
    )
    return RunStep(
        deadline=step.deadline,
        success=step.success,
        stops_if_suppressed=stops,
        is_skipped=not destinations,
        interaction_id=interaction_id,
        integration=submission.integration,
        submission=submission if destinations else None,
        overlap=overlap_of(step.success, step.deadline, step.means, is_last=number == len(send.chosen.steps) - 1),
        recalls=step.means.recalls,
    )


async def _problems_of_later(state: IrisState, run: Run) -> list[Problem]:
    """What is wrong with the messages of all steps but the first, whose admission says it."""
    first, *later = [number for number, step in enumerate(run.steps) if not step.is_skipped]
    owners = await owners_of(_submission(run, first))
    found = await asyncio.gather(*(_problems_of(state, run, number, owners) for number in later))
    return [problem for problems in found for problem in problems]


async def _problems_of(state: IrisState, run: Run, number: int, owners_of_first: Sequence[User]) -> list[Problem]:
    """What is wrong with a step's message; that its recipient opted out is seen when the step starts."""
    submission = _submission(run, number)
    owners, refusals = await asyncio.gather(owners_of(submission), state.gate.refusals_of(submission.recipients))
    opted_in = [problem for problem in refusals if problem.code != "recipient_opted_out"]
    admittance = await state.gate.admit(submission, owners or owners_of_first)
    validation = await validate(
        state.integrations, submission, owners or owners_of_first, [*opted_in, *admittance.problems]
    )
    return [located(problem, number) for problem in validation.problems]


def _submission(run: Run, number: int) -> Submission:
    submission = run.steps[number].submission
    if submission is None:
        raise ValueError(f"step {number} is skipped")
    return submission


def _distinct(problems: Sequence[Problem]) -> list[Problem]:
    """The problems, each place and code once: every step has those of the process."""
    return list({(problem.field, problem.code): problem for problem in problems}.values())[:MAX_PROBLEMS]
