"""Webhook endpoint of an integration."""

from datetime import datetime

from pydantic import BaseModel


class Endpoint(BaseModel):
    """A tenant's webhook endpoint, embedded in its integration, so that every step of an interaction has it at hand.

    Attributes:
        url: where events are delivered.
        subscriptions: patterns of the events to deliver (`domain.webhook_events`).
        secret: signs deliveries; encrypted by `security.credential_encryption.Vault`.
        former_secret: previous secret, which also signs until `former_until`.
    """

    url: str
    subscriptions: list[str]
    secret: str
    former_secret: str | None = None
    former_until: datetime | None = None
    created: datetime
    updated: datetime
