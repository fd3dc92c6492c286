"""Interactions on the wire, field by field as the specification's example."""

from collections.abc import Mapping
from typing import Annotated, Final, cast

from pydantic import Field, JsonValue

from api.http.request_body import parse_readable_fields
from api.schemas.common import Answer, Asked, Instant
from api.schemas.schedules import HoldAnswer, ScheduleAnswer
from api.schemas.templates import TemplateChoice
from domain.gate.category import Category
from domain.gate.schedule import ScheduleRequest
from domain.identifiers import Id
from domain.interaction import HistoryEntry, IntegrationReference, Interaction, RecordedEvent, TemplateReference
from domain.notes import words_of_note, words_of_reason
from domain.payloads.email import MAX_FILES
from domain.problems import Problem
from domain.submission import RESERVED_METADATA
from domain.texts import chosen_language

MAX_DESTINATIONS: Final = 1_000
"""Destinations that are read of a request; a provider's own limit is tighter."""


class SendRequest(Asked, ScheduleRequest):
    """A message to send: `payLoad`, or `template` that makes it. Names are matched in any letter case."""

    payload: dict[str, JsonValue] = Field(
        default={},
        alias="payLoad",
        description="What to send; `Type` says which kind of message within the integration's channel.",
    )
    template: TemplateChoice | None = Field(
        default=None, description="A template that makes the payload, instead of `payLoad`: which, and with what."
    )
    integration_id: Id = Field(
        alias="integrationId", description="Through which integration: its channel, provider and configuration."
    )
    process_id: Id | None = Field(
        default=None, alias="processId", description="The process (conversation) it belongs to, if it exists already."
    )
    destinations: list[str] = Field(
        max_length=MAX_DESTINATIONS,
        alias="Destinations",
        description="To whom: phone numbers, e-mail addresses or ids of the channel.",
    )
    auto_create_user: bool = Field(
        default=True, alias="AutoCreateUser", description="Make a user when none has any of the destinations."
    )
    auto_create_process: bool = Field(
        default=True, alias="AutoCreateProcess", description="Make a process when `processId` is null or empty."
    )
    metadata: dict[str, JsonValue] = Field(
        default={},
        description="What you want to find in the answer again, and in lists (`?metadata.name=value`, of the first 100 "
        "names); not as `sms` or `resendOf`, which Iris gives.",
    )
    primary_key: dict[str, JsonValue] = Field(
        default={},
        alias="primaryKey",
        description="Your own identifiers of this interaction; lists find it by them (`?primaryKey.name=value`, of the "
        "first 100 names).",
    )
    attachments_id: list[Id] = Field(
        default=[],
        max_length=MAX_FILES,
        alias="attachmentsId",
        description="Files that go with it, uploaded before: they are added to a mail, and are what a media payload "
        "without `Url` sends.",
    )
    category: Annotated[Category, Field(strict=False)] | None = Field(
        default=None,
        description="Why it is sent: `authentication`, `transactional` or `marketing`. Opt-outs of marketing refuse "
        "marketing only. Default: the template's category; `transactional` without template.",
    )
    force: bool = Field(
        default=False,
        description="Send it to destinations that opted out too, with the scope `consents:override`; it is audited.",
    )
    dry_run: bool = Field(
        default=False,
        alias="dryRun",
        description="Only check: answers what a send would answer, with `dryRun: true`, and sends and stores nothing.",
    )

    @property
    def schedule(self) -> ScheduleRequest | None:
        """When it may go; None if nothing restricts it."""
        given = {name: getattr(self, name) for name in ScheduleRequest.model_fields}
        if all(value is None for value in given.values()):
            return None
        return ScheduleRequest.model_construct(**given)

    @classmethod
    def readable(cls, raw: Mapping[str, JsonValue]) -> tuple["SendRequest", list[Problem]]:
        """What of a request can be read, and what is wrong with the rest of it.

        A destination that is no text is read as an empty one, so that the others keep their places. A `dryRun` that is
        no boolean asks for a dry run all the same, so that nothing is stored by mistake.
        """
        given = cls.folded(dict(raw))
        destinations = given.get("Destinations")
        texts: list[JsonValue] = []
        if isinstance(destinations, list):
            listed = cast("list[JsonValue]", destinations)[:MAX_DESTINATIONS]
            texts = [one if isinstance(one, str) else "" for one in listed]
        instead: dict[str, JsonValue] = {"integrationId": "", "Destinations": texts}
        if given.get("dryRun") is not None:
            instead["dryRun"] = True
        asked, problems = parse_readable_fields(cls, given, instead)
        if "payLoad" not in given and given.get("template") is None:
            problems.append(Problem(field="payLoad", code="missing"))
        reserved = [name for name in asked.metadata if name in RESERVED_METADATA]
        problems += [Problem(field=f"metadata.{name}", code="reserved_name") for name in reserved]
        # What is recorded of the refused request is found by none of them either.
        own = {name: value for name, value in asked.metadata.items() if name not in RESERVED_METADATA}
        return asked.model_copy(update={"metadata": own}), problems


class HistoryAnswer(Answer):
    """One change of status."""

    date: Instant
    status: str
    custom_status: str | None
    notes: str | None

    @classmethod
    def of(cls, entry: HistoryEntry) -> "HistoryAnswer":
        """The entry as the answer shows it, in the language of who is answered."""
        return cls(
            date=entry.date,
            status=entry.status,
            custom_status=entry.custom_status,
            notes=words_of_note(entry.notes, chosen_language()),
        )


