"""Interactions on the wire, field by field as the specification's example."""

from pydantic import Field, JsonValue

from domain.interaction import HistoryEntry, IntegrationReference, Interaction, RecordedEvent, TemplateReference
from domain.notes import words_of_note, words_of_reason
from domain.strategy.reference import StrategyReference
from domain.texts import chosen_language
from wire.answer import Answer, Instant
from wire.schedules import HoldAnswer, ScheduleAnswer


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


class StrategyReferenceAnswer(Answer):
    """The step of a strategy that an interaction is."""

    run_id: str = Field(description="The run: `GET /v1/strategy-runs/{id}`.")
    step: int = Field(description="The number of the step, from 1.")
    of: int = Field(description="The number of steps.")
    name: str | None = Field(description="The name of the stored strategy; null for one that the send spelt out.")
    outcome: str | None = Field(description="How the run ended; null while it goes on.")

    @classmethod
    def of_reference(cls, reference: StrategyReference | None) -> "StrategyReferenceAnswer | None":
        """The reference as the answer shows it."""
        return None if reference is None else cls(**reference.model_dump(include=set(cls.model_fields)))


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
    strategy: StrategyReferenceAnswer | None = Field(
        description="The step of a strategy that it is; null for a send without strategy."
    )
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
            strategy=StrategyReferenceAnswer.of_reference(interaction.strategy),
            process_summary=ProcessSummaryAnswer.model_validate(process.model_dump()) if process else None,
            is_last_entry=interaction.is_last_entry,
        )
