"""Where a tenant is told what happens to the interactions of an integration."""

from datetime import datetime

from pydantic import BaseModel


class Endpoint(BaseModel):
    """A tenant's own endpoint, part of its integration, which every step of an interaction has at hand.

    Attributes:
        url: where it is.
        subscriptions: patterns of the events that are told (`domain.webhook_events`).
        secret: signs what is told, sealed by `security.credential_encryption.Vault`.
        former_secret: signs too until `former_until`.
    """

    url: str
    subscriptions: list[str]
    secret: str
    former_secret: str | None = None
    former_until: datetime | None = None
    created: datetime
    updated: datetime
