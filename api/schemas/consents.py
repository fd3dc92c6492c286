"""Consents on the wire."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from api.http.envelope import ErrorItem
from api.schemas.common import Asked, StorableInstant
from domain.channels import Channel
from domain.destinations import DestinationKind
from domain.gate.consent import (
    MAX_EVIDENCE_CHARACTERS,
    ConsentCategory,
    ConsentScope,
    ConsentSource,
    ConsentState,
)
from domain.identifiers import Id
from domain.problems import MAX_PROBLEMS
from wire.answer import Answer

MAX_IMPORTED: Final = 1_000
"""Maximum consents of one import request."""

_CHANNEL: Final = "The channel that it is about; without channel and integration it is about all senders of the tenant."
_INTEGRATION: Final = "The integration that it is about."
_CATEGORY: Final = (
    "The messages that it is about: `marketing`, or `all`, which no message passes unless its send is forced."
)


class ConsentRequest(Asked):
    """A consent to record: a destination, its coverage and its state."""

    destination: str = Field(max_length=1_000, description="Phone number, e-mail address or id of the channel.")
    kind: Annotated[DestinationKind, Field(strict=False)] | None = Field(
        default=None, description="Kind of the destination. Default: that of the channel; else by its form."
    )
    channel: Annotated[Channel, Field(strict=False)] | None = Field(default=None, description=_CHANNEL)
    integration_id: Id | None = Field(default=None, max_length=100, alias="integrationId", description=_INTEGRATION)
    category: Annotated[ConsentCategory, Field(strict=False)] = Field(description=_CATEGORY)
    state: Annotated[ConsentState, Field(strict=False)] = Field(description="`out`: refused; `in`: taken.")
    at: StorableInstant | None = Field(default=None, description="When it was stated. Default: now.")
    text: str = Field(default="", max_length=MAX_EVIDENCE_CHARACTERS, description="Evidence in your own words.")


class ConsentImport(Asked):
    """Consents to record together."""

    consents: list[ConsentRequest] = Field(min_length=1, max_length=MAX_IMPORTED)


class ConsentFilters(BaseModel):
    """Filters of a list of consents; all given conditions must hold."""

    model_config = ConfigDict(alias_generator=to_camel)

    destination: str | None = Field(
        default=None, max_length=1_000, description="Phone number, e-mail address or id, in any usual spelling."
    )
    state: ConsentState | None = None
    category: ConsentCategory | None = None
    source: ConsentSource | None = None
    scope: ConsentScope | None = None
    channel: Channel | None = Field(default=None, description="Those about this channel as a whole.")
    integration_id: Annotated[Id | None, Field(max_length=100)] = Field(
        default=None, description="Those about this integration."
    )


class ImportAnswer(Answer):
    """Result of an import."""

    changed: int = Field(description="Consents that it created or changed; those known already are not counted.")
    refused: int = Field(description="Consents that are wrong and were not recorded.")
    problems: list[ErrorItem] = Field(description=f"What is wrong with them; the first {MAX_PROBLEMS} problems.")


CONSENT_EXAMPLES: Final[dict[str, JsonValue]] = {
    "everything": {"destination": "+34 638 766 068", "category": "all", "state": "out", "text": "Llamó el 3 de marzo"},
    "marketingByMail": {
        "destination": "usuario@dominio.com",
        "channel": "Email",
        "category": "marketing",
        "state": "out",
        "at": "2026-03-03T10:00:00Z",
    },
    "optIn": {
        "destination": "+34 638 766 068",
        "integrationId": "67c98902c362797495a602c6",
        "category": "all",
        "state": "in",
    },
}

_EVIDENCE: Final[dict[str, JsonValue]] = {
    "interactionId": None,
    "text": "Llamó el 3 de marzo",
    "accountId": "6a1f0c9e3f0a4b7d8c2e5f00",
}

CONSENT_ANSWER: Final[dict[str, JsonValue]] = {
    "id": "2f0f7a1de2b34c51a9d86e07",
    "kind": "PhoneNumber",
    "destination": "34638766068",
    "scope": "tenant",
    "channel": None,
    "integrationId": None,
    "category": "all",
    "state": "out",
    "source": "api",
    "at": "2026-03-03T10:00:00.000Z",
    "until": None,
    "evidence": _EVIDENCE,
    "history": [
        {"state": "out", "source": "api", "at": "2026-03-03T10:00:00.000Z", "until": None, "evidence": _EVIDENCE}
    ],
    "created": "2026-03-03T10:00:00.124Z",
}
