"""Integrations: a channel, a provider and their configuration under one id."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import Field, JsonValue
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.asynchronous.change_stream import AsyncCollectionChangeStream

from domain.channels import Channel
from domain.clock import utc_now
from domain.gate.opt_out_confirmation import OptOutConfirmation
from domain.gate.throttle_setting import Throttle
from models.base import NEWEST_FIRST, Stored
from models.endpoint import Endpoint

DELETED_TTL: Final = timedelta(days=30)
"""How long a deleted integration is kept, so that events about its messages are verified and applied: longer than any
provider sends them (WhatsApp reports for 30 days that a message was read).
"""

_MAX_AWAIT_MS: Final = 1_000
"""Maximum time that the server holds a request without changes."""

Changes = AsyncCollectionChangeStream[dict[str, Any]]


class Integration(Stored):
    """Configuration with which one tenant sends through one channel and provider.

    Attributes:
        configuration: the provider's settings that may be shown.
        credentials: the provider's secrets, encrypted by `security.credential_encryption.Vault`.
        throttle: the rates that its messages keep to; None for none.
        opt_out_confirmation: which opt-outs it confirms, and how; None for the default.
        at_least_once: whether a send with unknown outcome is repeated, at the risk of sending twice.
        version: incremented by every change, also of the endpoint.
        updated: time of the last change.
        deleted: time of deletion, after which nothing is sent; None unless it is deleted.
        fingerprint: of the request with an `Idempotency-Key` that created it, encrypted, since it contains the
            credentials.
        endpoint: the tenant's webhook endpoint, if any.
    """

    tenant: str
    name: str
    channel: Channel
    provider: str
    configuration: dict[str, JsonValue]
    credentials: str
    throttle: Throttle | None = None
    opt_out_confirmation: OptOutConfirmation | None = None
    at_least_once: bool = False
    enabled: bool = True
    endpoint: Endpoint | None = None
    version: int = 1
    created: datetime = Field(default_factory=utc_now)
    updated: datetime = Field(default_factory=utc_now)
    deleted: datetime | None = None
    fingerprint: str | None = None

    class Settings:
        """Collection name and indexes.

        A name is unique within a tenant, except among deleted integrations, which MongoDB removes.
        """

        name = "integrations"
        indexes = [
            IndexModel([("tenant", ASCENDING), ("name", ASCENDING), ("deleted", ASCENDING)], unique=True),
            IndexModel([("tenant", ASCENDING), ("deleted", ASCENDING), *NEWEST_FIRST]),
            IndexModel([("deleted", ASCENDING)], expireAfterSeconds=int(DELETED_TTL.total_seconds())),
        ]

    @property
    def confirmation(self) -> OptOutConfirmation:
        """Which opt-outs it confirms, and how."""
        return self.opt_out_confirmation or OptOutConfirmation.default(self.channel)

    async def change(self, changes: Mapping[str, object]) -> "Integration | None":
        """Write changes; return None if the integration was changed or deleted since it was read.

        Raises:
            pymongo.errors.DuplicateKeyError: if another integration of the tenant has the new name.
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
        """Add an endpoint if there is none yet; with None, remove it."""
        differs = {"endpoint": None} if endpoint else {"endpoint": {"$ne": None}}
        await cls._write({"_id": integration_id, **differs}, {"endpoint": endpoint.model_dump() if endpoint else None})

    @classmethod
    async def change_endpoint(cls, integration_id: str, changes: Mapping[str, object]) -> "Integration | None":
        """Write changes of an integration's endpoint; return None if it has no endpoint."""
        having_one = {"_id": integration_id, "endpoint": {"$ne": None}}
        return await cls._write(having_one, {f"endpoint.{name}": value for name, value in changes.items()})

    @classmethod
    async def watch(cls) -> Changes:
        """Watch the integrations of all tenants from now on.

        The caller closes the stream; `changed_version` reads an event
        (https://www.mongodb.com/docs/manual/changeStreams).
        """
        stages: list[dict[str, Any]] = [
            {"$match": {"operationType": {"$in": ["update", "replace"]}}},
            {"$project": {"operationType": 1, "documentKey": 1, "updateDescription.updatedFields.version": 1}},
        ]
        return await cls.collection().watch(stages, max_await_time_ms=_MAX_AWAIT_MS)

    @staticmethod
    def changed_version(event: Mapping[str, Any]) -> tuple[str, int]:
        """The id of a changed integration and its version; version 0 if it did not change."""
        fields: Mapping[str, Any] = event.get("updateDescription", {}).get("updatedFields", {})
        return event["documentKey"]["_id"], fields.get("version", 0)

    @classmethod
    async def _write(cls, selector: Mapping[str, object], changes: Mapping[str, object]) -> "Integration | None":
        """Write an integration with its version incremented; every change uses this."""
        found = await cls.collection().find_one_and_update(
            selector, {"$set": changes, "$inc": {"version": 1}}, return_document=ReturnDocument.AFTER
        )
        return cls.model_validate(found) if found else None
