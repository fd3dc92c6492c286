"""Integrations: channel + provider + their configuration, under one id."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import Field, JsonValue
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument

from domain.channels import Channel
from domain.clock import utc_now
from models.base import Stored
from models.endpoint import Endpoint

DELETED_KEPT: Final = timedelta(days=30)
"""How long a deleted integration is kept, so that news of its messages are verified and passed on: longer than any
provider brings some (WhatsApp tells for 30 days that a message was read)."""


class Integration(Stored):
    """How one tenant sends through one channel with one provider.

    Attributes:
        configuration: what the provider needs and may be seen.
        credentials: what it needs and may not: sealed by `security.at_rest.Vault`.
        at_least_once: whether a send that nobody answered is repeated, at the risk of sending twice.
        updated: when it was last changed.
        deleted: since when nothing is sent through it; None unless it is deleted.
        fingerprint: of the request with an `Idempotency-Key` that made it, sealed too, since the credentials are in it.
        endpoint: where the tenant is told what happens to its interactions, if it wants to be.
    """

    tenant: str
    name: str
    channel: Channel
    provider: str
    configuration: dict[str, JsonValue]
    credentials: str
    at_least_once: bool = False
    enabled: bool = True
    endpoint: Endpoint | None = None
    created: datetime = Field(default_factory=utc_now)
    updated: datetime = Field(default_factory=utc_now)
    deleted: datetime | None = None
    fingerprint: str | None = None

    class Settings:
        """Where it is stored; a tenant names an integration once, but for deleted ones, which MongoDB removes."""

        name = "integrations"
        indexes = [
            IndexModel([("tenant", ASCENDING), ("name", ASCENDING), ("deleted", ASCENDING)], unique=True),
            IndexModel([("tenant", ASCENDING), ("deleted", ASCENDING), ("created", DESCENDING), ("_id", DESCENDING)]),
            IndexModel([("deleted", ASCENDING)], expireAfterSeconds=int(DELETED_KEPT.total_seconds())),
        ]

    async def change(self, changes: Mapping[str, object]) -> "Integration | None":
        """Write changes down; None if its settings were changed, or it was deleted, since it was read.

        Raises:
            pymongo.errors.DuplicateKeyError: if another of the tenant has the new name.
        """
        unchanged: dict[str, Any] = {
            "_id": self.id,
            "deleted": None,
            "configuration": self.configuration,
            "credentials": self.credentials,
        }
        found = await self.collection().find_one_and_update(
            unchanged, {"$set": {**changes, "updated": utc_now()}}, return_document=ReturnDocument.AFTER
        )
        return Integration.model_validate(found) if found else None
