"""Reach on the wire: the countries to which messages may go, and limits on how many."""

from typing import Final

from pydantic import Field, JsonValue

from api.schemas.common import Asked
from domain.gate.reach import MAX_REACH_RULES, ReachRule, ReachSettings
from domain.gate.velocity import MAX_LIMIT, VelocityLimits
from models.reach_count import ReachCount
from models.sending_rules import SendingRules
from wire.answer import Answer, Instant

_RULES: Final = (
    "The countries, by channel and category. Of the rules about a message, the one prevails that names its channel; "
    "then its category. A country that no rule names is allowed."
)
_MONITORED: Final = "Messages of a day (UTC) to a monitored country above which they are reported."
_VELOCITY: Final = "Limits on messages of authentication to phone numbers; an omitted one does not exist."


class ReachRequest(Asked):
    """The tenant's reach, which replaces the earlier one."""

    rules: list[ReachRule] = Field(max_length=MAX_REACH_RULES, description=_RULES)
    monitored_per_day: int = Field(default=100, alias="monitoredPerDay", ge=1, le=MAX_LIMIT, description=_MONITORED)
    velocity: VelocityLimits = Field(default=VelocityLimits(), description=_VELOCITY)

    def settings(self) -> ReachSettings:
        """Return the reach that the request sets."""
        return ReachSettings.model_validate(self.model_dump(by_alias=True))


class ReachAnswer(Answer):
    """The reach of a tenant."""

    rules: list[ReachRule] = Field(description=_RULES)
    monitored_per_day: int = Field(description=_MONITORED)
    velocity: VelocityLimits = Field(description=_VELOCITY)
    version: int = Field(description="The number of changes so far, those of the sending rules included.")
    updated: Instant | None = Field(description="When they were last changed; null if they never were.")
    updater_id: str | None = Field(description="The account that changed them last.")

    @classmethod
    def of(cls, stored: SendingRules | None) -> "ReachAnswer":
        """The reach as the answer shows it."""
        reach = stored.reach if stored else ReachSettings()
        return cls(
            rules=reach.rules,
            monitored_per_day=reach.monitored_per_day,
            velocity=reach.velocity,
            version=stored.version if stored else 0,
            updated=stored.updated if stored else None,
            updater_id=stored.updater_id if stored else None,
        )


class ReachedLimitAnswer(Answer):
    """A limit that messages came above in one period."""

    id: str
    per: str = Field(
        description="What is counted: the messages of authentication per `destination`, `prefix` (the number without "
        "its last four digits) or `country`; or all messages to a `monitored` country."
    )
    subject: str = Field(description="The number without its last four digits, or the country; `*` for none.")
    limit: int
    action: str = Field(description="`monitor`: further messages went; `block`: they were refused.")
    begins: Instant = Field(description="The beginning of the period.")
    ends: Instant
    reached: Instant = Field(description="When the first message above the limit came.")

    @classmethod
    def of(cls, found: ReachCount) -> "ReachedLimitAnswer":
        """The count as the answer shows it."""
        return cls(
            id=found.id,
            per=found.per,
            subject=found.subject,
            limit=found.limit,
            action=found.action,
            begins=found.begins,
            ends=found.ends,
            reached=found.reached or found.begins,
        )


REACH_EXAMPLE: Final[dict[str, JsonValue]] = {
    "rules": [
        {"countries": {"ES": "allow", "PT": "allow", "*": "monitor"}},
        {"category": "authentication", "countries": {"ES": "allow", "*": "block"}},
    ],
    "monitoredPerDay": 100,
    "velocity": {
        "destination": {"limit": 5, "every": "PT1H", "action": "block"},
        "prefix": {"limit": 50, "every": "PT1H", "action": "monitor"},
        "country": {"times": 5, "atLeast": 100, "action": "monitor"},
    },
}

REACH_ANSWER: Final[dict[str, JsonValue]] = {
    "rules": [
        {"channel": None, "category": None, "countries": {"ES": "allow", "PT": "allow", "*": "monitor"}},
        {"channel": None, "category": "authentication", "countries": {"ES": "allow", "*": "block"}},
    ],
    "monitoredPerDay": 100,
    "velocity": REACH_EXAMPLE["velocity"],
    "version": 3,
    "updated": "2026-11-30T10:00:00.124Z",
    "updaterId": "6a1f0c9e3f0a4b7d8c2e5f00",
}

REACHED_LIMIT: Final[dict[str, JsonValue]] = {
    "id": "2f0f7a1de2b34c51a9d86e07",
    "per": "prefix",
    "subject": "3463876****",
    "limit": 50,
    "action": "monitor",
    "begins": "2026-11-30T10:00:00.000Z",
    "ends": "2026-11-30T11:00:00.000Z",
    "reached": "2026-11-30T10:12:07.310Z",
}
