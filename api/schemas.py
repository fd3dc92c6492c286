"""The wire's own spelling: what a caller writes and what the answer shows. Nowhere else knows it."""

import json
from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PlainSerializer
from pydantic.alias_generators import to_camel

from api.envelope import Envelope
from domain.clock import to_wire
from domain.interaction import HeardEvent, Interaction

Instant = Annotated[datetime, PlainSerializer(to_wire, when_used="json")]


class SendRequest(BaseModel):
    """A request to send one interaction. Names are matched in any letter case."""

    model_config = ConfigDict(extra="forbid", strict=True)

    payload: dict[str, JsonValue] = Field(
        alias="payLoad", description="What to send; `Type` says which kind of message within the integration's channel."
    )
    integration_id: str = Field(
        alias="integrationId", description="Through which integration: its channel, provider and configuration."
    )
    process_id: str | None = Field(
        default=None, alias="processId", description="The process (conversation) it belongs to, if it exists already."
    )
    destinations: list[str] = Field(
        max_length=1_000,
        alias="Destinations",
        description="To whom: phone numbers, e-mail addresses or ids of the channel.",
    )
    auto_create_user: bool = Field(
        default=True, alias="AutoCreateUser", description="Make a user when none has any of the destinations."
    )
    auto_create_process: bool = Field(
        default=True, alias="AutoCreateProcess", description="Make a process when `processId` is null or empty."
    )
    metadata: dict[str, JsonValue] = Field(default={}, description="Whatever you want to find in the answer again.")
    primary_key: dict[str, JsonValue] = Field(
        default={}, alias="primaryKey", description="Your own identifiers of this interaction."
    )


class LoginRequest(BaseModel):
    """Who logs in. Names are matched in any letter case."""

    model_config = ConfigDict(extra="forbid", strict=True)

    email: str = Field(alias="Email", max_length=320)
    password: str = Field(alias="Password", max_length=1024)
    tenant: str = Field(max_length=100)


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class HistoryAnswer(_Answer):
    """One change of status."""

    date: Instant
    status: str
    custom_status: str | None
    notes: str | None


class ProviderEventAnswer(_Answer):
    """One piece of the provider's news, applied or not."""

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
    def of(cls, heard: HeardEvent) -> "ProviderEventAnswer":
        """The event as the answer shows it."""
        event = heard.event
        return cls(
            date=heard.heard_at,
            event=event.word,
            status=heard.status,
            applied=heard.applied,
            reason=heard.reason,
            occurred=event.occurred_at,
            provider_message_id=event.provider_message_id,
            destination=event.destination,
            code=event.code,
            failure=event.failure,
            detail=event.detail,
        )


class AuditTrailAnswer(_Answer):
    """When, by whom, and through which statuses."""

    created: Instant
    updated: Instant
    author_id: str
    updater_id: str
    history: list[HistoryAnswer]
    provider_events: list[ProviderEventAnswer]


class IntegrationAnswer(_Answer):
    """The integration, its channel and its provider."""

    integration_id: str
    integration_name: str
    integration_type_id: str
    integration_type_name: str
    integration_type_provider_id: str
    integration_type_provider_name: str


class UserAnswer(_Answer):
    """An end user."""

    id: str
    metadata: dict[str, JsonValue] | None
    name: str
    primary_key: dict[str, list[str]]


class DestinationAnswer(_Answer):
    """A destination, and the user that it belongs to."""

    key: str
    value: str
    group: str
    user_id: str | None


class ProcessSummaryAnswer(_Answer):
    """The process, in short."""

    id: str
    metadata: dict[str, JsonValue]
    primary_key: dict[str, JsonValue]
    is_closed: bool
    is_draft: bool
    last_direction: str | None


