"""Sending rules on the wire."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Final, Literal

from pydantic import Field, JsonValue

from api.schemas.common import Asked, StorableInstant, TimeZone
from domain.channels import Channel
from domain.errors import InvalidRequestError
from domain.gate.category import Category
from domain.gate.decision import Decision, Go, Refuse, Wait
from domain.gate.presets import PRESETS, Preset
from domain.gate.sending_rules import SendingRule, problems_of_rules
from domain.gate.zone_choice import ZoneChoice
from domain.problems import MAX_PROBLEMS, Problem
from domain.texts import Language, chosen_language
from models.sending_rules import SendingRules
from wire.answer import Answer, Instant

MAX_RULES: Final = 500
"""Maximum rules of one request, besides those of its presets."""

_TIME_ZONE: Final = "The IANA name of the zone of recipients whose zone is unknown; null for UTC."


class SendingRulesRequest(Asked):
    """The tenant's sending rules, which replace the earlier ones."""

    time_zone: TimeZone | None = Field(default=None, alias="timeZone", description=_TIME_ZONE)
    rules: list[SendingRule] = Field(
        max_length=MAX_RULES,
        description="Of the rules about a message, the one prevails that names its country; then its channel; then its "
        "category.",
    )
    presets: list[str] = Field(
        default=[],
        max_length=len(PRESETS),
        description="Presets whose rules are added, as they are now (`GET /v1/sending-rules/presets`).",
        examples=[["es-marketing"]],
    )

    def with_presets(self) -> list[SendingRule]:
        """Return the rules with those of the presets.

        Raises:
            InvalidRequestError: if a preset or a zone is unknown, or two rules are about the same messages.
        """
        allowed: dict[str, str | int] = {"allowed": ", ".join(PRESETS)}
        problems = [
            Problem(field=f"presets[{position}]", code="not_allowed", details=allowed)
            for position, name in enumerate(self.presets)
            if name not in PRESETS
        ]
        rules = [(f"rules[{position}]", rule) for position, rule in enumerate(self.rules)]
        for position, name in enumerate(self.presets):
            rules += [(f"presets[{position}]", rule) for rule in (PRESETS[name].rules if name in PRESETS else ())]
        problems += problems_of_rules(rules)
        if problems:
            raise InvalidRequestError(problems[:MAX_PROBLEMS])
        return [rule for _, rule in rules]


class SendingRulesAnswer(Answer):
    """The sending rules of a tenant."""

    time_zone: str | None = Field(description=_TIME_ZONE)
    rules: list[SendingRule]
    version: int = Field(description="The number of changes so far.")
    updated: Instant | None = Field(description="When they were last changed; null if they never were.")
    updater_id: str | None = Field(description="The account that changed them last.")

    @classmethod
    def of(cls, stored: SendingRules | None) -> "SendingRulesAnswer":
        """The rules as the answer shows them."""
        if stored is None:
            return cls(time_zone=None, rules=[], version=0, updated=None, updater_id=None)
        return cls.model_validate({name: getattr(stored, name) for name in cls.model_fields})


class PresetAnswer(Answer):
    """A proposal of rules for a country."""

    name: str
    description: str
    kind: Literal["law", "operator", "calls"] = Field(
        description="`law`: a law that is about text messages or is applied to them; `operator`: what networks "
        "enforce; `calls`: a law about calls, which for text messages is prudence."
    )
    sources: Sequence[str] = Field(description="Where the hours were read.")
    read: date = Field(description="When the sources were read.")
    rules: Sequence[SendingRule]

    @classmethod
    def of(cls, name: str, preset: Preset, language: Language) -> "PresetAnswer":
        """The preset as the answer shows it."""
        return cls(
            name=name,
            description=preset.description[language],
            kind=preset.kind,
            sources=preset.sources,
            read=preset.read,
            rules=preset.rules,
        )


class PresetsAnswer(Answer):
    """All presets. They are not legal advice."""

    items: list[PresetAnswer]


class RulesCheck(Asked):
    """A message for which to compute when it would go."""

    destination: str = Field(max_length=1_000, description="Phone number, e-mail address or id of the channel.")
    channel: Annotated[Channel, Field(strict=False)]
    category: Annotated[Category, Field(strict=False)] = Category.TRANSACTIONAL
    at: StorableInstant | None = Field(default=None, description="When it is sent. Default: now.")


