"""A tenant's own endpoint on the wire: its requests as the vendor documents them."""

from pydantic import Field

from api.schemas.common import Asked, StorableInstant
from domain.clock import utc_now
from domain.webhook_events import PATTERNS, subscribed
from models.integration import Integration
from wire.answer import Answer, Instant
from workflows.messages import RedeliveryProgress


class EndpointRequest(Asked):
    """The webhook endpoint and its subscriptions. Names are matched in any letter case."""

    url: str = Field(alias="Url", max_length=2_048, description="Where Iris posts what happens, by HTTPS.")
    subscriptions: list[str] = Field(
        alias="Subscriptions",
        max_length=len(PATTERNS),
        description="Names of events; `*` for all of interactions; `*` with `-NAME` for these but NAME.",
    )


class RedeliveryRequest(Asked):
    """What to redeliver. Names are matched in any letter case."""

    since: StorableInstant = Field(
        alias="Since", description="Every event from then on is delivered again, unless its delivery is under way."
    )


class EndpointAnswer(Answer):
    """A tenant's endpoint.

    Attributes:
        secret: shown once, when it is made.
    """

    integration_id: str
    url: str
    subscriptions: list[str]
    events: list[str] = Field(description="The events that the subscriptions come to.")
    created: Instant
    updated: Instant
    secret: str | None = Field(default=None, description="What verifies the signatures; shown only when it is made.")
    former_secret_until: Instant | None = Field(description="Until when the secret before it signs too.")

    @classmethod
    def of(cls, integration: Integration, secret: str | None = None) -> "EndpointAnswer | None":
        """The endpoint of an integration as the answer shows it; None if it has none."""
        endpoint = integration.endpoint
        if endpoint is None:
            return None
        until = endpoint.former_until
        return cls(
            integration_id=integration.id,
            url=endpoint.url,
            subscriptions=endpoint.subscriptions,
            events=sorted(subscribed(endpoint.subscriptions)),
            created=endpoint.created,
            updated=endpoint.updated,
            secret=secret,
            former_secret_until=until if until is not None and until > utc_now() else None,
        )


class RedeliveryAnswer(Answer):
    """The progress of a redelivery."""

    id: str
    since: Instant
    until: Instant
    examined: int
    started: int
    is_done: bool

    @classmethod
    def of(cls, redelivery_id: str, progress: RedeliveryProgress) -> "RedeliveryAnswer":
        """The progress as the answer shows it."""
        return cls(id=redelivery_id, **progress.model_dump())