class ProviderEventAnswer(Answer):
    """One provider event, applied or not."""

    date: Instant
    event: str
    status: str
    applied: bool
    reason: str | None
    occurred: Instant | None
    provider_message_id: str | None
    destination: str | None
    code: str | None
    failure: str | None
    detail: str

    @classmethod
    def of(cls, received: RecordedEvent) -> "ProviderEventAnswer":
        """The event as the answer shows it."""
        event = received.event
        return cls(
            date=received.received_at,
            event=event.provider_status,
            status=received.status,
            applied=received.applied,
            reason=words_of_reason(received.reason, event.provider_status, received.status, chosen_language()),
            occurred=event.occurred_at,
            provider_message_id=event.provider_message_id,
            destination=event.destination,
            code=event.code,
            failure=event.failure,
            detail=event.detail,
        )


class AuditTrailAnswer(Answer):
    """When, by whom, and through which statuses."""

    created: Instant
    updated: Instant
    author_id: str
    updater_id: str
    history: list[HistoryAnswer]
    provider_events: list[ProviderEventAnswer]


class IntegrationAnswer(Answer):
    """The integration, its channel and its provider."""

    integration_id: str
    integration_name: str
    integration_type_id: str
    integration_type_name: str
    integration_type_provider_id: str
    integration_type_provider_name: str

    @classmethod
    def of(cls, integration: IntegrationReference) -> "IntegrationAnswer":
        """The integration as the answer shows it."""
        return cls(
            integration_id=integration.integration_id,
            integration_name=integration.integration_name,
            integration_type_id=integration.channel_id,
            integration_type_name=integration.channel,
            integration_type_provider_id=integration.provider_id,
            integration_type_provider_name=integration.provider_title,
        )


class UserAnswer(Answer):
    """An end user."""

    id: str
    metadata: dict[str, JsonValue] | None
    name: str
    primary_key: dict[str, list[str]]


class DestinationAnswer(Answer):
    """A destination, and the user that it belongs to."""

    key: str
    value: str
    group: str
    user_id: str | None


class ProcessSummaryAnswer(Answer):
    """The process, in short."""

    id: str
    metadata: dict[str, JsonValue]
    primary_key: dict[str, JsonValue]
    is_closed: bool
    is_draft: bool
    last_direction: str | None


class TemplateReferenceAnswer(Answer):
    """The template that made the payload, and with what."""

    id: str
    name: str
    version: int
    variables: dict[str, JsonValue]

    @classmethod
    def of(cls, reference: TemplateReference | None) -> "TemplateReferenceAnswer | None":
        """The reference as the answer shows it."""
        return None if reference is None else cls(**reference.model_dump())


class InteractionAnswer(Answer):
    """An interaction, field by field as the specification's example."""

    id: str
    summary: str
    tenant: str
    audit_trail: AuditTrailAnswer
    integration: IntegrationAnswer
    metadata: dict[str, JsonValue]
    payload: dict[str, JsonValue]
    primary_key: dict[str, JsonValue]
    process_id: str | None
    users: list[UserAnswer]
    destinations: list[DestinationAnswer]
    attachments_id: list[str]
    direction: str
    status: str
    custom_status: str | None
    template: TemplateReferenceAnswer | None
    category: str | None = Field(description="Why it is sent; null for an inbound message.")
    schedule: ScheduleAnswer | None = Field(description="When it may go; null if its send said nothing of that.")
    held: HoldAnswer | None = Field(description="Why it is held, and until when; null if it is not.")
    strategy: None = None
    process_summary: ProcessSummaryAnswer | None
    is_last_entry: bool

    @classmethod
    def of(cls, interaction: Interaction) -> "InteractionAnswer":
        """The interaction as the answer shows it."""
        trail, process = interaction.audit_trail, interaction.process_summary
        return cls(
            id=interaction.id,
            summary=interaction.summary,
            tenant=interaction.tenant,
            audit_trail=AuditTrailAnswer(
                created=trail.created,
                updated=trail.updated,
                author_id=trail.author_id,
                updater_id=trail.updater_id,
                history=[HistoryAnswer.of(entry) for entry in trail.history],
                provider_events=[ProviderEventAnswer.of(received) for received in trail.provider_events],
            ),
            integration=IntegrationAnswer.of(interaction.integration),
            metadata=interaction.metadata,
            payload=interaction.payload,
            primary_key=interaction.primary_key,
            process_id=interaction.process_id,
            users=[UserAnswer.model_validate(user.model_dump()) for user in interaction.users],
            destinations=[
                DestinationAnswer.model_validate(destination.model_dump()) for destination in interaction.destinations
            ],
            attachments_id=interaction.attachments,
            direction=interaction.direction,
            status=interaction.status,
            custom_status=interaction.custom_status,
            template=TemplateReferenceAnswer.of(interaction.template),
            category=interaction.category,
            schedule=ScheduleAnswer.of(interaction.schedule),
            held=HoldAnswer.of(interaction.hold),
            process_summary=ProcessSummaryAnswer.model_validate(process.model_dump()) if process else None,
            is_last_entry=interaction.is_last_entry,
        )


class SendAnswer(InteractionAnswer):
    """What a send answers: the interaction; the three fields more are in the answer to a dry run alone."""

    dry_run: bool = Field(default=False, description="Nothing was sent or stored: the interaction does not exist.")
    creates_user: bool = Field(default=False, description="A send would create a user for the destinations.")
    creates_process: bool = Field(default=False, description="A send would create a process.")

    @classmethod
    def of_dry_run(cls, interaction: Interaction, *, creates_user: bool, creates_process: bool) -> "SendAnswer":
        """The interaction that a send would make."""
        return cls(
            **dict(InteractionAnswer.of(interaction)),
            dry_run=True,
            creates_user=creates_user,
            creates_process=creates_process,
        )
