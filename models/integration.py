"""Integrations: channel + provider + their configuration, under one id."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import Field, JsonValue
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument
from pymongo.asynchronous.change_stream import AsyncCollectionChangeStream

from domain.channels import Channel
from domain.clock import utc_now
from models.base import Stored
from models.endpoint import Endpoint

DELETED_TTL: Final = timedelta(days=30)
"""How long a deleted integration is kept, so that news of its messages are verified and passed on: longer than any
provider brings some (WhatsApp tells for 30 days that a message was read)."""

_MAX_AWAIT_MS: Final = 1_000
"""How long the server holds a request for changes while there are none."""

Changes = AsyncCollectionChangeStream[dict[str, Any]]


class Integration(Stored):
    """How one tenant sends through one channel with one provider.

    Attributes:
        configuration: what the provider needs and may be seen.
        credentials: what it needs and may not: sealed by `security.credential_encryption.Vault`.
        at_least_once: whether a send that nobody answered is repeated, at the risk of sending twice.
        version: grows with every change, also of the endpoint.
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
    version: int = 1
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
            IndexModel([("deleted", ASCENDING)], expireAfterSeconds=int(DELETED_TTL.total_seconds())),
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
        return await self._write(unchanged, {**changes, "updated": utc_now()})

    @classmethod
    async def set_endpoint(cls, integration_id: str, endpoint: Endpoint | None) -> None:
        """Give an integration its first endpoint, unless it has one; or, with None, take its endpoint away."""
        differs = {"endpoint": None} if endpoint else {"endpoint": {"$ne": None}}
        await cls._write({"_id": integration_id, **differs}, {"endpoint": endpoint.model_dump() if endpoint else None})

    @classmethod
    async def change_endpoint(cls, integration_id: str, changes: Mapping[str, object]) -> "Integration | None":
        """Write changes of an integration's endpoint; None if it has none."""
        having_one = {"_id": integration_id, "endpoint": {"$ne": None}}
        return await cls._write(having_one, {f"endpoint.{name}": value for name, value in changes.items()})

    @classmethod
    async def watch(cls) -> Changes:
        """The change stream of all tenants' integrations from now on; to be closed. `changed_version` reads an event.

        https://www.mongodb.com/docs/manual/changeStreams
        """
        stages: list[dict[str, Any]] = [
            {"$match": {"operationType": {"$in": ["update", "replace"]}}},
            {"$project": {"operationType": 1, "documentKey": 1, "updateDescription.updatedFields.version": 1}},
        ]
        return await cls.collection().watch(stages, max_await_time_ms=_MAX_AWAIT_MS)

    @staticmethod
    def changed_version(event: Mapping[str, Any]) -> tuple[str, int]:
        """The id of a changed integration and its version; 0 where the version did not change."""
        fields: Mapping[str, Any] = event.get("updateDescription", {}).get("updatedFields", {})
        return event["documentKey"]["_id"], fields.get("version", 0)

    @classmethod
    async def _write(cls, selector: Mapping[str, object], changes: Mapping[str, object]) -> "Integration | None":
        """The one way in which an integration is changed: with another version."""
        found = await cls.collection().find_one_and_update(
            selector, {"$set": changes, "$inc": {"version": 1}}, return_document=ReturnDocument.AFTER
        )
        return cls.model_validate(found) if found else None