class InteractionAnswer(_Answer):
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
    attachments_id: list[str] = []
    direction: str
    status: str
    custom_status: str | None
    template: None = None
    strategy: None = None
    process_summary: ProcessSummaryAnswer | None
    is_last_entry: bool

    @classmethod
    def of(cls, interaction: Interaction) -> "InteractionAnswer":
        """The interaction as the answer shows it."""
        trail, integration, process = interaction.audit_trail, interaction.integration, interaction.process_summary
        return cls(
            id=interaction.id,
            summary=interaction.summary,
            tenant=interaction.tenant,
            audit_trail=AuditTrailAnswer(
                created=trail.created,
                updated=trail.updated,
                author_id=trail.author_id,
                updater_id=trail.updater_id,
                history=[HistoryAnswer.model_validate(entry.model_dump()) for entry in trail.history],
                provider_events=[ProviderEventAnswer.of(heard) for heard in trail.provider_events],
            ),
            integration=IntegrationAnswer(
                integration_id=integration.integration_id,
                integration_name=integration.integration_name,
                integration_type_id=integration.channel_id,
                integration_type_name=integration.channel,
                integration_type_provider_id=integration.provider_id,
                integration_type_provider_name=integration.provider_title,
            ),
            metadata=interaction.metadata,
            payload=interaction.payload,
            primary_key=interaction.primary_key,
            process_id=interaction.process_id,
            users=[UserAnswer.model_validate(user.model_dump()) for user in interaction.users],
            destinations=[
                DestinationAnswer.model_validate(destination.model_dump()) for destination in interaction.destinations
            ],
            direction=interaction.direction,
            status=interaction.status,
            custom_status=interaction.custom_status,
            process_summary=ProcessSummaryAnswer.model_validate(process.model_dump()) if process else None,
            is_last_entry=interaction.is_last_entry,
        )

    def on_the_wire(self) -> dict[str, JsonValue]:
        """The answer as JSON."""
        return self.model_dump(mode="json", by_alias=True)


class InteractionEnvelope(Envelope):
    """The answer that carries an interaction."""

    payload: InteractionAnswer | None = None


class TokenEnvelope(Envelope):
    """The answer that carries a login token."""

    payload: str | None = None


def inlined_schema(model: type[BaseModel]) -> dict[str, JsonValue]:
    """A model's JSON schema for the OpenAPI description, where `#/$defs` would be looked for in the whole document.

    The only definition that our requests need is «any JSON», which is what an empty schema says.
    """
    schema = json.dumps(model.model_json_schema(by_alias=True) | {"$defs": {}})
    described = json.loads(schema.replace('{"$ref": "#/$defs/JsonValue"}', "{}"))
    del described["$defs"]
    return described


SEND_EXAMPLES: Final[dict[str, JsonValue]] = {
    "sms": {
        "summary": "A text by SMS",
        "value": {
            "payLoad": {"Type": "simple-text", "Text": "Su cita es mañana a las 10:00"},
            "integrationId": "67c98902c362797495a602c6",
            "processId": None,
            "Destinations": ["34638766068"],
            "AutoCreateUser": True,
            "AutoCreateProcess": True,
        },
    },
    "rcs": {
        "summary": "A text by RCS, in a process that exists",
        "value": {
            "payLoad": {"Type": "text-message-rcs", "Text": "Texto del mensaje simple"},
            "integrationId": "67c98902c362797495a602c6",
            "processId": "67c98902c362797495a603c1",
            "Destinations": ["34638766068"],
            "AutoCreateUser": True,
            "AutoCreateProcess": True,
        },
    },
    "email": {
        "summary": "An e-mail",
        "value": {
            "payLoad": {"Type": "email", "Subject": "Su cita", "Body": "<p>Mañana a las 10:00</p>", "IsHtml": True},
            "integrationId": "67c98902c362797495a602c6",
            "processId": None,
            "Destinations": ["usuario@dominio.com"],
            "AutoCreateUser": True,
            "AutoCreateProcess": True,
        },
    },
}
"""A request per kind of message, for the OpenAPI description."""
