"""Integrations and what they can be made of, on the wire."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field, JsonValue

from api.schemas.common import Asked
from domain.channels import Channel
from domain.gate.opt_out_confirmation import OptOutConfirmation
from domain.gate.throttle_setting import Throttle
from domain.json_objects import names_of
from domain.texts import chosen_language
from integrations.references import channel_id, provider_id, to_reference
from models.integration import Integration
from providers import PROVIDERS
from providers.base import AnyProvider, Capabilities, Check
from providers.forms import form_of
from wire.answer import Answer, Instant

_THROTTLE: Final = (
    "The rates that its messages keep to; those that would exceed them wait. `{}` sets the limits that the provider "
    "documents for a sender."
)
_CONFIRMATION: Final = (
    "Which opt-out keywords one message answers, `when` they begin an opt-out: `always`, `unanswered` (those that the "
    "provider does not answer by itself) or `never`; and its `texts` by language, instead of those of Iris. Default: "
    "`never` on e-mail, else `unanswered`."
)
_SETTINGS: Final = "see its form in `GET /v1/integration-types`"


class _Settings(Asked):
    def named(self) -> list[str]:
        """The names of what is given, such as `enabled` or `configuration.sender`."""
        given = self.model_dump(exclude_unset=True, by_alias=True)
        deeper = {"configuration", "credentials"}
        return [
            *(name for name in given if name not in deeper),
            *(f"{name}.{field}" for name in deeper for field in given.get(name) or ()),
        ]


class NewIntegration(_Settings):
    """An integration to make. Names are matched in any letter case, but for those of the provider's own settings."""

    name: str = Field(min_length=1, max_length=100, description="What you call it; no two of yours have one name.")
    channel: str = Field(
        description="The channel, by its name: `SMS`, `WhatsApp`, `RCS`, `Email`, `FacebookMessenger`."
    )
    provider: str = Field(description="The provider, by its name, such as `sandbox`.")
    configuration: dict[str, JsonValue] = Field(
        default={}, description=f"What the provider must know, and everybody may: {_SETTINGS}."
    )
    credentials: dict[str, JsonValue] = Field(
        default={}, description=f"The secrets that it needs; no answer ever shows them: {_SETTINGS}."
    )
    at_least_once: bool = Field(
        default=False,
        alias="atLeastOnce",
        description="Repeat a send that nobody answered, at the risk of sending twice.",
    )
    throttle: Throttle | None = Field(default=None, description=_THROTTLE)
    opt_out_confirmation: OptOutConfirmation | None = Field(
        default=None, alias="optOutConfirmation", description=_CONFIRMATION
    )
    enabled: bool = Field(default=True, description="Whether messages may be sent through it.")


class IntegrationChange(_Settings):
    """What to change of an integration; what is left out stays as it is. Names as in `NewIntegration`."""

    name: str | None = Field(default=None, min_length=1, max_length=100)
    configuration: dict[str, JsonValue] | None = Field(
        default=None, description="Fields to set; null takes one away. Those left out stay as they are."
    )
    credentials: dict[str, JsonValue] | None = Field(
        default=None, description="Fields to set; null takes one away. Those left out stay as they are."
    )
    at_least_once: bool | None = Field(default=None, alias="atLeastOnce")
    throttle: Throttle | None = Field(default=None, description=f"{_THROTTLE} Null removes it.")
    opt_out_confirmation: OptOutConfirmation | None = Field(
        default=None, alias="optOutConfirmation", description=f"{_CONFIRMATION} Null restores the default."
    )
    enabled: bool | None = Field(default=None, description="Whether messages may be sent through it.")


class IntegrationDetails(Answer):
    """An integration, without its credentials."""

    id: str
    name: str
    channel: str
    channel_id: str
    provider: str
    provider_id: str
    provider_title: str
    configuration: dict[str, JsonValue]
    credentials: dict[str, bool] | None = Field(
        description="Which credentials are set; null where none of our keys opens them."
    )
    at_least_once: bool
    throttle: Throttle | None = Field(description="The rates that its messages keep to; null for none.")
    opt_out_confirmation: OptOutConfirmation = Field(description=_CONFIRMATION)
    enabled: bool
    created: Instant
    updated: Instant
    deleted: Instant | None = Field(
        description="When it was deleted; its messages' receipts are taken for 30 days more."
    )
    webhook_url: str = Field(description="URL at which Iris receives the provider's events of this integration.")
    setup: str = Field(description="What must be set at the provider so that they come.")

    @classmethod
    def of(cls, integration: Integration, given: Sequence[str] | None, webhook_url: str) -> "IntegrationDetails":
        """The integration as the answer shows it.

        Args:
            integration: it.
            given: the credentials that are set; None where they cannot be opened.
            webhook_url: Iris's own.
        """
        reference = to_reference(integration)
        provider = PROVIDERS.get(integration.provider)
        names = names_of(provider.credentials_type) if provider else given or []
        return cls(
            id=integration.id,
            name=integration.name,
            channel=integration.channel,
            channel_id=reference.channel_id,
            provider=integration.provider,
            provider_id=reference.provider_id,
            provider_title=reference.provider_title,
            configuration=integration.configuration,
            credentials=None if given is None else {name: name in given for name in names},
            at_least_once=integration.at_least_once,
            throttle=integration.throttle,
            opt_out_confirmation=integration.confirmation,
            enabled=integration.enabled,
            created=integration.created,
            updated=integration.updated,
            deleted=integration.deleted,
            webhook_url=webhook_url,
            setup=provider.setup if provider else "",
        )


