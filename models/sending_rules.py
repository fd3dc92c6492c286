"""Rules of a tenant for its sends: hours, time zone and reach."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field
from pymongo import ReturnDocument

from domain.clock import utc_now
from domain.gate.reach import EVERYWHERE, ReachSettings
from domain.gate.sending_rules import SendingRule
from models.base import Stored


class SendingRules(Stored):
    """All rules of a tenant, read together for every send; the id is the tenant's name.

    The rules are stored as JSON, so only `change` writes them.

    Attributes:
        rules: the hours in which messages may go.
        time_zone: IANA name of the zone of recipients whose zone is unknown; None if the tenant chose none.
        reach: the countries to which messages may go, and how many.
        version: incremented by each change.
        updater_id: the account that made the last change.
    """

    rules: list[SendingRule] = []
    time_zone: str | None = None
    reach: ReachSettings = EVERYWHERE
    version: int = 0
    updated: datetime = Field(default_factory=utc_now)
    updater_id: str | None = None

    class Settings:
        """Collection name."""

        name = "sending_rules"

    @classmethod
    async def change(cls, tenant: str, changes: Mapping[str, Any], updater_id: str | None) -> "SendingRules":
        """Replace some fields, and return the tenant's rules after it.

        Args:
            tenant: the tenant.
            changes: the new values by field, as JSON.
            updater_id: the account that makes the change.
        """
        found = await cls.collection().find_one_and_update(
            {"_id": tenant},
            {"$set": {**changes, "updated": utc_now(), "updater_id": updater_id}, "$inc": {"version": 1}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return cls.model_validate(found)
