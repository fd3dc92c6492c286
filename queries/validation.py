"""Validation of submissions, shared by admission and dry runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.destinations import Destination, DestinationKind, InvalidDestinationError, normalise
from domain.interaction import DispatchPolicy
from domain.payloads import InvalidPayloadError, Payload, parse_payload
from domain.payloads.base import MediaPayload, MediaType
from domain.problems import MAX_PROBLEMS, Problem
from domain.submission import Submission
from integrations.cache import Integrations
from integrations.references import capabilities
from models.attachment import Attachment
from models.process import MAX_USERS, Process
from models.user import OwnedDestination, User
from providers.base import Capabilities


@dataclass(frozen=True, slots=True)
class Validation:
    """Problems of a submission, or how to dispatch it if there are none."""

    problems: list[Problem]
    destinations: list[Destination] = field(default_factory=list[Destination])
    policy: DispatchPolicy | None = None


def owned_destinations(destinations: Sequence[Destination]) -> list[OwnedDestination]:
    """Convert destinations to the form in which users own them."""
    return [OwnedDestination.of(destination) for destination in destinations]


def with_owners(destinations: Sequence[Destination], users: Sequence[User]) -> list[Destination]:
    """Destinations with their owners; the first user gets those that no user owns."""
    owners = {one.identity: user.id for user in users for one in user.destinations}
    return [
        destination.model_copy(update={"user_id": owners.get(OwnedDestination.of(destination).identity, users[0].id)})
        for destination in destinations
    ]


async def owners_of(submission: Submission) -> list[User]:
    """Find the users that own any of a submission's destinations.

    The result is empty if a destination is invalid or a new user is expected.
    """
    if submission.expects_new_user:
        return []
    destinations, problems = submission.parsed_destinations(submission.integration.channel)
    if problems or not destinations:
        return []
    owners = await User.owning(submission.tenant, owned_destinations(destinations))
    if owners or not submission.joins_closed:
        return owners
    # A later step of a strategy goes to the users of its process.
    process = await Process.find_one({"_id": submission.process_id, "tenant": submission.tenant})
    return [] if process is None else await User.of_interaction(submission.tenant, process.user_ids)


async def validate(
    integrations: Integrations, submission: Submission, owners: Sequence[User], refusals: Sequence[Problem]
) -> Validation:
    """Find all problems of a submission, without writes.

    Args:
        integrations: the integration cache.
        submission: the submission.
        owners: the users that own any of its destinations.
        refusals: problems of its destinations that opted out.
    """
    asked = submission.integration
    integration = await integrations.of_tenant(asked.integration_id, submission.tenant, asked.version)
    if integration is None:
        unknown = Problem(field="integrationId", code="integration_not_found")
        return Validation(problems=[*submission.problems, unknown])
    able = capabilities(integration)
    if able is None:
        details: dict[str, str | int] = {"reason": f"{integration.provider} / {integration.channel}"}
        problem = Problem(field="integrationId", code="integration_misconfigured", details=details)
        return Validation(problems=[*submission.problems, problem])
    destinations, destination_problems = submission.parsed_destinations(integration.channel)
    disabled = Problem(field="integrationId", code="integration_disabled")
    found = [
        *([] if integration.enabled else [disabled]),
        *await _payload_problems(submission, able),
        *destination_problems,
        *refusals,
        *_count_problems(destinations, able),
        *_user_problems(submission, destinations if not destination_problems else [], owners),
        *await process_problems(submission, owners),
    ]
    policy = DispatchPolicy(
        repeatable=able.idempotent_send or integration.at_least_once,
        reports_delivery=able.reports_delivery,
        reports_reads=able.reports_reads,
        finds_sent=able.finds_sent,
    )
    reported = {problem.field for problem in submission.problems}
    new = [problem for problem in submission.located(found) if problem.field not in reported]
    problems = [*submission.problems, *new]
    return Validation(problems=problems[:MAX_PROBLEMS], destinations=destinations, policy=policy)


async def _payload_problems(submission: Submission, able: Capabilities) -> list[Problem]:
    if submission.problems and not submission.payload:
        return []  # its absence is already a problem
    channel = submission.integration.channel
    try:
        payload = parse_payload(channel, submission.payload)
    except InvalidPayloadError as error:
        return error.problems
    return [
        *_support_problems(payload, submission, able),
        *_address_problems(payload),
        *await _attachment_problems(submission.tenant, submission.attachments, payload),
    ]


def _support_problems(payload: Payload, submission: Submission, able: Capabilities) -> list[Problem]:
    if payload.type not in able.payload_types:
        details: dict[str, str | int] = {
            "provider": submission.integration.provider_title,
            "allowed": ", ".join(sorted(able.payload_types)),
        }
        return [Problem(field="payLoad.Type", code="payload_not_supported", details=details)]
    if able.max_text_length is not None and len(payload.displayed_text()) > able.max_text_length:
        field = f"payLoad.{payload.displayed_field}"
        return [Problem(field=field, code="too_long", details={"limit": able.max_text_length})]
    return []


def _address_problems(payload: Payload) -> list[Problem]:
    """Problems of a payload's additional addresses: copies and reply-to."""
    problems: list[Problem] = []
    for name, address in payload.addresses().items():
        try:
            normalise(DestinationKind.EMAIL, address)
        except InvalidDestinationError as error:
            problems.append(Problem(field=f"payLoad.{name}", code=error.code, details=dict(error.details)))
    return problems


