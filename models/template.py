"""Templates: reusable payloads whose every change is a new version."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydantic import BaseModel, Field, JsonValue
from pymongo import ASCENDING, DESCENDING, IndexModel

from domain.channels import Channel
from domain.clock import utc_now
from domain.formats import DEFAULT_STYLE, Style
from domain.gate.category import Category
from domain.templates import Variable
from models.base import NEWEST_FIRST, Stored
from models.versions import Versions


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
        return await _VERSIONS.find(self.id, number)

    async def versions_before(self, number: int, limit: int) -> Sequence[Version]:
        """Return the versions before a version, newest first."""
        return await _VERSIONS.before(self.id, number, limit)

    async def supersede(self, version: Version) -> bool:
        """Replace the current version; return whether no concurrent change came first.

        Raises:
            DuplicateKeyError: if another template of the tenant has the new name.
        """
        return await _VERSIONS.supersede(self.id, self.newest.number, self.newest, version)

    async def remove(self) -> None:
        """Delete the template with all its versions."""
        await _VERSIONS.remove(self.id)


class TemplateVersion(Stored):
    """An earlier version of a template."""

    template_id: str
    version: Version

    class Settings:
        """Collection name and indexes."""

        name = "template_versions"
        indexes = [IndexModel([("template_id", ASCENDING), ("version.number", DESCENDING)])]


_VERSIONS: Final = Versions[Version](Template, TemplateVersion, "template_id", "template-version")
