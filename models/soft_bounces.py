"""Soft bounces of e-mail addresses: messages returned although the address may work."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel
from pymongo import ASCENDING, IndexModel, ReturnDocument

from domain.gate.bounces import PERIOD
from domain.identifiers import derived_id
from models.base import Stored

_MAX_BOUNCES: Final = 20
"""Bounces kept of an address."""


class Bounce(BaseModel):
    """A message that was returned, and when."""

    interaction_id: str
    at: datetime


class SoftBounces(Stored):
    """Latest soft bounces of an address, which is named as in consents (`models.consent.Consent.person`).

    Attributes:
        bounces: one of each message, in the order in which they became known.
        latest: time of the latest one.
    """

    tenant: str
    bounces: list[Bounce]
    latest: datetime

    class Settings:
        """Collection name and indexes; those that count no more are removed by a TTL index."""

        name = "soft_bounces"
        indexes = [IndexModel([("latest", ASCENDING)], expireAfterSeconds=int(PERIOD.total_seconds()))]

    @classmethod
    async def add(cls, tenant: str, person: str, interaction_id: str, at: datetime) -> list[datetime]:
        """Count a bounce of a message, once, and return the times of all."""
        known: dict[str, Any] = {"$ifNull": ["$bounces", []]}
        new = [{"interaction_id": {"$literal": interaction_id}, "at": at}]
        added: dict[str, Any] = {"$slice": [{"$concatArrays": [known, new]}, -_MAX_BOUNCES]}
        is_known: dict[str, Any] = {"$in": [{"$literal": interaction_id}, {"$ifNull": ["$bounces.interaction_id", []]}]}
        found = await cls.collection().find_one_and_update(
            {"_id": _id(tenant, person)},
            [
                {
                    "$set": {
                        "tenant": {"$literal": tenant},
                        "bounces": {"$cond": [is_known, known, added]},
                        "latest": {"$max": ["$latest", at]},
                    }
                }
            ],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return [one.at for one in cls.model_validate(found).bounces]

    @classmethod
    async def forget(cls, tenant: str, persons: Collection[str]) -> None:
        """Remove the bounces of addresses."""
        await cls.collection().delete_many({"_id": {"$in": [_id(tenant, person) for person in persons]}})


def _id(tenant: str, person: str) -> str:
    return derived_id("soft_bounces", tenant, person)