def _count_problems(destinations: list[Destination], able: Capabilities) -> list[Problem]:
    if not destinations:
        return [Problem(field="Destinations", code="empty")]
    if len(destinations) > able.max_destinations:
        return [Problem(field="Destinations", code="too_many_destinations", details={"limit": able.max_destinations})]
    return []


def _user_problems(
    submission: Submission, destinations: Sequence[Destination], owners: Sequence[User]
) -> list[Problem]:
    if submission.auto_create_user or owners or not destinations:
        return []
    field = "Destinations[0]" if len(destinations) == 1 else "Destinations"
    return [Problem(field=field, code="user_not_found")]


async def process_problems(submission: Submission, owners: Sequence[User]) -> list[Problem]:
    """Problems of a submission's process, or of its absence."""
    if submission.process_id is None:
        if submission.auto_create_process:
            return []
        return [Problem(field="processId", code="process_required")]
    process = await Process.find_one({"_id": submission.process_id, "tenant": submission.tenant})
    if process is None:
        return [Problem(field="processId", code="process_not_found")]
    if process.is_closed and not submission.joins_closed:
        return [Problem(field="processId", code="process_closed")]
    is_of_it = owners and {user.id for user in owners}.issubset(process.user_ids)
    if len(process.user_ids) >= MAX_USERS and not is_of_it:
        return [Problem(field="processId", code="process_full", details={"limit": MAX_USERS})]
    return []


async def _attachment_problems(tenant: str, ids: Sequence[str], payload: Payload) -> list[Problem]:
    """Problems of a payload's attachments, including a missing one."""
    if not ids:
        needs_one = isinstance(payload, MediaPayload) and not payload.url
        return [Problem(field="payLoad.Url", code="missing")] if needs_one else []
    limits = payload.file_limits()
    if len(ids) > limits.most:
        return [Problem(field="attachmentsId", code="too_many_attachments", details={"limit": limits.most})]
    found = await Attachment.of_tenant(tenant, ids)
    problems: list[Problem] = []
    for position, attachment_id in enumerate(ids):
        place = f"attachmentsId[{position}]"
        if attachment_id not in found:
            problems.append(Problem(field=place, code="attachment_not_found"))
        elif attachment_id in ids[:position]:
            problems.append(Problem(field=place, code="attachment_repeated"))
        elif not _fits(found[attachment_id], payload):
            kind = payload.media_type if isinstance(payload, MediaPayload) else ""
            details: dict[str, str | int] = {"media_type": found[attachment_id].media_type, "expected": kind}
            problems.append(Problem(field=place, code="wrong_media_type", details=details))
    if sum(attachment.size or 0 for attachment in found.values()) > limits.largest:
        details = {"limit": limits.largest}
        problems.append(Problem(field="attachmentsId", code="attachments_too_large", details=details))
    return problems


def _fits(attachment: Attachment, payload: Payload) -> bool:
    if not isinstance(payload, MediaPayload) or payload.media_type is MediaType.DOCUMENT:
        return True
    return attachment.media_type.startswith(f"{payload.media_type}/")
