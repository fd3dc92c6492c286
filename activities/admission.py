"""Admission of a submission: register it, then validate and resolve it."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError
from temporalio import activity

from activities.interfaces import AdmissionActivities, AdmitInput, AdmitResult
from activities.publishing import Publish, publish_nothing
from domain.destinations import Destination
from domain.gate.decision import Decision, Go, Refuse, Wait, wakes_at
from domain.gate.order import Order
from domain.gate.ordering import evaluate_order
from domain.identifiers import derived_id
from domain.interaction import Direction, DispatchPolicy, HistoryEntry
from domain.problems import Problem
from domain.submission import Submission
from integrations.cache import Integrations
from models.attachment import Attachment
from models.interaction import Interaction
from models.interaction_steps import Step
from models.process import Process, joining_step, last_entry_step, order_step
from models.user import OwnedDestination, User
from queries.gate import ADMITTED, Admittance, Gate
from queries.validation import owned_destinations, owners_of, process_problems, validate, with_owners


class MongoAdmission(AdmissionActivities):
    """Admission on MongoDB."""

    def __init__(
        self,
        integrations: Integrations,
        gate: Gate,
        publish: Publish = publish_nothing,
    ) -> None:
        """Admit through these integrations what this gate lets pass, and publish the resulting events."""
        self._integrations = integrations
        self._gate = gate
        self._publish = publish

    @activity.defn
    async def admit(self, admit_input: AdmitInput) -> AdmitResult | None:
        """Register, validate and resolve a submission; None if another run registered it."""
        submission = admit_input.submission
        registering = self.register(submission, activity.info().workflow_run_id or "")
        is_ours, owners, refusals = await asyncio.gather(
            registering, owners_of(submission), self._gate.refusals_of(submission.recipients)
        )
        if not is_ours:
            return None
        admittance = await self._gate.admit(submission, owners)
        validation = await validate(self._integrations, submission, owners, [*refusals, *admittance.problems])
        counted = [] if validation.problems else await self._gate.reach.count(submission, validation.destinations)
        problems = [*validation.problems, *submission.located(counted)]
        if problems or validation.policy is None:
            return _refused(admit_input, problems)
        admitted = await self.resolve(admit_input, validation.destinations, validation.policy, owners, admittance)
        if admitted.policy is not None:
            if submission.attachments:
                await Attachment.mark_used(submission.tenant, submission.attachments)
            integration = submission.integration
            await self._publish(integration.integration_id, integration.version, admitted.interaction.id, 0)
        return admitted

    async def register(self, submission: Submission, run_id: str) -> bool:
        """Store the interaction in `VALIDATION_PENDING`; True if this run stored it, now or before."""
        document = Interaction.registered(submission.registered(), submission.fingerprint, run_id)
        try:
            await document.insert()
        except DuplicateKeyError:
            document = await Interaction.find_one({"_id": submission.interaction_id})
            if document is None:
                raise
        return document.registered_by == run_id

    async def resolve(
        self,
        admit_input: AdmitInput,
        destinations: list[Destination],
        policy: DispatchPolicy,
        owners: list[User],
        admittance: Admittance = ADMITTED,
    ) -> AdmitResult:
        """Find or create the users and the process, and put the interaction in `DISPATCH_PENDING`.

        Args:
            admit_input: the submission to admit.
            destinations: its recipients.
            policy: the dispatch policy.
            owners: users that own any of the destinations; if there are none, one is created.
            admittance: what the gate says of the submission.
        """
        submission = admit_input.submission
        # A named process may have been closed since validation: it is joined before a user is created in vain.
        joining = [user.id for user in owners] or [submission.new_user_id]
        process = await _join_named_process(submission, joining) if submission.process_id else None
        if submission.process_id and process is None:
            return _refused(admit_input, [await _why_not_joined(submission)])
        users, process = await _find_or_create(submission, owned_destinations(destinations), owners, process)
        if process is None:
            return _refused(admit_input, [await _why_not_joined(submission)])
        order = submission.order.over(process.order_default) if submission.order is not None else None
        decision = await self._in_order(submission, order, process, admittance) if order is not None else Go()
        if isinstance(decision, Refuse):
            return _refused(admit_input, [decision.problem])
        if isinstance(decision, Wait):
            admittance = admittance._replace(hold=decision)
        queued = _Queued(with_owners(destinations, users), policy, admittance, order)
        interaction = await _queue(admit_input, queued, users, process)
        composed = interaction.composed(users, process)
        return AdmitResult(interaction=composed, policy=policy, expires=admittance.expires)

    async def _in_order(
        self, submission: Submission, order: Order, process: Process, admittance: Admittance
    ) -> Decision:
        """Decide whether a message waits for its predecessors, unless something else holds it at first."""
        predecessors = process.predecessors(_order_keys(submission), submission.interaction_id)
        await Interaction.set_predecessors(submission.interaction_id, predecessors)
        if admittance.hold is not None:
            return Go()
        before = await self._gate.predecessors(submission.interaction_id, predecessors)
        return evaluate_order(order, before, submission.submitted_at, submission.submitted_at)


def _refused(admit_input: AdmitInput, problems: list[Problem]) -> AdmitResult:
    return AdmitResult(interaction=admit_input.submission.registered(), problems=problems)


async def _find_or_create(
    submission: Submission, owned: list[OwnedDestination], users: list[User], process: Process | None
) -> tuple[list[User], Process | None]:
    """Find or create the users and the process; if both are created, neither waits for the other."""
    if users:
        return users, process or await _create_process(submission, [user.id for user in users])
    if process is not None:
        users = await _create_user(submission, owned)
        ids = [user.id for user in users]
        return users, process if ids == [submission.new_user_id] else await _join_instead(submission, ids)
    expected = [submission.new_user_id]
    users, process = await asyncio.gather(_create_user(submission, owned), _create_process(submission, expected))
    ids = [user.id for user in users]
    if process is not None and process.user_ids == expected != ids:
        process = await _create_process(submission, ids)
    return users, process


async def _create_user(submission: Submission, owned: list[OwnedDestination]) -> list[User]:
    """Create one user that owns all the destinations (docs/decisions/0003), or return a concurrently created one."""
    user_id = submission.new_user_id
    user = User(id=user_id, tenant=submission.tenant, name=owned[0].value, destinations=owned)
    try:
        await user.insert()
    except DuplicateKeyError:
        # Another submission for one of these destinations created its user first.
        if quicker := await User.owning(submission.tenant, owned):
            return quicker
        made = await User.surviving(submission.tenant, user_id)
        return [made] if made else await _create_user(submission, owned)
    return [user]


async def _join_named_process(submission: Submission, user_ids: Sequence[str]) -> Process | None:
    """Add the interaction, its integration and its users to the open process that the caller named.

    Returns None if the process may not be joined.
    """
    selector: dict[str, Any] = {"_id": submission.process_id, "tenant": submission.tenant}
    if not submission.joins_closed:
        selector["is_closed"] = False
    return await _enter(selector, [_joining(submission, user_ids), *_entering(submission)])


def _order_keys(submission: Submission) -> list[str]:
    """A key of each destination in the order of its process, which does not show it."""
    destinations, _ = submission.parsed_destinations(submission.integration.channel)
    return [derived_id(submission.tenant, one.key, one.normal_form) for one in destinations]


async def _join_instead(submission: Submission, user_ids: Sequence[str]) -> Process | None:
    """Replace, in the process that the caller named, the user that would have been created by these users."""
    selector = {"_id": submission.process_id, "tenant": submission.tenant}
    return await _enter(selector, [_joining(submission, user_ids)])


def _joining(submission: Submission, user_ids: Sequence[str]) -> dict[str, Any]:
    return joining_step(submission.integration.integration_id, user_ids, submission.new_user_id)


async def _create_process(submission: Submission, user_ids: list[str]) -> Process | None:
    """Create the interaction's process, once; None if an earlier try created it and it was closed since.

    It may have been created with the user that would be created too; a user that was created first replaces that one.
    """
    initial: dict[str, Any] = {
        "integration_ids": [submission.integration.integration_id],
        "metadata": {},
        "primary_key": {},
        "is_draft": False,
        "created": submission.submitted_at,
    }
    absent: dict[str, Any] = {name: {"$ifNull": [f"${name}", {"$literal": value}]} for name, value in initial.items()}
    expected = [submission.new_user_id]
    is_as_expected = {"$eq": [{"$ifNull": ["$user_ids", expected]}, expected]}
    absent["user_ids"] = {"$cond": [is_as_expected, user_ids, "$user_ids"]}
    selector = {"_id": submission.new_process_id, "tenant": submission.tenant, "is_closed": False}
    try:
        return await _enter(
            selector,
            [{"$set": absent}, *_entering(submission)],
            upsert=True,
        )
    except DuplicateKeyError:
        return None


def _entering(submission: Submission) -> list[dict[str, Any]]:
    """Update steps by which an interaction enters its process."""
    last_entry = last_entry_step(submission.interaction_id, submission.submitted_at, Direction.OUT)
    if submission.order is None:
        return [last_entry]
    in_order = submission.order.in_order
    return [last_entry, order_step(_order_keys(submission), submission.interaction_id, in_order=in_order)]


async def _enter(selector: dict[str, Any], steps: list[dict[str, Any]], *, upsert: bool = False) -> Process | None:
    found = await Process.collection().find_one_and_update(
        selector, steps, upsert=upsert, return_document=ReturnDocument.AFTER
    )
    return Process.model_validate(found) if found else None


async def _why_not_joined(submission: Submission) -> Problem:
    problems = await process_problems(submission, [])
    return problems[0] if problems else Problem(field="processId", code="process_closed")


class _Queued(NamedTuple):
    """How an admitted message is sent, to whom and when."""

    destinations: list[Destination]
    policy: DispatchPolicy
    admittance: Admittance
    order: Order | None


async def _queue(admit_input: AdmitInput, queued: _Queued, users: list[User], process: Process) -> Interaction:
    """Write the interaction's second step: `DISPATCH_PENDING`, with its users, its process and its schedule."""
    submission, hold, schedule = admit_input.submission, queued.admittance.hold, queued.admittance.schedule
    entry = HistoryEntry.pending(admit_input.admitted_at, hold)
    changes = {
        "status": entry.status.value,
        "custom_status": entry.custom_status,
        "problems": [],
        "due": admit_input.due if hold is None else hold.until,
        "hold": hold.model_dump() if hold is not None else None,
        "wakes_at": wakes_at(hold, entry.date),
        "schedule": schedule.model_dump(by_alias=True) if schedule is not None else None,
        "is_forced": submission.is_forced,
        "updated": entry.date,
        "process_id": process.id,
        "user_ids": [user.id for user in users],
        "destinations": [destination.model_dump() for destination in queued.destinations],
        "policy": queued.policy.model_dump(),
    }
    if queued.order is not None:
        changes["order"] = queued.order.model_dump(mode="json")
    if submission.strategy is not None:
        changes["strategy.expires"] = queued.admittance.expires
    step = Step(sequence=2, revision=admit_input.revision, history_before=1, history=[entry])
    return await Interaction.write_step_and_read(submission.interaction_id, step, changes)