class ZoneAnswer(Answer):
    """The time zone whose clock a message follows, and how it was chosen."""

    guess: str = Field(
        description="What the choice is based on: `destination`, `user`, `request`, `number`, `country` or `tenant`; "
        "`…_shared` means the hours that several possible zones share, `…_main` one zone out of several."
    )
    zone: str
    zones: Sequence[str] = Field(description="All zones whose hours are respected.")
    possible: int = Field(description="The number of zones among which the choice was made.")
    description: str = Field(description="The choice in words.")

    @classmethod
    def of(cls, choice: ZoneChoice, language: Language) -> "ZoneAnswer":
        """The choice as the answer shows it."""
        return cls(**choice.model_dump(), description=choice.sentence(language))


class RulesCheckAnswer(Answer):
    """When a message would go."""

    goes: Literal["now", "later", "never"] = Field(
        description="`now`: at once; `later`: at `at`; `never`: it is refused, see `code`."
    )
    at: Instant | None = Field(description="The earliest instant at which it goes; null if it never does.")
    spread_seconds: int = Field(description="The time after `at` over which the messages that waited are spread.")
    code: str | None = Field(description="The code of the problem for which it is refused.")
    description: str | None = Field(description="The wait or the problem in words.")
    country: str | None = Field(description="The recipient's country (ISO 3166-1 alpha-2), if it is known.")
    rule: SendingRule | None = Field(description="The sending rule that applies, if any does.")
    zone: ZoneAnswer

    @classmethod
    def of(
        cls, decision: Decision, at: datetime, country: str | None, rule: SendingRule | None, choice: ZoneChoice
    ) -> "RulesCheckAnswer":
        """The decision about a message of an instant as the answer shows it."""
        language = chosen_language()
        code = description = None
        goes: Literal["now", "later", "never"] = "now"
        going: datetime | None = at
        match decision:
            case Wait():
                goes, going, description = "later", decision.until, decision.sentence(language)
            case Refuse(problem=problem):
                goes, going, code, description = "never", None, problem.code, problem.message(language)
            case Go():
                pass
        return cls(
            goes=goes,
            at=going,
            spread_seconds=int(rule.spread_time.total_seconds()) if rule and goes == "later" else 0,
            code=code,
            description=description,
            country=country,
            rule=rule,
            zone=ZoneAnswer.of(choice, language),
        )


RULES_EXAMPLE: Final[dict[str, JsonValue]] = {
    "timeZone": "Europe/Madrid",
    "rules": [
        {
            "country": "ES",
            "category": "marketing",
            "channel": "SMS",
            "windows": [
                {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "21:00", "holidays": ["ES"]},
                {"days": ["sat"], "from": "10:00", "to": "14:00", "holidays": ["ES"]},
            ],
            "spread": "PT10M",
        }
    ],
    "presets": ["fr-marketing"],
}

_RULE: Final[dict[str, JsonValue]] = {
    "country": "ES",
    "category": "marketing",
    "channel": "SMS",
    "windows": [
        {
            "days": ["mon", "tue", "wed", "thu", "fri"],
            "from": "09:00",
            "to": "21:00",
            "timeZone": "recipient",
            "holidays": ["ES"],
        }
    ],
    "spread": None,
}

RULES_ANSWER: Final[dict[str, JsonValue]] = {
    "timeZone": "Europe/Madrid",
    "rules": [_RULE],
    "version": 3,
    "updated": "2026-11-30T10:00:00.124Z",
    "updaterId": "6a1f0c9e3f0a4b7d8c2e5f00",
}

PRESET_ANSWER: Final[dict[str, JsonValue]] = {
    "name": "es-marketing",
    "description": PRESETS["es-marketing"].description[Language.SPANISH],
    "kind": "calls",
    "sources": list(PRESETS["es-marketing"].sources),
    "read": "2026-11-30",
    "rules": [_RULE],
}

CHECK_EXAMPLE: Final[dict[str, JsonValue]] = {
    "destination": "+34 638 766 068",
    "channel": "SMS",
    "category": "marketing",
    "at": "2026-12-05T22:00:00Z",
}

CHECK_ANSWER: Final[dict[str, JsonValue]] = {
    "goes": "later",
    "at": "2026-12-07T08:00:00.000Z",
    "spreadSeconds": 300,
    "code": None,
    "description": "Espera hasta 2026-12-07T08:00:00.000Z, cuando abre la ventana de envío. Horas que comparten las 2 "
    "zonas horarias posibles de su número de teléfono, como Europe/Madrid",
    "country": "ES",
    "rule": _RULE,
    "zone": {
        "guess": "number_shared",
        "zone": "Europe/Madrid",
        "zones": ["Europe/Madrid", "Atlantic/Canary"],
        "possible": 2,
        "description": "Horas que comparten las 2 zonas horarias posibles de su número de teléfono, como Europe/Madrid",
    },
}