class CheckAnswer(Answer):
    """What the provider says of an integration's credentials."""

    checked: bool = Field(description="Whether the provider was asked, and said something.")
    ok: bool | None = Field(description="Whether they are good; null where that is not known.")
    reason: str = Field(description="Why they are not good, or not known to be.")

    @classmethod
    def of(cls, check: Check) -> "CheckAnswer":
        """The check as the answer shows it."""
        reason = check.reason if isinstance(check.reason, str) else check.reason[chosen_language()]
        return cls(checked=check.ok is not None, ok=check.ok, reason=reason)


class CapabilitiesAnswer(Answer):
    """What a provider can do on a channel."""

    payload_types: list[str]
    max_destinations: int
    max_text_length: int | None
    idempotent_send: bool
    reports_delivery: bool
    reports_reads: bool
    finds_sent: bool
    throttle: Throttle | None = Field(description="The limits of a sender that the provider documents.")
    answered_opt_outs: list[str] = Field(
        description="The opt-out keywords that the provider answers by itself where they stand alone."
    )

    @classmethod
    def of(cls, able: Capabilities) -> "CapabilitiesAnswer":
        """The capabilities as the answer shows them."""
        return cls(
            payload_types=sorted(able.payload_types),
            max_destinations=able.max_destinations,
            max_text_length=able.max_text_length,
            idempotent_send=able.idempotent_send,
            reports_delivery=able.reports_delivery,
            reports_reads=able.reports_reads,
            finds_sent=able.finds_sent,
            throttle=able.throttle,
            answered_opt_outs=sorted(able.answered_opt_outs),
        )


class ProviderType(Answer):
    """A provider of a channel, and the forms of its settings."""

    id: str
    name: str
    title: str
    capabilities: CapabilitiesAnswer
    configuration: dict[str, JsonValue] = Field(description="The JSON schema of `configuration`.")
    credentials: dict[str, JsonValue] = Field(description="The JSON schema of `credentials`; secrets are `writeOnly`.")
    setup: str = Field(description="What must be set at the provider, given an integration's webhook URL.")

    @classmethod
    def of(cls, channel: Channel, provider: type[AnyProvider], able: Capabilities) -> "ProviderType":
        """The provider as the catalogue shows it."""
        return cls(
            id=provider_id(channel, provider.name),
            name=provider.name,
            title=provider.title,
            capabilities=CapabilitiesAnswer.of(able),
            configuration=form_of(provider.configuration_type),
            credentials=form_of(provider.credentials_type),
            setup=provider.setup,
        )


class IntegrationType(Answer):
    """A channel, and who provides it."""

    id: str
    name: str
    providers: list[ProviderType]

    @classmethod
    def of(cls, channel: Channel) -> "IntegrationType":
        """The channel as the catalogue shows it."""
        return cls(
            id=channel_id(channel),
            name=channel,
            providers=[
                ProviderType.of(channel, provider, provider.channels[channel])
                for provider in PROVIDERS.values()
                if channel in provider.channels
            ],
        )


class IntegrationTypes(Answer):
    """All that an integration can be."""

    items: list[IntegrationType]


NEW_EXAMPLES: Final[dict[str, JsonValue]] = {
    "sms": {
        "name": "SMS-2",
        "channel": "SMS",
        "provider": "sandbox",
        "configuration": {"baseUrl": "http://127.0.0.1:8001"},
        "credentials": {"token": "made-up-token", "signingSecret": "made-up-secret"},
    },
    "email": {
        "name": "Correo",
        "channel": "Email",
        "provider": "sandbox",
        "configuration": {"baseUrl": "http://127.0.0.1:8001", "recognisesRepetitions": False},
        "credentials": {"token": "made-up-token", "signingSecret": "made-up-secret"},
        "enabled": False,
    },
}
"""Requests as they are documented, and tried by the tests."""

CHANGE_EXAMPLES: Final[dict[str, JsonValue]] = {
    "disable": {"enabled": False},
    "credentials": {"credentials": {"token": "another-token"}},
}
