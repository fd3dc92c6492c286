"""Templates: what a tenant sends again and again, each change a new version."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field, JsonValue
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from domain.channels import Channel
from domain.clock import utc_now
from domain.formats import DEFAULT_STYLE, Style
from domain.identifiers import derived_id
from domain.templates import Variable
from models.base import Stored


class Version(BaseModel):
    """What a template says from one change to the next; it never changes itself."""

    number: int
    name: str
    payload: dict[str, JsonValue]
    variables: list[Variable]
    language: str = DEFAULT_STYLE.language
    time_zone: str = DEFAULT_STYLE.time_zone
    author_id: str
    created: datetime = Field(default_factory=utc_now)

    @property
    def style(self) -> Style:
        """How it writes dates, times and numbers."""
        return Style(self.language, self.time_zone)


class Template(Stored):
    """A payload of one channel with placeholders.

    Attributes:
        newest: what it says now; what it said before are `TemplateVersion`s.
        fingerprint: of the request that made it; another request under the same `Idempotency-Key` differs in it.
    """

    tenant: str
    channel: Channel
    newest: Version
    fingerprint: str
    created: datetime = Field(default_factory=utc_now)

    class Settings:
        """Where it is stored; a tenant names a template once."""

        name = "templates"
        indexes = [
            IndexModel([("tenant", ASCENDING), ("newest.name", ASCENDING)], unique=True),
            IndexModel([("tenant", ASCENDING), ("created", DESCENDING), ("_id", DESCENDING)]),
            IndexModel([("tenant", ASCENDING), ("channel", ASCENDING), ("created", DESCENDING), ("_id", DESCENDING)]),
        ]

    async def version(self, number: int | None) -> Version | None:
        """One version of it, the newest if none is named; None if there is no such one."""
        if number is None or number == self.newest.number:
            return self.newest
        found = await TemplateVersion.find_one({"_id": TemplateVersion.id_of(self.id, number)})
        return found.version if found else None

    async def supersede(self, version: Version) -> bool:
        """Say this from now on, unless somebody else was quicker; whether it does.

        What it said until now is kept first, so that every version can be found at every moment.

        Raises:
            DuplicateKeyError: if another template of the tenant has the new name.
        """
        kept = TemplateVersion(
            id=TemplateVersion.id_of(self.id, self.newest.number), template_id=self.id, version=self.newest
        )
        with suppress(DuplicateKeyError):  # kept by whoever is quicker, or was broken off here
            await kept.insert()
        selector = {"_id": self.id, "newest.number": self.newest.number}
        written = await self.collection().update_one(selector, {"$set": {"newest": version.model_dump()}})
        return written.matched_count == 1

    async def remove(self) -> None:
        """Remove it with all its versions."""
        await self.collection().delete_one({"_id": self.id})
        await TemplateVersion.collection().delete_many({"template_id": self.id})


class TemplateVersion(Stored):
    """What a template said before."""

    template_id: str
    version: Version

    class Settings:
        """Where it is stored."""

        name = "template_versions"
        indexes = [IndexModel([("template_id", ASCENDING), ("version.number", DESCENDING)])]

    @staticmethod
    def id_of(template_id: str, number: int) -> str:
        """The id that a version always has."""
        return derived_id("template-version", template_id, str(number))

    @classmethod
    async def before(cls, template_id: str, number: int, limit: int) -> list[Version]:
        """What a template said before one of its versions, the newest first."""
        earlier: dict[str, Any] = {"template_id": template_id, "version.number": {"$lt": number}}
        found = await cls.find(earlier).sort("-version.number").limit(limit).to_list()
        return [one.version for one in found]
