"""Templates: reusable payloads whose every change is a new version."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field, JsonValue
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from domain.channels import Channel
from domain.clock import utc_now
from domain.formats import DEFAULT_STYLE, Style
from domain.gate.category import Category
from domain.identifiers import derived_id
from domain.templates import Variable
from models.base import NEWEST_FIRST, Stored


class Version(BaseModel):
    """An immutable version of a template.

    Attributes:
        category: the default category of its sends.
    """

    number: int
    name: str
    payload: dict[str, JsonValue]
    variables: list[Variable]
    language: str = DEFAULT_STYLE.language
    time_zone: str = DEFAULT_STYLE.time_zone
    category: Category = Category.TRANSACTIONAL
    author_id: str
    created: datetime = Field(default_factory=utc_now)

    @property
    def style(self) -> Style:
        """Formats of dates, times and numbers."""
        return Style(self.language, self.time_zone)


class Template(Stored):
    """A payload of one channel with placeholders.

    Attributes:
        newest: the current version; earlier ones are `TemplateVersion`s.
        fingerprint: of the request that created it; a different request with the same `Idempotency-Key` has another.
    """

    tenant: str
    channel: Channel
    newest: Version
    fingerprint: str
    created: datetime = Field(default_factory=utc_now)

    class Settings:
        """Collection name and indexes; a name is unique within a tenant."""

        name = "templates"
        indexes = [
            IndexModel([("tenant", ASCENDING), ("newest.name", ASCENDING)], unique=True),
            IndexModel([("tenant", ASCENDING), *NEWEST_FIRST]),
            IndexModel([("tenant", ASCENDING), ("channel", ASCENDING), *NEWEST_FIRST]),
        ]

    async def version(self, number: int | None) -> Version | None:
        """Return one version, by default the newest; None if there is no such version."""
        if number is None or number == self.newest.number:
            return self.newest
        found = await TemplateVersion.find_one({"_id": TemplateVersion.id_of(self.id, number)})
        return found.version if found else None

    async def supersede(self, version: Version) -> bool:
        """Replace the current version; return whether no concurrent change came first.

        The current version is saved first, so that every version can be found at every moment.

        Raises:
            DuplicateKeyError: if another template of the tenant has the new name.
        """
        current = TemplateVersion(
            id=TemplateVersion.id_of(self.id, self.newest.number), template_id=self.id, version=self.newest
        )
        with suppress(DuplicateKeyError):  # saved by a concurrent change, or by an attempt that was interrupted here
            await current.insert()
        selector = {"_id": self.id, "newest.number": self.newest.number}
        written = await self.collection().update_one(selector, {"$set": {"newest": version.model_dump()}})
        return written.matched_count == 1

    async def remove(self) -> None:
        """Delete the template with all its versions."""
        await self.collection().delete_one({"_id": self.id})
        await TemplateVersion.collection().delete_many({"template_id": self.id})


class TemplateVersion(Stored):
    """An earlier version of a template."""

    template_id: str
    version: Version

    class Settings:
        """Collection name and indexes."""

        name = "template_versions"
        indexes = [IndexModel([("template_id", ASCENDING), ("version.number", DESCENDING)])]

    @staticmethod
    def id_of(template_id: str, number: int) -> str:
        """The deterministic id of a version."""
        return derived_id("template-version", template_id, str(number))

    @classmethod
    async def before(cls, template_id: str, number: int, limit: int) -> list[Version]:
        """Return the versions before a version, newest first."""
        earlier: dict[str, Any] = {"template_id": template_id, "version.number": {"$lt": number}}
        found = await cls.find(earlier).sort("-version.number").limit(limit).to_list()
        return [one.version for one in found]
